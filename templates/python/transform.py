"""Drops readings below a temperature, and takes the e-mail address out of the others."""

import json

from attrs import field, fields_dict, frozen
from attrs.validators import ge
from kinesieve_sdk import Drop, Emit, Err, Event, Outcome, Output, Reject, Settings


@frozen
class Config:
    """What the settings of the deployment say."""

    below: float = field(default=10.0, converter=float, validator=ge(-273.15))


class Transform:
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

    def process(self, event: Event) -> Outcome:
        """Called once for each record, in the order of its shard."""
        try:
            reading = json.loads(event.data)
        except (ValueError, RecursionError) as error:
            return Reject(f"not JSON: {error}")
        temperature = reading.get("temperature") if isinstance(reading, dict) else None
        if not isinstance(temperature, (int, float)):
            return Reject("no temperature")
        if temperature < self.config.below:
            return Drop()
        reading.pop("email", None)
        try:
            # Written anew: integers keep all of their digits, but a fraction is a float, which has 17 and writes 0.10 as 0.1.
            # Without `allow_nan=False`, 1e400 would become Infinity, which is no JSON.
            text = json.dumps(reading, allow_nan=False, separators=(",", ":"))
        except ValueError as error:
            return Reject(f"can't be written: {error}")
        return Emit([Output(text.encode())])
