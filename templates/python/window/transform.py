"""Counts the readings of each device in a window, and finds the highest temperature of each."""

import json
from typing import TypedDict

from attrs import field, fields_dict, frozen
from attrs.validators import ge
from kinesieve_sdk import Err, Event, Folding, Output, Reject, Settings, Window

# So many devices have room in the state, which Lambda carries from batch to batch: 700,000 bytes at most.
MOST_DEVICES = 5000


@frozen
class Config:
    """What the settings of the deployment say."""

    below: float = field(default=10.0, converter=float, validator=ge(-273.15))


class Summary(TypedDict):
    """What is known of a device so far."""

    count: int
    highest: float


# The state: it is saved as JSON when a batch ends, so it is best a sum of what came, and no list of it.
Devices = dict[str, Summary]


class Fold:
    # The name of the state's form: another one, when what was saved before can't be read any more.
    FORM = "{{name}}/1"

    def configure(self, settings: Settings) -> None:
        """Called once for each instance, with the settings of the deployment. An Err stops the start."""
        known = fields_dict(Config)
        for name, _ in settings:
            if name not in known:
                raise Err(f"unknown setting `{name}`: there is `{'`, `'.join(known)}`")
        try:
            self.config = Config(**dict(settings))
        except ValueError as error:
            raise Err(f"a setting can't be taken: {error}") from error

    def begin(self) -> Devices:
        """The state that a window begins with."""
        return {}

    def accumulate(self, state: Devices, event: Event) -> Folding:
        """Called once for each record, in the order of its shard. One that is rejected leaves no trace in the state."""
        try:
            reading = json.loads(event.data)
        except (ValueError, RecursionError) as error:
            return Reject(f"not JSON: {error}")
        if not isinstance(reading, dict):
            return Reject("no object")
        device, temperature = reading.get("device"), reading.get("temperature")
        if not isinstance(device, str):
            return Reject("no device")
        # What is no number, or an infinite one, is none of these.
        if not isinstance(temperature, (int, float)) or not -1e300 < temperature < 1e300:
            return Reject("no temperature")
        if temperature < self.config.below:
            return None
        if device not in state and len(state) >= MOST_DEVICES:
            return Reject("the state has no room for another device")
        summary = state.setdefault(device, {"count": 0, "highest": temperature})
        summary["count"] += 1
        summary["highest"] = max(summary["highest"], temperature)
        return None

    def finish(self, state: Devices, window: Window) -> list[Output]:
        """Called when the window is over: what is delivered of it. Its times are in milliseconds since 1970."""
        outputs = []
        for device, summary in state.items():
            line = {"start": window.start, "end": window.end, "device": device, **summary}
            # A key is UTF-8, of 256 characters at most. Without one, it is the shard's id.
            key = device[:256].encode("utf-8", "replace").decode()
            outputs.append(Output(json.dumps(line, separators=(",", ":")).encode(), key or None))
        return outputs
