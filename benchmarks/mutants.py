"""The changes of a module that mutation testing makes, what of its compiled code each concerns, and who imports it.

The operators are mutmut's. What it passes over is changed as well: decorated functions, and what runs on import, such
as constants, defaults and the limits of fields.
"""

from __future__ import annotations

import ast
import difflib
import inspect
import sys
from collections.abc import Iterator
from pathlib import Path
from types import CodeType
from typing import Any


def change(before: str, after: str) -> str:
    """Return what differs between two texts: the lines gone, then the lines come, without their indent."""
    lines = list(difflib.unified_diff(before.splitlines(), after.splitlines(), lineterm="", n=0))[2:]
    gone, come = (" ".join(line[1:].strip() for line in lines if line[0] == sign) for sign in "-+")
    return f"{gone} => {come}"


def changed(source: str) -> Iterator[str]:
    """Yield the source once for each change."""
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
    # Only the statement that holds the change is written anew.
    parts = [module.code_for_node(statement) for statement in module.body]
    head, foot = ("".join(map(module.code_for_node, lines)) for lines in (module.header, module.footer))
    holder = {id(node): i for i, statement in enumerate(module.body) for node in _below(statement)}
    for mutation in visitor.mutations:
        i = holder[id(mutation.original_node)]
        mutated = file_mutation.deep_replace(module.body[i], mutation.original_node, mutation.mutated_node)
        assert isinstance(mutated, cst.CSTNode)
        yield head + "".join([*parts[:i], module.code_for_node(mutated), *parts[i + 1 :]]) + foot


def _below(node: Any) -> Iterator[Any]:
    yield node
    for child in node.children:
        yield from _below(child)


def functions(code: CodeType) -> Iterator[CodeType]:
    """Yield a module's functions and methods, not what is within them."""
    for one in code.co_consts:
        if isinstance(one, CodeType):
            if _is_function(one):
                yield one
            else:
                yield from functions(one)


def inner(code: CodeType) -> Iterator[CodeType]:
    """Yield a function and all that is within it."""
    yield code
    for one in code.co_consts:
        if isinstance(one, CodeType):
            yield from inner(one)


def differing(before: CodeType, after: CodeType) -> tuple[list[tuple[CodeType, CodeType]], bool]:
    """Return the functions that differ, before and after, and whether what runs on import differs."""
    both = zip(functions(before), functions(after), strict=False)  # as many, if what runs on import is the same
    pairs = [(old, new) for old, new in both if _shape(old, whole=True) != _shape(new, whole=True)]
    return pairs, _shape(before, whole=False) != _shape(after, whole=False)


def _is_function(code: CodeType) -> bool:
    return bool(code.co_flags & inspect.CO_OPTIMIZED) and not code.co_name.startswith("<")


def _shape(code: CodeType, *, whole: bool) -> tuple[Any, ...]:
    """Return all that a code does, without the lines where it stands; its functions by their names unless `whole`."""
    constants = []
    for one in code.co_consts:
        if not isinstance(one, CodeType):
            constants.append((type(one), sorted(map(repr, one)) if isinstance(one, frozenset) else repr(one)))
        elif whole or not _is_function(one):
            constants.append(_shape(one, whole=whole))
        else:
            constants.append(one.co_qualname)
    counts = (code.co_argcount, code.co_posonlyargcount, code.co_kwonlyargcount, code.co_flags)
    names = (code.co_names, code.co_varnames, code.co_freevars, code.co_cellvars)
    return (code.co_code, code.co_exceptiontable, counts, names, tuple(constants))


def dependent(copy: Path, path: Path) -> list[str]:
    """Return which imported modules of the copy depend on a file, by what they import where they run on import."""
    files = {
        name: Path(file)
        for name, module in sys.modules.items()
        if (file := getattr(module, "__file__", None)) and Path(file).is_relative_to(copy)
    }
    imports = {name: {*_imported(name, file)} for name, file in files.items()}
    stale = {name for name, file in files.items() if file == path}
    while more := {name for name in files if name not in stale and imports[name] & stale}:
        stale |= more
    return sorted(stale)


def _imported(name: str, file: Path) -> Iterator[str]:
    """Yield the names of what a file imports outside its functions, its packages, and names in them that may be any."""
    waiting: list[ast.AST] = [ast.parse(file.read_text())]
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.Import):
            yield from (one.name for one in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield from (node.module, *(f"{node.module}.{one.name}" for one in node.names))
        elif not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)):
            waiting += ast.iter_child_nodes(node)
