"""The guest of the conformance cases, in Python: see tests/conformance/README.md."""

from componentize_py_types import Err
from wit_world import exports
from wit_world.imports import host
from wit_world.imports.types import (
    Event,
    Outcome,
    Outcome_Drop,
    Outcome_Emit,
    Outcome_Keep,
    Outcome_Reject,
    Outcome_Retry,
    Output,
)


# What the settings are: the same for all of an instance's life.
given: list[tuple[str, str]] = []


class Transform(exports.Transform):
    def configure(self, settings: list[tuple[str, str]]) -> None:
        for name, value in settings:
            if name == "refuse":
                raise Err(value)
        given.extend(settings)

    def process(self, event: Event) -> Outcome:
        data = event.data
        match event.partition_key.split(" ")[0]:
            case "keep":
                return Outcome_Keep()
            case "drop":
                return Outcome_Drop()
            case "retry":
                return Outcome_Retry(data.decode())
            case "reject":
                return Outcome_Reject(data.decode())
            case "none":
                return Outcome_Emit([])
            case "same":
                return emit(data)
            case "key":
                return Outcome_Emit([Output(data, event.partition_key, None)])
            case "route":
                return Outcome_Emit([Output(data, None, "side")])
            case "many":
                return Outcome_Emit([Output(b"%d" % index, f"k{index}", None) for index in range(int(data))])
            case "event":
                return emit(f"{event.sequence_number} {event.sub_sequence_number} {event.arrived_at}".encode())
            case "shard":
                shard = host.current_shard()
                return emit(f"{shard.stream_arn} {shard.shard_id}".encode())
            case "settings":
                return emit("\n".join(f"{name}={value}" for name, value in given).encode())
            case "log":
                host.log(host.Level.INFO, data.decode())
                return Outcome_Keep()
            case _:
                return Outcome_Reject("no such verb")


def emit(data: bytes) -> Outcome:
    return Outcome_Emit([Output(data, None, None)])
