"""What a transform for Kinesieve is written with.

A transform is a class `Transform` in the project's module:

    from kinesieve_sdk import Event, Keep, Outcome

    class Transform:
        def process(self, event: Event) -> Outcome:
            return Keep()

`process` is called once for each record, in the order of its shard. `configure(self, settings)`, if there is one, is
called once for each instance, before its first record, with the settings of the deployment; raising `Err` refuses them.

A transform of tumbling windows is a class `Fold` instead:

    from kinesieve_sdk import Event, Output, Window

    class Fold:
        FORM = "counts/1"

        def begin(self) -> dict[str, int]:
            return {}

        def accumulate(self, state: dict[str, int], event: Event) -> None:
            state[event.partition_key] = state.get(event.partition_key, 0) + 1

        def finish(self, state: dict[str, int], window: Window) -> list[Output]:
            return [Output(str(count).encode(), key) for key, count in state.items()]

Between two batches the state is JSON, of 700,000 bytes at most: `accumulate` changes it, and returns nothing, or a
`Retry` or a `Reject`, which leaves no trace in it. `FORM` names the form of the state, and changes when what was saved
before can't be read any more.
"""

from .contract import Drop, Emit, Err, Event, Keep, Outcome, Output, Reject, Retry, Settings
from .host import Level, Shard, current_shard, log
from .window import Conclusion, Ending, Folding, Window

__all__ = [
    "Conclusion",
    "Drop",
    "Emit",
    "Ending",
    "Err",
    "Event",
    "Folding",
    "Keep",
    "Level",
    "Outcome",
    "Output",
    "Reject",
    "Retry",
    "Settings",
    "Shard",
    "Window",
    "current_shard",
    "log",
]
