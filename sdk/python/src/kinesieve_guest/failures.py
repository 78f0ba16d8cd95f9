"""Exceptions as their author reads them: with the author's files and lines, and without what lies around them."""

from __future__ import annotations

import os
import sys
import traceback
from types import TracebackType

from kinesieve_guest import answers

# The files of the project have paths that begin with no slash.
NOT_AUTHORS = ("/", "<")
OURS = ("/kinesieve-sdk/", "/0/kinesieve_", "<frozen importlib", "/python/importlib/", "componentize_py_")


class Failures:
    """Writes exceptions down."""

    def __init__(self, *, shows_all: bool, why: dict[str, str]) -> None:
        self.shows_all = shows_all
        self.why = why

    def report(self, error: BaseException) -> str:
        """An exception with its traceback, its causes and a hint where there is one."""
        exception = traceback.TracebackException.from_exception(error)
        for part in parts(exception):
            part.stack = self.kept(part.stack)
        # In a dead letter the text is cut off somewhere, so that what matters comes first.
        lines = [summary(exception, error)]
        hint = self.hint(error)
        if hint is not None:
            lines.append(hint)
        if exception.stack or len(parts(exception)) > 1 or isinstance(error, SyntaxError):
            lines.append("".join(exception.format()).rstrip("\n"))
        return "\n".join(lines).replace(f"{answers.__name__}.", "") + "\n"

    def kept(self, stack: traceback.StackSummary) -> traceback.StackSummary:
        """The frames that are the author's or a library's, without marks below their lines."""
        return traceback.StackSummary.from_list(
            traceback.FrameSummary(frame.filename, frame.lineno, frame.name, line=frame.line)
            for frame in stack
            if self.shows_all or not frame.filename.startswith(OURS)
        )

    def hint(self, error: BaseException) -> str | None:
        """What to do about some exceptions that are ordinary elsewhere."""
        if isinstance(error, ImportError):
            whole = f"{error.name}.{getattr(error, 'name_from', None)}"
            if whole in self.why:
                return f"{whole} is missing: {self.why[whole]}"
            name = (error.name or "").partition(".")[0]
            is_missing = isinstance(error, ModuleNotFoundError) and str(error) == f"No module named {error.name!r}"
            if is_missing and name and name not in sys.modules:
                return f"`{name}` is no module of the project or of Python: add its package to requirements.txt"
        if type(error).__name__ == "ZoneInfoNotFoundError" and "tzdata" not in sys.modules:
            return "the time zones are in a package: add `tzdata` to requirements.txt"
        if isinstance(error, OSError) and _is_raised_in(error, "/python/socket.py"):
            return "a component has no network"
        if isinstance(error, FileNotFoundError):
            return "a component has no files, but can read those beside its modules, in the project and in its packages"
        if isinstance(error, RuntimeError) and "start new thread" in str(error):
            return "a component has one thread: do the work where the thread was started"
        return None

    def hook(self, _kind: type[BaseException], error: BaseException, _trace: TracebackType | None) -> None:
        """`sys.excepthook`: the last words of an instance. The processor goes on with a fresh one."""
        try:
            text = self.report(error)
        except (MemoryError, RecursionError):
            text = f"{type(error).__name__}: {error}\n"
        sys.stdout.flush()
        # In one piece: the log has a line for each of its lines, whatever else is written.
        sys.stderr.write(text)
        sys.stderr.flush()
        # Else the machinery around the interpreter adds a message of its own, about its own source.
        os._exit(1)


def _is_raised_in(error: BaseException, file: str) -> bool:
    return any(frame.filename == file for frame in traceback.extract_tb(error.__traceback__))


def summary(exception: traceback.TracebackException, error: BaseException) -> str:
    """The exception in a line, with the place in the author's code if it is known."""
    lines = list(exception.format_exception_only())
    # The place of a syntax error stands in front of it, set off.
    text = next((line for line in lines if not line.startswith(" ")), lines[0]).splitlines()[0]
    if isinstance(error, SyntaxError):
        return f"{text} ({error.filename}:{error.lineno})"
    for frame in reversed(exception.stack):
        if not frame.filename.startswith(NOT_AUTHORS):
            return f"{text} ({frame.filename}:{frame.lineno}, in {frame.name})"
    return text


def parts(exception: traceback.TracebackException) -> list[traceback.TracebackException]:
    """The exception, its causes, and the members of groups."""
    found = []
    left = [exception]
    while left:
        part = left.pop()
        found.append(part)
        left += [cause for cause in (part.__cause__, part.__context__) if cause is not None]
        # There are no groups before Python 3.11, which the tests run on as well.
        left += getattr(part, "exceptions", None) or []
    return found
