"""A guest that evaluates what a record says, in the project of tests/kit/python.rs."""

import importlib
import json
import logging
import os
import random
import sys
import time
import uuid
import warnings
from pathlib import Path

import kinesieve_sdk
from kinesieve_sdk import Drop, Emit, Err, Event, Keep, Level, Outcome, Output, Reject, Retry, log

# Of the build.
TABLE = json.loads((Path(__file__).parent / "own" / "table.json").read_text())
UNSEEDED = random.Random()
SEEDED = random.Random(7)


class Transform:
    def __init__(self) -> None:
        self.made = uuid.uuid4()

    def configure(self, settings: list[tuple[str, str]]) -> None:
        for name, value in settings:
            if name == "refuse":
                raise Err(value)
            if name == "raise":
                raise KeyError(value)
        self.settings = settings

    def process(self, event: Event) -> Outcome:
        text = event.data.decode()
        names = globals() | {"self": self, "event": event}
        if text.startswith("answer "):
            return eval(text.removeprefix("answer "), names)
        if text.startswith("do "):
            exec(text.removeprefix("do "), names)
            return Keep()
        if text.startswith("import "):
            return self.imported(text.removeprefix("import "))
        try:
            value = eval(text, names)
        except Exception as error:
            value = f"{type(error).__name__}: {error}"
        return Emit([Output(str(value).encode())])

    def imported(self, name: str) -> Outcome:
        try:
            importlib.import_module(name)
        except Exception as error:
            return Emit([Output(f"{name}: {type(error).__name__}: {error}".encode())])
        return Drop()


def fails() -> None:
    raise ValueError("as it should")
