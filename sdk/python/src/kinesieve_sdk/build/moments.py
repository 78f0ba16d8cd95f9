"""Calls outside of functions whose answer is another one each time: a component has that of its build for ever."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

CHANGING = {
    "datetime.now",
    "datetime.today",
    "datetime.utcnow",
    "date.today",
    "time.time",
    "time.time_ns",
    "time.monotonic",
    "uuid.uuid1",
    "uuid.uuid4",
    "uuid1",
    "uuid4",
    "os.urandom",
    "urandom",
    "random.random",
    "random.randint",
    "random.choice",
    "secrets.token_bytes",
    "secrets.token_hex",
    "secrets.token_urlsafe",
    "token_hex",
}


def moments(file: Path) -> Iterator[tuple[int, str]]:
    """The lines with such a call, and what is called."""
    try:
        tree = ast.parse(file.read_bytes())
    except (SyntaxError, ValueError):
        # The build says it better.
        return
    left: list[ast.AST] = list(tree.body)
    while left:
        node = left.pop(0)
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)):
            continue
        if isinstance(node, ast.Call):
            name = ast.unparse(node.func)
            if ".".join(name.split(".")[-2:]) in CHANGING:
                yield node.lineno, f"{name}()"
        left += ast.iter_child_nodes(node)
