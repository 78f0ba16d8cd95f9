"""What crosses the boundary between the processor and a transform of tumbling windows, besides events and outputs."""

from __future__ import annotations

from enum import Enum
from typing import Union

from .contract import Output, Reject, Retry, _Value


class Ending(Enum):
    """How a window closes."""

    COMPLETE = 0
    """Its time is over, and all of its events are in the state."""
    EARLY = 1
    """Before its time, since its state became too large. Further events open it again, with a new state."""


class Window(_Value):
    """A window that closes."""

    __slots__ = ("start", "end", "ending")
    __match_args__ = ("start", "end", "ending")

    start: int
    """Its first millisecond, since 1970 began in UTC."""
    end: int
    """The first millisecond that is not part of it."""
    ending: Ending

    def __init__(self, start: int = 0, end: int = 60_000, ending: Ending = Ending.COMPLETE) -> None:
        self.start = start
        self.end = end
        self.ending = ending


Folding = Union[Retry, Reject, None]
"""What becomes of an event: it is in the state, or why it is not."""

Conclusion = Union[list[Output], Retry, Reject]
"""What becomes of a window: its outputs, in this order, or why there are none. One without a key has the shard's id."""
