"""The code in documents, and a folder in which it runs: files, commands and Python, one block after the other."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from conftest import Result

TOP = Path(__file__).parent.parent
_BLOCK = re.compile(r"(?:^<!-- not run: (?P<why>.+?) -->\n)?^```(?P<kind>[\w-]+)\n(?P<text>.*?)^```$", re.M | re.S)
_FILE = re.compile(r"#:?\s*(?P<name>[\w.-]+\.(?:toml|csv))\b")
# What a chain may cost here: the pages are about what is typed and printed, not about answers.
LEAN = "\n[sampling]\nseed = 1\nensembles = 2\nwalkers = 64\nworkers = 1\nmin_ess = 1e6\nmax_steps = {steps}\n"


@dataclass(frozen=True)
class Block:
    """A block of code, and why it is not run, if it is not."""

    page: Path
    line: int
    kind: str
    text: str
    why_not: str

    @property
    def file(self) -> str:
        """The name of the file that it is, "" if it is none."""
        found = _FILE.match(self.text)
        return found["name"] if found and self.kind in ("toml", "text") else ""


def blocks(page: Path) -> list[Block]:
    """Return the blocks of a document, in order."""
    text = page.read_text(encoding="utf-8")
    return [
        Block(page, text[: found.start("text")].count("\n"), found["kind"], found["text"], found["why"] or "")
        for found in _BLOCK.finditer(text)
    ]


class Folder:
    """Runs the blocks of a page in a folder of its own; runs of the same knee are made once for all pages.

    Parameters
    ----------
    place : Path
        The folder; the working one, too.
    command : callable
        Runs `calibrate` in this process, see `conftest.command`.
    kept : Path
        Where runs are kept.
    steps : int
        How long chains are.
    """

    def __init__(self, place: Path, command: Callable[..., Result], kept: Path, steps: int = 60) -> None:
        self.place, self.command, self.kept, self.steps = place, command, kept, steps
        self.names: dict[str, Any] = {}

    def run(self, block: Block) -> None:
        """Run one, or write the file that it is.

        Raises
        ------
        AssertionError
            If something of it fails, with the line.
        """
        if block.file:
            (self.place / block.file).write_text(block.text, encoding="utf-8")
        elif block.kind == "python":
            exec(compile("\n" * block.line + block.text, str(block.page), "exec"), self.names)
        elif block.kind == "sh":
            for line in block.text.replace("\\\n", " ").splitlines():
                if line.strip():
                    self._line(line, f"{block.page.name}, {line}")

    def _line(self, line: str, where: str) -> None:
        words = shlex.split(line, comments=True)
        if not words:
            return
        if words[0] != "calibrate":
            call = f'calibrate() {{ "{sys.executable}" -m calibrate "$@"; }}\npython() {{ "{sys.executable}" "$@"; }}\n'
            done = subprocess.run(["bash", "-euc", call + line], cwd=self.place, capture_output=True, text=True)
            assert done.returncode == 0, (where, done.stderr)
            return
        target = words[words.index(">") + 1] if ">" in words else None
        done_here = self._calibrate(words[1 : words.index(">")] if target else words[1:])
        # Of a chain as short as these, it is the right answer that it has not converged.
        allowed = (0, 3) if words[1] in ("run", "resume", "validate") else (0,)
        assert done_here.code in allowed, (where, done_here.err)
        if target is not None:
            (self.place / target).write_text(done_here.out, encoding="utf-8")

    def _calibrate(self, arguments: list[str]) -> Result:
        if arguments[0] == "resume":
            return self.command(*arguments, "--steps", "2") if len(arguments) == 2 else self.command(*arguments)
        if arguments[0] != "run":
            return self.command(*arguments)
        return self._begin(arguments)

    def _begin(self, arguments: list[str]) -> Result:
        """Start a run, or copy the one that was started of the same files by the same words."""
        path = Path(arguments[arguments.index("-o") + 1])
        files = [*sorted(self.place.glob("*.csv")), self.place / arguments[1]]
        held = arguments[2:].index("--hold-out") + 2 if "--hold-out" in arguments else len(arguments)
        rest = arguments[held : held + 2]  # nothing else makes another run here
        said = "\n".join(file.read_text(encoding="utf-8") for file in files) + " ".join(rest)
        kept = self.kept / f"{hash((said, self.steps)):x}.h5"
        if not kept.exists():
            config = self.place / arguments[1]
            text = config.read_text(encoding="utf-8")
            config.write_text(text.partition("\n[sampling]")[0] + LEAN.format(steps=self.steps), encoding="utf-8")
            done = self.command("run", arguments[1], "-o", path, *rest)
            config.write_text(text, encoding="utf-8")
            if done.code in (0, 3):
                shutil.copyfile(self.place / path, kept)
            return done
        (self.place / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(kept, self.place / path)
        return Result(3, "", "")
