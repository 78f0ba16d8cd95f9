"""Adds what a table in the settings knows about a field to JSON records."""

import json

from kinesieve_sdk import Drop, Emit, Err, Event, Keep, Outcome, Output, Reject, Settings

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
            table = json.loads(settings.get("table", ""))
            self.table = {value: written(row) for value, row in table.items()}
        except (ValueError, AttributeError):
            raise ValueError("the setting `table` has to be a JSON object of objects") from None
        self.missing = settings.get("missing", "keep")
        if self.missing not in MISSING:
            raise ValueError(f"the setting `missing` can't be `{self.missing}`: there is `{'`, `'.join(MISSING)}`")


def written(row: dict[str, object]) -> dict[str, bytes]:
    """Each field of a row as it stands in a record."""

    def as_json(value: object) -> str:
        return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))

    return {name: f"{as_json(name)}:{as_json(value)}".encode() for name, value in row.items()}


class Transform:
    def configure(self, settings: Settings) -> None:
        try:
            self.config = Config(dict(settings))
        except ValueError as error:
            raise Err(str(error)) from error

    def process(self, event: Event) -> Outcome:
        try:
            # No number of the record is looked at or written, so any float will do: it takes all of them.
            record = json.loads(event.data.decode("utf-8-sig"), parse_int=float)
        except (ValueError, RecursionError):
            return Reject("not JSON")
        if not isinstance(record, dict):
            return Reject("not a JSON object")
        value = record.get(self.config.field)
        row = self.config.table.get(value) if isinstance(value, str) else None
        if row is None:
            return self.without_row()
        # What the record says itself is newer than the table.
        added = [field for name, field in row.items() if name not in record]
        if not added:
            return Keep()
        # The record's own bytes stay as they are: written anew, its numbers would be rounded. It has a field, the one that
        # was looked up, so a comma comes behind what is added.
        start = event.data.index(b"{") + 1
        enriched = event.data[:start] + b",".join(added) + b"," + event.data[start:]
        return Emit([Output(enriched)])

    def without_row(self) -> Outcome:
        match self.config.missing:
            case "drop":
                return Drop()
            case "reject":
                return Reject(f"the table has no row for this {self.config.field}")
            case _:
                return Keep()
