"""Mutation testing: `nice python -m benchmarks.mutation [MODULE.py ...]` (needs the `mutation` extra).

Changes the code in every small way that mutmut knows of, one at a time, and lets the tests find it: no change may
survive that is not shown to be no change at all. `pyproject.toml` says which modules, and by which tests;
`equivalent_mutants.toml` which changes cannot be found by any test, and why. Exit code 1 if others survive.

mutmut itself changes functions and methods. It passes over what is decorated and what runs on import: properties,
validators, constants, defaults and limits of fields. These are changed here, by mutmut's operators, in a copy of the
project: a forked process, which has the heavy libraries already, runs the module's tests.
"""

from __future__ import annotations

import argparse
import difflib
import importlib
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

TOP = Path(__file__).parents[1]
EQUIVALENT = Path(__file__).with_name("equivalent_mutants.toml")
# Exit codes of pytest and mutmut that mean that nothing has noticed: passed, no tests, no tests for it, not run.
_UNNOTICED = {0, 5, 33, 34, None}
# Imported before forking; nothing of the project's own.
_HEAVY = ("numpy", "scipy.special", "h5py", "numba", "emcee", "pydantic", "rich.console", "arviz_base", "arviz_stats")
_PATIENCE = 300  # seconds that the tests of one mutant may take


@dataclass(frozen=True)
class Mutant:
    """One change of a module, and whether the tests have found it."""

    module: str
    change: str
    found: bool


def change(before: str, after: str) -> str:
    """Return what differs between two texts: the lines gone, then the lines come, without their indent."""
    lines = list(difflib.unified_diff(before.splitlines(), after.splitlines(), lineterm="", n=0))[2:]
    gone, come = (" ".join(line[1:].strip() for line in lines if line[0] == sign) for sign in "-+")
    return f"{gone} => {come}"


def of_functions(module: str, processes: int) -> Iterator[Mutant]:
    """Let mutmut change the functions of a module."""
    from mutmut.mutation.data import SourceFileMutationData

    name = module.removesuffix(".py").replace("/", ".")
    command = [_mutmut(), "run", "--max-children", str(processes), f"{name}.*"]
    done = subprocess.run(command, cwd=TOP, stdout=sys.stderr, check=False)
    if done.returncode:
        raise SystemExit(f"mutmut has failed with code {done.returncode}")
    os.chdir(TOP)
    data = SourceFileMutationData(path=module)
    data.load()
    for mutant, code in data.exit_code_by_key.items():
        found = code not in _UNNOTICED
        yield Mutant(module, mutant if found else _shown(mutant), found)


def _mutmut() -> str:
    return str(Path(sys.executable).with_name("mutmut"))


def _shown(mutant: str) -> str:
    """Return the change that a mutant of mutmut's is."""
    shown = subprocess.run([_mutmut(), "show", mutant], cwd=TOP, capture_output=True, text=True, check=True).stdout
    lines = [line for line in shown.splitlines() if line[:3] not in ("---", "+++")]
    gone, come = (" ".join(line[1:].strip() for line in lines if line[:1] == sign) for sign in "-+")
    return f"{gone} => {come}"


def passed_over(source: str) -> Iterator[str]:
    """Yield the source once for each change of what mutmut passes over."""
    import libcst as cst
    from mutmut.mutation import file_mutation
    from mutmut.mutation.pragma_handling import IgnoredCode

    def within_function(visitor: Any, node: cst.CSTNode) -> bool:
        outer = visitor.get_metadata(file_mutation.OuterFunctionProvider, node, None)
        return isinstance(outer, cst.FunctionDef)

    class Visitor(file_mutation.MutationVisitor):
        def _skip_node_and_children(self, node: cst.CSTNode) -> bool:
            if isinstance(node, cst.FunctionDef) and node.decorators:
                return False
            if isinstance(node, cst.Annotation) and not within_function(self, node):
                return False  # pydantic reads a field's limits there
            if isinstance(node, (cst.Import, cst.ImportFrom, cst.Decorator)):
                return True
            return bool(super()._skip_node_and_children(node))

    wrapper = cst.MetadataWrapper(cst.parse_module(source))
    nothing = IgnoredCode(no_mutate_lines=set(), ignore_node_lines=set(), ignore_pattern_lines=set())
    visitor = Visitor(file_mutation.mutation_operators, nothing)
    module = wrapper.visit(visitor)
    for mutation in visitor.mutations:
        outer = mutation.contained_by_top_level_function
        if isinstance(outer, cst.FunctionDef) and not outer.decorators:
            continue  # mutmut's own
        mutated = file_mutation.deep_replace(module, mutation.original_node, mutation.mutated_node)
        assert isinstance(mutated, cst.Module)
        yield mutated.code


def of_the_rest(module: str, tests: list[str]) -> Iterator[Mutant]:
    """Change what mutmut passes over, in a copy of the project."""
    source = (TOP / module).read_text()
    for name in _HEAVY:
        importlib.import_module(name)
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder)
        for part in ("calibrate", "tests", "data"):
            shutil.copytree(TOP / part, copy / part)
        shutil.copy(TOP / "pyproject.toml", copy)
        if (code := _run(copy, tests)) != 0:
            raise SystemExit(f"the tests of {module} do not pass as it is (pytest: {code})")
        for mutated in passed_over(source):
            (copy / module).write_text(mutated)
            yield Mutant(module, change(source, mutated), _run(copy, tests) not in _UNNOTICED)


def _run(copy: Path, tests: list[str]) -> int | None:
    """Run tests of a copy in a forked process, to the first that fails."""
    child = os.fork()
    if child:
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    signal.alarm(_PATIENCE)
    os.chdir(copy)
    sys.path[:0] = [str(copy), str(copy / "tests")]
    for name in [name for name in sys.modules if name.split(".")[0] in ("calibrate", "benchmarks")]:
        del sys.modules[name]
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    os.dup2(nowhere, 2)
    os.environ |= {"PYTHONPATH": str(copy), "PYTHONDONTWRITEBYTECODE": "1"}
    sys.dont_write_bytecode = True  # two mutants of one size within a second would pass for the same
    import pytest

    os._exit(int(pytest.main(["-x", "-q", "-n0", "-p", "no:cacheprovider", *tests])))


def main() -> int:
    """Run what is asked for and print what has survived."""
    settings = tomllib.loads((TOP / "pyproject.toml").read_text())["tool"]
    tests_of: dict[str, list[str]] = settings["calibrate"]["mutation"]
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("modules", nargs="*", metavar="MODULE.py", help=f"of {', '.join(tests_of)}; all by default")
    parser.add_argument("--processes", type=int, default=1, help="of mutmut; 1 by default")
    asked = parser.parse_args()
    modules = asked.modules or list(tests_of)
    known = tomllib.loads(EQUIVALENT.read_text())["equivalent"]
    shutil.rmtree(TOP / "mutants", ignore_errors=True)  # what mutmut knows of tests that have changed since
    used, failed = [0] * len(known), False
    print("| module | mutants | killed | equivalent | survived |\n|---|---|---|---|---|", flush=True)
    for module in modules:
        mutants = [*of_functions(module, asked.processes), *of_the_rest(module, tests_of[module])]
        equivalent, survived = 0, []
        for mutant in mutants:
            if mutant.found:
                continue
            which = [
                i for i, k in enumerate(known) if module == k["module"] and re.fullmatch(k["change"], mutant.change)
            ]
            for i in which:
                used[i] += 1
            equivalent += bool(which)
            survived += [] if which else [mutant]
        killed = len(mutants) - equivalent - len(survived)
        print(f"| {module} | {len(mutants)} | {killed} | {equivalent} | {len(survived)} |", flush=True)
        for mutant in survived:
            print(f"  survived: {mutant.change}", flush=True)
        failed |= bool(survived)
    for count, entry in zip(used, known, strict=True):
        if not count and entry["module"] in modules:
            print(f"no longer needed in {EQUIVALENT.name}: {entry['change']}")
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
