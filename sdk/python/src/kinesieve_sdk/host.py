"""What the processor offers a transform. There are no files, no network and no environment."""

from __future__ import annotations

import sys
from collections.abc import Callable
from enum import Enum


class Level(Enum):
    """How much a line of the log matters."""

    TRACE = 0
    DEBUG = 1
    INFO = 2
    WARN = 3
    ERROR = 4


class Shard:
    """A shard of a stream."""

    __slots__ = ("stream_arn", "shard_id")

    stream_arn: str
    shard_id: str

    def __init__(self, stream_arn: str, shard_id: str) -> None:
        self.stream_arn = stream_arn
        self.shard_id = shard_id

    def __repr__(self) -> str:
        return f"Shard(stream_arn={self.stream_arn!r}, shard_id={self.shard_id!r})"


def log(level: Level, message: str) -> None:
    """Writes one line to the processor's log. The `logging` of the standard library writes there, too."""
    _log(level, str(message).encode("utf-8", "replace").decode("utf-8"))


def current_shard() -> Shard:
    """The shard that the event in hand came from."""
    return _current_shard()


def _log_outside(level: Level, message: str) -> None:
    print(f"{level.name}: {message}", file=sys.stderr)


def _no_shard() -> Shard:
    raise RuntimeError("there is a shard only while a component processes an event")


# In a component, once it runs, these are the processor's.
_log: Callable[[Level, str], None] = _log_outside
_current_shard: Callable[[], Shard] = _no_shard
