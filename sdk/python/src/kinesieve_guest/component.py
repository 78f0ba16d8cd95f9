"""The component: the functions of the contract, which call those of the author."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

from kinesieve_guest import answers, failures
from kinesieve_sdk import Err, Event, Outcome, Settings


class Component:
    """What the processor calls of all transforms."""

    def __init__(self, author: type[Any], begin: Callable[[], None], explained: failures.Failures) -> None:
        self._author = author
        self._begin = begin
        self._explained = explained

    def configure(self, settings: Settings) -> None:
        """Begins with an instance: makes the author's object, and gives it the settings."""
        self._begin()
        try:
            self._configure(settings)
        except Err as error:
            # The runtime knows this very class, and a text in it.
            raise Err(answers.reason(str(error.value), "Err")) from None
        except Exception as error:
            told = self._explained.report(error)
            sys.stderr.write(told)
            raise Err(told.splitlines()[0]) from None

    def _configure(self, settings: Settings) -> None:
        author = self._author()
        self._set_up(author)
        if hasattr(author, "configure"):
            author.configure(settings)
        else:
            for name, _ in settings:
                raise Err(f"unknown setting `{name}`: there are none")
        self._ready()

    def _set_up(self, author: Any) -> None:
        """Takes the author's object, which is not configured yet."""
        raise NotImplementedError

    def _ready(self) -> None:
        """Looks at what the author's object does once it is configured."""


class TransformComponent(Component):
    """What the processor calls of a transform of records."""

    def __init__(self, author: type[Any], begin: Callable[[], None], explained: failures.Failures) -> None:
        super().__init__(author, begin, explained)
        self.process: Callable[[Event], Outcome] = _not_configured

    def _set_up(self, author: Any) -> None:
        self.process = answers.checking(author.process)


def _not_configured(_event: Event) -> Outcome:
    raise RuntimeError("the processor calls `configure` first")
