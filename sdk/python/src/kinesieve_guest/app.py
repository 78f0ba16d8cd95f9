"""What componentize-py builds. It is run once, at build; the processor calls the functions of the contract later.

The author's module is imported at build, so that an error in it is an error of the build, an instance starts in
milliseconds, and what a module reads or computes once is there already. `randomness` mends what must not be the same
in all instances.
"""

import sys

# The compiled form of what is imported from a file would be left beside it.
sys.dont_write_bytecode = True

import kinesieve_plan as plan  # type: ignore[import-not-found]

from kinesieve_guest.setup import prepare, reported

with reported(plan):
    importer = prepare(plan)

    # From here on all imports go through the archive.
    from kinesieve_guest.assembly import assemble
    from kinesieve_guest.component import Component

    component = assemble(plan, importer)


def Transform() -> Component:
    """componentize-py makes one for each function of the contract, and they have to be the same."""
    return component


def Window() -> Component:
    """That of the contract for windows."""
    return component
