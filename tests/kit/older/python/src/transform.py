"""Keeps what has an id, and nothing else."""

import json

from wit_world import exports
from wit_world.imports.types import Event, Outcome, Outcome_Drop, Outcome_Keep, Outcome_Reject


class Transform(exports.Transform):
    def configure(self, settings: list[tuple[str, str]]) -> None:
        pass

    def process(self, event: Event) -> Outcome:
        try:
            value = json.loads(event.data.decode())
        except ValueError:
            return Outcome_Reject("not JSON")
        return Outcome_Keep() if "id" in value else Outcome_Drop()
