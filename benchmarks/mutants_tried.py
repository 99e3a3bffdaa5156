"""The changes of a module tried, each in a forked process of its own, by the tests that run what has been changed.

The tests are collected once. A change inside a function is put into the living function, so nothing is imported anew.
Where that is not enough (constants, fields, functions that numba compiles or that run on import), all that depends on
the module is. Nothing but imports has run before a fork, so nothing is remembered that the code made as it was.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import json
import os
import resource
import signal
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from types import CodeType, FrameType, FunctionType
from typing import Any, NoReturn

import pytest
from _pytest.runner import call_and_report

from benchmarks.mutants import change, changed, dependent, differing, functions, inner

# Exit codes of pytest that mean that nothing has noticed: passed, no tests.
_UNNOTICED = (0, 5)
_PATIENCE = 20  # seconds of a processor that a change may take, beyond ten times what its tests take without it
_AT_LEAST = 0.005  # seconds that any test takes
_ASLEEP = 900  # seconds after which a process that does nothing is ended
_MEMORY = 6 << 30
_Place = tuple[str, int]  # a function: its qualified name and first line


class NotPassingError(Exception):
    """The tests of a module do not pass as it is."""


def tried(copy: Path, module: str, tests: list[str]) -> Iterator[tuple[str, bool]]:
    """Yield each change of a module in a copy of the project, and whether it has been found.

    Raises
    ------
    NotPassingError
        If the tests do not pass without any change.
    """
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        os.close(reading)
        with os.fdopen(writing, "w", buffering=1) as answers:
            told = os.dup(2)
            try:
                _prepare(copy)
                _Trial(copy, module, tests, lambda *answer: print(json.dumps(answer), file=answers)).run()
            except BaseException as error:  # this process must not go on as if it were its parent
                os.write(told, f"{module}: {type(error).__name__}: {error}\n".encode())
                os._exit(1)
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as answers:
        for line in answers:
            text, found = json.loads(line)
            yield text, found
    if os.waitpid(child, 0)[1]:
        raise NotPassingError(module)


def _prepare(copy: Path) -> None:
    """Make this process one that has the project from the copy, and that says nothing."""
    os.chdir(copy)
    sys.path[:0] = [str(copy), str(copy / "tests")]
    for name in [name for name in sys.modules if name.split(".")[0] in ("calibrate", "benchmarks")]:
        del sys.modules[name]
    # Plugins of other packages, and looking for them, would cost each change anew.
    os.environ |= {"PYTHONPATH": str(copy), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    os.dup2(nowhere, 2)


def _forked(work: Callable[[Callable[[Any], NoReturn]], Any], limit: float) -> Any:
    """Return what a forked process makes of some work; None if it ends otherwise, or needs more seconds.

    The work may leave with an answer before it is done.
    """
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        gc.disable()
        signal.alarm(_ASLEEP)
        resource.setrlimit(resource.RLIMIT_CPU, (int(limit) + 1, int(limit) + 2))
        resource.setrlimit(resource.RLIMIT_DATA, (_MEMORY, _MEMORY))

        def leave(answer: Any) -> NoReturn:
            os.write(writing, json.dumps(answer).encode())
            os._exit(0)

        try:
            leave(work(leave))
        finally:
            os._exit(1)
    os.close(writing)
    with os.fdopen(reading) as file:
        answer = file.read()
    code = os.waitpid(child, 0)[1]
    return None if code else json.loads(answer)


class _Hurry:
    """A plugin of pytest's that lets the tests run first that failed last, and leaves when one fails."""

    def __init__(self, last: list[str], leave: Callable[[Any], NoReturn]) -> None:
        self.last, self.leave = last, leave

    def pytest_collectreport(self, report: Any) -> None:
        """Leave if a file cannot be imported."""
        if report.failed:
            self.leave(None)

    def pytest_collection_modifyitems(self, items: list[Any]) -> None:
        """Put the tests in order."""
        items.sort(key=lambda one: self.last.index(one.nodeid) if one.nodeid in self.last else len(self.last))

    def pytest_runtest_logreport(self, report: Any) -> None:
        """Leave if a test has failed."""
        if report.failed:
            self.leave(report.nodeid)


class _Trial:
    """One module, its tests and its changes; a plugin of pytest's."""

    def __init__(self, copy: Path, module: str, tests: list[str], answer: Callable[[str, bool], None]) -> None:
        self.copy, self.path, self.answer = copy, copy / module, answer
        # How a test has failed is nobody's to see, and takes most of the time to say.
        basetemp = ("--basetemp", str(copy / "temporary"), "-o", "tmp_path_retention_policy=none")
        usual = ("-q", "-p", "no:cacheprovider", "-o", "addopts=--strict-markers --strict-config", *basetemp)
        self.arguments = [*usual, "--tb=native", "--assert=plain", *tests]
        self.source = self.path.read_text()
        self.code = compile(self.source, str(self.path), "exec", dont_inherit=True)
        self.is_compiled = "numba" in self.source or "knee.jit" in self.source
        # Only what is decorated is compiled: functions that are not cannot be called by those that are.
        self.decorated = {i for i, line in enumerate(self.source.splitlines(), 1) if line.lstrip().startswith("@")}
        self.outer = {_place(one): _place(outer) for outer in functions(self.code) for one in inner(outer)}
        self.called: set[_Place] = set()  # functions that have been called since this was emptied
        self.failed = False
        self.reason = ""  # why nothing can be tried
        self.begun = False  # whether a fixture of the whole session has been set up
        self.of_fixture: dict[str, set[_Place]] = {}
        self.setting_up: set[_Place] = set()  # functions that such fixtures call
        # How often each test has been run, and has found something: what finds most for its time runs first.
        self.tries: Counter[int] = Counter()
        self.finds: Counter[int] = Counter()
        self.anew: list[str] = []  # the module with those changes for which it is imported anew

    def run(self) -> None:
        """Try all changes."""
        sys.settrace(self._traced)
        threading.settrace(self._traced)
        code = pytest.main(self.arguments, plugins=[self])
        if code or self.reason:
            raise NotPassingError(self.reason or f"pytest has failed with code {code}")
        if not self.anew:
            return
        sys.dont_write_bytecode = True
        stale = dependent(self.copy, self.path)
        start = _seconds()
        if _forked(lambda leave: self._anew(stale, _Hurry([], leave)), 10_000) != "":
            raise NotPassingError("the tests fail when the module is imported anew")
        limit = 10 * (_seconds() - start) + _PATIENCE
        last: list[str] = []
        gc.collect()
        gc.freeze()
        for i, mutated in enumerate(self.anew):
            self.path.write_text(mutated)
            os.utime(self.path, (i, i))  # no other change of the same size and second passes for this one
            killer = _forked(lambda leave, last=last: self._anew(stale, _Hurry(last, leave)), limit)
            if killer:
                last = [killer, *(test for test in last if test != killer)]
            self.answer(change(self.source, mutated), killer != "")
        self.path.write_text(self.source)

    def _anew(self, stale: list[str], plugin: _Hurry) -> str | None:
        """Import what is stale anew and run the tests: "" if none fails."""
        for name in stale:
            module = sys.modules.pop(name)
            parent, _, own = name.rpartition(".")
            if getattr(sys.modules.get(parent), own, None) is module:
                delattr(sys.modules[parent], own)
        return "" if pytest.main(self.arguments, plugins=[plugin]) in _UNNOTICED else None

    def _traced(self, frame: FrameType, event: str, argument: object) -> None:
        if frame.f_code.co_filename == str(self.path):
            outer = self.outer.get(_place(frame.f_code))
            if outer is not None:
                self.called.add(outer)

    def pytest_runtest_logreport(self, report: Any) -> None:
        """Take down that a test has failed."""
        self.failed |= report.failed

    @pytest.hookimpl(wrapper=True)
    def pytest_fixture_setup(self, fixturedef: Any, request: Any) -> Any:
        """Take down what a fixture calls when it is set up: all its tests depend on that, not the first alone."""
        before, self.called = self.called, set()
        try:
            return (yield)
        finally:
            self.of_fixture.setdefault(fixturedef.argname, set()).update(self.called)
            if fixturedef.scope == "session" and fixturedef.baseid:  # those of pytest's own are of no place
                self.setting_up |= self.called
                self.begun = True
            self.called |= before

    def pytest_runtestloop(self, session: Any) -> bool:
        """Instead of running the tests, try the changes that can be put into living functions."""
        self.items = session.items
        told = _forked(lambda leave: self._first_run(), 10_000)
        if not isinstance(told, list):
            self.reason = f"a test fails: {told}"
            return True
        by_test, self.seconds, setting_up, of_session, names = told
        self.by_test = [{*map(tuple, places)} for places in by_test]
        for name in names:  # what tests import, so that it is imported once
            with contextlib.suppress(Exception):
                importlib.import_module(name)
        sys.settrace(None)
        threading.settrace(None)  # type: ignore[arg-type]  # None ends it
        gc.unfreeze()  # conftest.py may have put aside all that has been collected, and that has no place in the list
        living: dict[_Place, list[FunctionType]] = {}
        for one in gc.get_objects():
            if isinstance(one, FunctionType) and one.__code__.co_filename == str(self.path):
                living.setdefault(_place(one.__code__), []).append(one)
        gc.freeze()
        later = []
        for mutated in changed(self.source):
            code = compile(mutated, str(self.path), "exec", dont_inherit=True)
            pairs, on_import = differing(self.code, code)
            if not pairs and not on_import:
                continue  # of an annotation that nothing keeps
            places = {_place(old) for old, _ in pairs}
            alive = all(living.get(_place(old)) and old.co_freevars == new.co_freevars for old, new in pairs)
            compiled = self.is_compiled and any(old.co_firstlineno in self.decorated for old, _ in pairs)
            if on_import or compiled or places & self.called or not alive:
                self.anew.append(mutated)
                continue
            parts = [(one, new) for old, new in pairs for one in living[_place(old)]]
            if places & {*map(tuple, setting_up)}:
                self._alive(mutated, places, parts)
            else:
                later.append((mutated, places, parts))
        self._set_up([self.items[i] for i in of_session])
        gc.freeze()
        for one in later:
            self._alive(*one)
        return True

    def _set_up(self, items: list[Any]) -> None:
        """Set up the fixtures of the whole session, which no change that is still to be tried concerns."""
        for item in items:
            others = [other for other in self.items if other is not item]
            following = next((other for other in others if other.path != item.path), *others[:1])
            call_and_report(item, "setup", log=False)
            call_and_report(item, "teardown", log=False, nextitem=following)

    def _alive(self, mutated: str, places: set[_Place], parts: list[tuple[FunctionType, CodeType]]) -> None:
        """Try a change by putting it into living functions."""
        chosen = [i for i, of_test in enumerate(self.by_test) if of_test & places]
        chosen.sort(key=lambda i: (self.seconds[i] + _AT_LEAST) * (self.tries[i] + 2) / (self.finds[i] + 1))
        limit = 10 * sum(self.seconds[i] for i in chosen) + _PATIENCE
        killer = _forked(lambda leave: self._put_in(parts, [self.items[i] for i in chosen]), limit)
        if killer is not None:
            for i in chosen if killer < 0 else chosen[: killer + 1]:
                self.tries[i] += 1
            if killer >= 0:
                self.finds[chosen[killer]] += 1
        self.answer(change(self.source, mutated), killer != -1)

    def _put_in(self, parts: list[tuple[FunctionType, CodeType]], tests: list[Any]) -> int:
        """Run tests with other code in functions; return which has failed, -1 if none has."""
        for function, code in parts:
            function.__code__ = code
        return next((i for i in range(len(tests)) if not self._passes(tests, i)), -1)

    def _first_run(self) -> Any:
        """Run all tests as the module is.

        Returns which functions each calls, how long it takes, which functions setting up the session calls, which tests
        do so, and what is imported; if a test fails, its name.
        """
        by_test: list[set[_Place]] = []
        seconds, of_session = [], []
        for i, item in enumerate(self.items):
            self.called.clear()
            self.begun = False
            sys.settrace(self._traced)  # anew: a test that goes too deep ends it
            start = time.process_time()
            if not self._passes(self.items, i):
                return item.nodeid
            by_test.append({*self.called})
            seconds.append(time.process_time() - start)
            if self.begun:
                of_session.append(i)
        for item, called in zip(self.items, by_test, strict=True):
            called.update(*(self.of_fixture.get(name, ()) for name in item.fixturenames))
        return [[*map(sorted, by_test)], seconds, sorted(self.setting_up), of_session, [*sys.modules]]

    def _passes(self, items: list[Any], i: int) -> bool:
        following = items[i + 1] if i + 1 < len(items) else None
        items[i].config.hook.pytest_runtest_protocol(item=items[i], nextitem=following)
        return not self.failed


def _place(code: CodeType) -> _Place:
    return code.co_qualname, code.co_firstlineno


def _seconds() -> float:
    """Return the seconds of a processor that all children have taken."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime
