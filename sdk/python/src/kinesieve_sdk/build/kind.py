"""What a transform works on: its module says it, by the class that it has."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

from .problem import BuildProblem


def is_of_windows(file: Path) -> bool:
    """Whether a module has a class `Fold`. It is read and not run: the world has to be known before."""
    try:
        tree = ast.parse(file.read_bytes())
    except (SyntaxError, ValueError):
        # The build says it better.
        return False
    names = set(_bound(tree.body))
    if {"Fold", "Transform"} <= names:
        raise BuildProblem(
            f"{file} has a `Transform`, for records, and a `Fold`, for tumbling windows: a component is one of them, "
            "so move the other one to a project of its own"
        )
    return "Fold" in names


def _bound(body: list[ast.stmt]) -> Iterator[str]:
    """The names that statements outside of functions and classes give to something."""
    for node in body:
        if isinstance(node, (ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)):
            yield node.name
        elif isinstance(node, (ast.Import, ast.ImportFrom)):
            yield from (alias.asname or alias.name for alias in node.names)
        elif isinstance(node, ast.Assign):
            yield from (target.id for target in node.targets if isinstance(target, ast.Name))
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            yield node.target.id
        elif isinstance(node, ast.If):
            yield from _bound(node.body + node.orelse)
        elif isinstance(node, ast.Try):
            yield from _bound(node.body + node.orelse + node.finalbody)
