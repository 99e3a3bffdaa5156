"""Mutation testing: `nice python -m benchmarks.mutation [MODULE.py ...]` (needs the `mutation` extra).

Changes the code in every small way that mutmut knows of, one at a time, and lets the tests find it: no change may
survive that is not shown to be no change at all. `pyproject.toml` says which modules, and by which tests;
`equivalent_mutants.toml` which changes cannot be found by any test, and why. Exit code 1 if others survive.

mutmut itself changes functions and methods. It passes over what is decorated and what runs on import: properties,
validators, constants, defaults and limits of fields. These are changed here, by mutmut's operators: a forked process,
which has the heavy libraries already, runs the module's tests. Both work in a copy of the project, so that it can be
edited meanwhile, and know of one module and its tests alone: mutmut spends most on what it has to look through.
"""

from __future__ import annotations

import argparse
import contextlib
import difflib
import importlib
import json
import os
import re
import resource
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


@contextlib.contextmanager
def copied(module: str, tests: list[str]) -> Iterator[Path]:
    """Make a copy of the project in which mutmut knows of one module and its tests, options of pytest's among them."""
    options = ["-n0", "-p", "no:cacheprovider", *(one for one in tests if one.startswith("-"))]
    settings = {
        "source_paths": ["calibrate"],
        "only_mutate": [module],
        "also_copy": ["data", "benchmarks"],
        "pytest_add_cli_args": options,
        "pytest_add_cli_args_test_selection": [one for one in tests if not one.startswith("-")],
    }
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder)
        for part in ("calibrate", "benchmarks", "tests", "data"):
            shutil.copytree(TOP / part, copy / part, ignore=shutil.ignore_patterns("__pycache__"))
        table = "".join(f"{key} = {json.dumps(value)}\n" for key, value in settings.items())
        (copy / "pyproject.toml").write_text(f"{(TOP / 'pyproject.toml').read_text()}\n[tool.mutmut]\n{table}")
        yield copy


def of_functions(copy: Path, module: str, processes: int) -> Iterator[Mutant]:
    """Let mutmut change the functions of a module."""
    from mutmut.mutation.data import SourceFileMutationData

    name = module.removesuffix(".py").replace("/", ".")
    command = [_mutmut(), "run", "--max-children", str(processes), f"{name}.*"]
    # mutmut puts its copy of the copy first, and refuses what would be found elsewhere.
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    done = subprocess.run(command, cwd=copy, env=environment, stdout=subprocess.PIPE, check=False, text=True)
    if done.returncode:
        print(done.stdout[-5000:], file=sys.stderr)
        raise SystemExit(f"mutmut has failed with code {done.returncode}")
    with contextlib.chdir(copy):
        data = SourceFileMutationData(path=module)
        data.load()
    for mutant, code in data.exit_code_by_key.items():
        found = code not in _UNNOTICED
        yield Mutant(module, mutant if found else _shown(copy, mutant), found)


def _mutmut() -> str:
    return str(Path(sys.executable).with_name("mutmut"))


def _shown(copy: Path, mutant: str) -> str:
    """Return the change that a mutant of mutmut's is."""
    shown = subprocess.run([_mutmut(), "show", mutant], cwd=copy, capture_output=True, text=True, check=True).stdout
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
            if isinstance(node, cst.Call) and isinstance(node.func, cst.Name) and node.func.value == "said":
                return True  # the description of a key, held to the schema and the reference by other tests
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


def of_the_rest(copy: Path, module: str, tests: list[str]) -> Iterator[Mutant]:
    """Change what mutmut passes over."""
    source = (copy / module).read_text()
    for name in _HEAVY:
        importlib.import_module(name)
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


def _seconds() -> float:
    """Return the seconds of a processor that all children have taken."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


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
    used, failed = [0] * len(known), False
    head = ("module", "mutants", "killed", "equivalent", "survived", "s of a processor")
    print(f"| {' | '.join(head)} |\n{'|---' * len(head)}|", flush=True)
    for module in modules:
        before = _seconds()
        with copied(module, tests_of[module]) as copy:
            mutants = [*of_functions(copy, module, asked.processes), *of_the_rest(copy, module, tests_of[module])]
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
        row = (module, len(mutants), killed, equivalent, len(survived), round(_seconds() - before))
        print("|", " | ".join(map(str, row)), "|", flush=True)
        for mutant in survived:
            print(f"  survived: {mutant.change}", flush=True)
        failed |= bool(survived)
    for count, entry in zip(used, known, strict=True):
        if not count and entry["module"] in modules:
            print(f"no longer needed in {EQUIVALENT.name}: {entry['change']}")
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
