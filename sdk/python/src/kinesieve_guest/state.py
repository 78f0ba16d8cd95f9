"""The state of a window between two batches: JSON.

What JSON would change on its way there and back is refused: it would do something else after the first batch.
"""

from __future__ import annotations

import json
import math
import re
from typing import Any

from kinesieve_guest import answers

# How deep a state may be. What is deeper is a circle, or on its way to one.
MOST_LEVELS = 100
# A key that is shown: others may be texts of payloads.
WORD = re.compile(r"[A-Za-z_]{1,30}")

REMEDIES = {
    "tuple": "keep a list, which it is when it is read again",
    "set": "keep sorted(values), or a dict with a key for each",
    "frozenset": "keep sorted(values), or a dict with a key for each",
    "bytes": "keep a text, as data.decode() or base64 makes one",
    "bytearray": "keep a text, as data.decode() or base64 makes one",
    "datetime": "keep its timestamp()",
    "date": "keep its isoformat()",
    "Decimal": "keep str(value)",
    "defaultdict": "keep a dict, and use its setdefault(key, value)",
    "Counter": "keep a dict, and use its get(key, 0)",
    "OrderedDict": "keep a dict, which has an order as well",
    "deque": "keep a list",
}


class UnreadableState(Exception):
    """What was saved is no state."""


def written(state: Any) -> bytes:
    """The bytes of a state that JSON holds."""
    try:
        return json.dumps(state, ensure_ascii=False, separators=(",", ":")).encode()
    except UnicodeEncodeError:
        # A text has half of a character, which JSON holds escaped alone.
        return json.dumps(state, separators=(",", ":")).encode()


def read(saved: bytes) -> Any:
    """The state of bytes."""
    try:
        state = json.loads(saved)
    except (ValueError, RecursionError):
        # What the parser says may quote it.
        raise UnreadableState("no JSON") from None
    if type(state) is not dict and type(state) is not list:
        raise UnreadableState(f"a value of the type {type(state).__name__}, and neither a dict nor a list")
    return state


def why_not_json(state: Any) -> str | None:
    """What of a state JSON does not hold, where, and what to keep instead; None: it holds all of it."""
    return None if _is_held(state, 0) else _explained(state, "state", 0)


def _is_held(value: Any, level: int) -> bool:
    kind = type(value)
    if kind is str or kind is int or kind is bool or value is None:
        return True
    if kind is float:
        return math.isfinite(value)
    if level >= MOST_LEVELS:
        return False
    if kind is dict:
        return all(type(key) is str and _is_held(inner, level + 1) for key, inner in value.items())
    return kind is list and all(_is_held(inner, level + 1) for inner in value)


def _explained(value: Any, place: str, level: int) -> str:
    kind = type(value)
    if level >= MOST_LEVELS and kind in (dict, list):
        return f"it is more than {MOST_LEVELS} levels deep, or contains itself"
    if kind is list:
        index, inner = next((at, inner) for at, inner in enumerate(value) if not _is_held(inner, level + 1))
        return _explained(inner, f"{place}[{index}]", level + 1)
    if kind is dict:
        for key, inner in value.items():
            if type(key) is not str:
                return f"{place} has a key that is {_kind(key)}: JSON has texts for keys, as str(key)"
            if not _is_held(inner, level + 1):
                return _explained(inner, f"{place}[{key!r}]" if WORD.fullmatch(key) else f"{place}[…]", level + 1)
    if kind is float:
        return f"{place} is {value}: JSON has no such number, so look at what is added up, and keep None for none"
    remedy = REMEDIES.get(kind.__name__, "a state is made of dict, list, str, int, float, bool and None alone")
    return f"{place} is {_kind(value)}: {remedy}"


def _kind(value: Any) -> str:
    """What a value is. It may be made of payloads, so that it is not shown."""
    return "None" if value is None else answers.of_kind(type(value).__name__)
