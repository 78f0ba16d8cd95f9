"""`logging` and `warnings` write to the processor's log, each line at its level."""

from __future__ import annotations

import logging
import warnings
from typing import Any

from kinesieve_sdk import Level, log


class ProcessorHandler(logging.Handler):
    """Hands records to the processor."""

    def emit(self, record: logging.LogRecord) -> None:
        """Writes one line."""
        try:
            log(level_of(record.levelno), self.format(record))
        except Exception:
            self.handleError(record)


def level_of(number: int) -> Level:
    """The level of the processor for one of `logging`."""
    if number >= logging.ERROR:
        return Level.ERROR
    if number >= logging.WARNING:
        return Level.WARN
    if number >= logging.INFO:
        return Level.INFO
    return Level.DEBUG if number >= logging.DEBUG else Level.TRACE


class NamedFormatter(logging.Formatter):
    """A logger's name and its message. When it was and how much it matters stands in the line already."""

    def formatMessage(self, record: logging.LogRecord) -> str:
        """The text without the traceback."""
        return record.message if record.name == "root" else f"{record.name}: {record.message}"


def install() -> None:
    """Makes the processor's log what both write to."""
    handler = ProcessorHandler()
    handler.setFormatter(NamedFormatter())
    root = logging.getLogger()
    root.addHandler(handler)
    # What the processor shows is a setting of the deployment. `logging` would show warnings and errors alone.
    root.setLevel(logging.INFO)
    configure = logging.basicConfig

    def basic_config(**options: Any) -> None:
        """`logging.basicConfig`, which does nothing where a handler is there already: the level counts all the same."""
        if options.get("force") or options.get("handlers"):
            root.removeHandler(handler)
        elif options.get("level") is not None:
            root.setLevel(options["level"])
        if options.get("format") is not None:
            style = options.get("style", "%")
            handler.setFormatter(logging.Formatter(options["format"], options.get("datefmt"), style))
        configure(**options)

    logging.basicConfig = basic_config
    warnings.showwarning = show_warning  # type: ignore[assignment]


def show_warning(
    message: Warning | str, category: type[Warning], filename: str, lineno: int, _file: Any = None, _line: Any = None
) -> None:
    """A warning of Python's `warnings`."""
    log(Level.WARN, f"{filename}:{lineno}: {category.__name__}: {message}")
