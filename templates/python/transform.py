"""Drops readings below a temperature, and takes the e-mail address out of the others."""

import codecs
import json

from componentize_py_types import Err
from wit_world import exports
from wit_world.imports.types import Event, Outcome, Outcome_Drop, Outcome_Emit, Outcome_Reject, Output

below = 10.0


class Transform(exports.Transform):
    def configure(self, settings: list[tuple[str, str]]) -> None:
        """Called once for each instance, with the settings of the deployment. An Err stops the start."""
        global below
        for name, value in settings:
            if name != "below":
                raise Err(f"unknown setting `{name}`: there is `below`")
            try:
                below = float(value)
            except ValueError:
                raise Err(f"the setting `below` has to be a number, not `{value}`")

    def process(self, event: Event) -> Outcome:
        """Called once for each record, in the order of its shard."""
        # Some programs write a byte order mark before it. `json` would ask for a codec that the component does not have.
        data = event.data.removeprefix(codecs.BOM_UTF8)
        try:
            reading = json.loads(data.decode())
        except (ValueError, RecursionError) as error:
            return Outcome_Reject(f"not JSON: {error}")
        temperature = reading.get("temperature") if isinstance(reading, dict) else None
        if not isinstance(temperature, (int, float)):
            return Outcome_Reject("no temperature")
        if temperature < below:
            return Outcome_Drop()
        reading.pop("email", None)
        try:
            # Written anew: integers keep all of their digits, but a fraction is a float, which has 17 and writes 0.10 as 0.1.
            # Without `allow_nan=False`, 1e400 would become Infinity, which is no JSON.
            text = json.dumps(reading, allow_nan=False, separators=(",", ":"))
        except ValueError as error:
            return Outcome_Reject(f"can't be written: {error}")
        return Outcome_Emit([Output(text.encode(), None, None)])
