"""Adds what a table in the settings knows about a field to JSON records."""

import json

from componentize_py_types import Err
from wit_world import exports
from wit_world.imports.types import Event, Outcome, Outcome_Drop, Outcome_Emit, Outcome_Keep, Outcome_Reject, Output

MISSING = ("keep", "drop", "reject")


class Config:
    """What the settings say."""

    def __init__(self, settings: dict[str, str]) -> None:
        unknown = settings.keys() - {"field", "table", "missing"}
        if unknown:
            raise ValueError(f"unknown setting `{min(unknown)}`: there is `field`, `table`, `missing`")
        self.field = settings.get("field", "")
        if not self.field:
            raise ValueError("the setting `field` is missing")
        try:
            self.table = json.loads(settings.get("table", ""))
        except ValueError:
            raise ValueError("the setting `table` has to be a JSON object of objects") from None
        if not isinstance(self.table, dict) or not all(isinstance(row, dict) for row in self.table.values()):
            raise ValueError("the setting `table` has to be a JSON object of objects")
        self.missing = settings.get("missing", "keep")
        if self.missing not in MISSING:
            raise ValueError(f"the setting `missing` can't be `{self.missing}`: there is `{'`, `'.join(MISSING)}`")


config: Config


class Transform(exports.Transform):
    def configure(self, settings: list[tuple[str, str]]) -> None:
        global config
        try:
            config = Config(dict(settings))
        except ValueError as error:
            raise Err(str(error))

    def process(self, event: Event) -> Outcome:
        try:
            record = json.loads(event.data)
        except ValueError:
            return Outcome_Reject("not JSON")
        if not isinstance(record, dict):
            return Outcome_Reject("not a JSON object")
        value = record.get(config.field)
        row = config.table.get(value) if isinstance(value, str) else None
        if row is None:
            return without_row()
        # What the record says itself is newer than the table.
        enriched = json.dumps({**row, **record}, ensure_ascii=False, separators=(",", ":"))
        return Outcome_Emit([Output(enriched.encode(), None, None)])


def without_row() -> Outcome:
    match config.missing:
        case "drop":
            return Outcome_Drop()
        case "reject":
            return Outcome_Reject(f"the table has no row for this {config.field}")
        case _:
            return Outcome_Keep()
