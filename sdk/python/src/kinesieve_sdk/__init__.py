"""What a transform for Kinesieve is written with.

A transform is a class `Transform` in the project's module:

    from kinesieve_sdk import Event, Keep, Outcome

    class Transform:
        def process(self, event: Event) -> Outcome:
            return Keep()

`process` is called once for each record, in the order of its shard. `configure(self, settings)`, if there is one, is
called once for each instance, before its first record, with the settings of the deployment; raising `Err` refuses them.
"""

from .contract import Drop, Emit, Err, Event, Keep, Outcome, Output, Reject, Retry, Settings
from .host import Level, Shard, current_shard, log

__all__ = [
    "Drop",
    "Emit",
    "Err",
    "Event",
    "Keep",
    "Level",
    "Outcome",
    "Output",
    "Reject",
    "Retry",
    "Settings",
    "Shard",
    "current_shard",
    "log",
]
