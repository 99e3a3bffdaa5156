"""Where a shard's results are: its file, the batches on the way there, and chains that are kept."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from calibrate.chain.origin import reason
from calibrate.density import MODEL_VERSION
from calibrate.errors import ChainError, RunError
from calibrate.files import replacing
from calibrate.kinds import promised
from calibrate.study.file import Head, Record, batch_file, batches_in, parts_folder, shard_file, write
from calibrate.study.knees import Study
from calibrate.study.reader import ShardFile, open_shard, records_of
from calibrate.study.results import shards_in
from calibrate.study.work import Done, Plan

_RESUME = "go on with it by --resume, or choose another folder with -o"


@dataclass(frozen=True)
class Place:
    """A shard's place in the folder of a study's results.

    Attributes
    ----------
    folder : Path
        Of all shards.
    head : Head
        What the shard's files say of the study.
    """

    folder: Path
    head: Head

    @classmethod
    def of(cls, study: Study, folder: Path, plan: Plan) -> Place:
        """Return the place of a study's shard."""
        common = {"seed": study.seed, "settings": dict(study.settings or {}), "draws": plan.draws}
        said = json.dumps(common | {"model_version": MODEL_VERSION}, sort_keys=True)
        return cls(folder, Head(*study.shard, len(study.knees), study.total, said))

    @property
    def file(self) -> Path:
        """The file of the finished shard."""
        return shard_file(self.folder, self.head.shard, self.head.shards)

    @property
    def parts(self) -> Path:
        """The folder of finished batches."""
        return parts_folder(self.folder, self.head.shard, self.head.shards)

    def chain(self, knee: str) -> Path:
        """Return the file of a knee's chain."""
        return self.folder / "chains" / f"{knee}.h5"

    def has_chain(self, knee: str, plan: Plan) -> bool:
        """Tell whether a knee's chain is there, if it is to be kept."""
        return not plan.chains or self.chain(knee).exists()

    def files(self) -> list[Path]:
        """Return the shard's file and those of batches, as far as there are any."""
        return [*([self.file] if self.file.exists() else []), *batches_in(self.parts)]

    def check(self, *, resume: bool) -> None:
        """Refuse a folder that holds other results, or these without anybody saying that they are to be gone on with.

        Raises
        ------
        ChainError
            Saying what is there, and what to do.
        """
        if self.folder.exists() and not self.folder.is_dir():
            raise ChainError(f"{self.folder}: is a file; name a folder with -o")
        if not self.folder.exists():
            if promise := promised(self.folder):
                raise ChainError(
                    f"{self.folder}: this name is that of {promise}, and what is written is a folder; name one with -o"
                )
            return
        there = [*shards_in(self.folder)]
        for path, _, shards in there:
            if shards != self.head.shards:
                raise ChainError(
                    f"{path}: these results are in {shards} shards, not in {self.head.shards}; keep to one, or choose "
                    "another folder with -o"
                )
        mine = self.files()
        others = [path for path, _, _ in there if path.suffix == ".h5" and path != self.file]
        for path in [*mine, *others[:1]]:  # the rest is looked at when all are opened together
            try:
                shard = open_shard(path)
            except ChainError as error:
                advice = "; once it is deleted, --resume calibrates its knees again" if path in mine else ""
                raise ChainError(f"{error}{advice}") from None
            self._check_study(shard)
        if mine and not resume:
            raise ChainError(f"{mine[0]}: exists already; {_RESUME}")

    def make(self) -> None:
        """Make the folder.

        Raises
        ------
        ChainError
            If it cannot be made.
        """
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise ChainError(f"{self.folder}: cannot be made ({reason(error)}); choose another with -o") from None

    def store(self, done: Sequence[Done]) -> Path:
        """Write a finished batch, chains first, and return its file.

        Raises
        ------
        RunError
            If it cannot be written.
        """
        path = batch_file(self.parts, (one.record.id for one in done))
        for one in done:
            if one.chain is not None:
                with replacing(self.chain(one.record.id), RunError) as temporary:
                    temporary.write_bytes(one.chain)
        with self._written(path):
            self.parts.mkdir(exist_ok=True)
            write(path, self.head, (one.record for one in done), packed=False)  # it is there for a while
        return path

    def gather(self, knees: Sequence[tuple[str, Path, int]]) -> None:
        """Make the shard's file of records by knee, file and row, in that order, and remove the batches.

        Raises
        ------
        RunError
            If it cannot be written; then all is as it was.
        """
        whole = self.file.exists() and all(path == self.file for _, path, _ in knees)
        if not (whole and open_shard(self.file).ids == tuple(name for name, _, _ in knees)):
            with self._written(self.file):
                write(self.file, self.head, _records(knees))
        for path in batches_in(self.parts):
            path.unlink(missing_ok=True)
        for path in self.parts.glob(".batch-*.new"):  # of one who was killed
            path.unlink(missing_ok=True)
        with contextlib.suppress(OSError):  # there is none, or somebody's file is in it
            self.parts.rmdir()

    def _check_study(self, shard: ShardFile) -> None:
        found = shard.head.study
        if found != self.head.study:
            raise ChainError(
                f"{shard.path}: is of a study with {_different(found, self.head.study)}; keep to these, or choose "
                "another folder with -o"
            )

    @contextlib.contextmanager
    def _written(self, path: Path) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise RunError(
                f"{path}: writing failed ({reason(error)}); all batches before are whole; make room, then go on by "
                "--resume"
            ) from None


def _records(knees: Sequence[tuple[str, Path, int]]) -> Iterator[Record]:
    """Yield records by file and row; neighbours are mostly in one file, which is opened once for them.

    No record is read but these: others may be damaged.
    """
    at = 0
    while at < len(knees):
        _, path, first = knees[at]
        stop = at + 1
        while stop < len(knees) and knees[stop][1:] == (path, first + stop - at):
            stop += 1
        yield from islice(records_of(path, first), stop - at)
        at = stop


def _different(before: str, now: str) -> str:
    """Say in which setting two studies differ."""
    known, wanted = json.loads(before), json.loads(now)
    for key in ("seed", "draws", "model_version"):
        if known.get(key) != wanted[key]:
            return f"{key} {str(known.get(key))[:40]} and not {wanted[key]}"
    return f"settings {str(known.get('settings'))[:200]} and not {wanted['settings']}"
