"""Each instance has random numbers of its own, although all begin with the memory that the build left."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any
from weakref import WeakSet

Seed = int | float | str | bytes | bytearray | None


def watched() -> Callable[[], None]:
    """Remembers the generators that are made from now on without a seed; answers what seeds them anew.

    That is to be called once, in the instance. Generators that were given a seed keep their numbers.
    """
    without_seed: WeakSet[Any] = WeakSet()
    seed = random.Random.seed

    def watching(self: random.Random, a: Seed = None, version: int = 2) -> None:
        seed(self, a, version)
        if a is None:
            without_seed.add(self)
        else:
            without_seed.discard(self)

    random.Random.seed = watching  # type: ignore[method-assign]

    def anew() -> None:
        random.Random.seed = seed  # type: ignore[method-assign]
        random.seed()
        for generator in without_seed:
            generator.seed()

    return anew
