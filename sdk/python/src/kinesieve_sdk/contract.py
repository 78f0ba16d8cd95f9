"""What crosses the boundary between the processor and a transform."""

from __future__ import annotations

from typing import Any, Union

# The classes are written out: a dataclass needs a dozen modules more, in every component.

Settings = list[tuple[str, str]]
"""The settings of the deployment: names and values, in their order."""


class _Value:
    """Values are equal if they are of one class and all that they hold is equal."""

    __slots__ = ()
    __match_args__: tuple[str, ...] = ()

    def __eq__(self, other: object) -> bool:
        if type(other) is not type(self):
            return NotImplemented
        return all(getattr(self, name) == getattr(other, name) for name in self.__match_args__)

    # They can be changed, so they are no keys.
    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        fields = ", ".join(f"{name}={getattr(self, name)!r}" for name in self.__match_args__)
        return f"{type(self).__name__}({fields})"


class Event(_Value):
    """One user record of a Kinesis stream."""

    __slots__ = ("data", "partition_key", "sequence_number", "sub_sequence_number", "arrived_at")
    __match_args__ = ("data", "partition_key", "sequence_number", "sub_sequence_number", "arrived_at")

    data: bytes
    """The payload as the producer wrote it: base64 undone, and taken out of its KPL aggregate."""
    partition_key: str
    """1 to 256 characters."""
    sequence_number: str
    """A decimal integer of up to 56 digits."""
    sub_sequence_number: int
    """The record's index inside its KPL aggregate; 0 for a record that travelled alone."""
    arrived_at: int
    """When it arrived at the stream, in milliseconds since 1970 began in UTC."""

    def __init__(
        self,
        data: bytes,
        partition_key: str = "key",
        sequence_number: str = "1",
        sub_sequence_number: int = 0,
        arrived_at: int = 0,
    ) -> None:
        self.data = data
        self.partition_key = partition_key
        self.sequence_number = sequence_number
        self.sub_sequence_number = sub_sequence_number
        self.arrived_at = arrived_at


class Output(_Value):
    """One record to deliver."""

    __slots__ = ("data", "partition_key", "route")
    __match_args__ = ("data", "partition_key", "route")

    data: bytes | bytearray | memoryview
    partition_key: str | None
    """The key to deliver under; None: the event's own."""
    route: str | None
    """The name of a configured route; None: the main output."""

    def __init__(
        self, data: bytes | bytearray | memoryview, partition_key: str | None = None, route: str | None = None
    ) -> None:
        self.data = data
        self.partition_key = partition_key
        self.route = route


class Keep(_Value):
    """Deliver the event as it came, byte for byte."""

    __slots__ = ()


class Drop(_Value):
    """Filter the event out: nothing is delivered, and the event is done."""

    __slots__ = ()


class Emit(_Value):
    """Deliver these instead, in this order."""

    __slots__ = ("value",)
    __match_args__ = ("value",)

    value: list[Output]

    def __init__(self, value: list[Output]) -> None:
        self.value = value


class Retry(_Value):
    """The event, and all that follow it in its shard, come again. The text says why."""

    __slots__ = ("value",)
    __match_args__ = ("value",)

    value: str

    def __init__(self, value: str) -> None:
        self.value = value


class Reject(_Value):
    """The event can never be processed: dead-letter it and go on. The text says why."""

    __slots__ = ("value",)
    __match_args__ = ("value",)

    value: str

    def __init__(self, value: str) -> None:
        self.value = value


Outcome = Union[Keep, Drop, Emit, Retry, Reject]
"""What becomes of an event."""


class Err(Exception):
    """The settings are refused: `configure` raises it with the reason."""

    value: str

    def __init__(self, value: str) -> None:
        super().__init__(value)
        self.value = value

    def __class_getitem__(cls, _: Any) -> type[Err]:
        """`Err[str]` is what generated code writes."""
        return cls
