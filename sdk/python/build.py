"""Builds the component of the project in this folder: `python3 vendor/kinesieve-sdk/build.py --output NAME.wasm`.

This file is all that an old Python reads, so it has to be valid in every Python there ever was.
"""

import os
import sys

OLDEST = (3, 10)


def main():
    if sys.version_info[:2] < OLDEST:
        sys.stderr.write(
            "error: this is Python %d.%d.%d (%s), and Python %d.%d or later is needed: install one from "
            "https://www.python.org/downloads, and name it in the place of `python3` in kinesieve.json if it has "
            "another name, such as `python3.13`\n" % (sys.version_info[:3] + (sys.executable,) + OLDEST)
        )
        return 1
    # What is vendored stays as it came.
    sys.dont_write_bytecode = True
    sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "src"))
    from kinesieve_sdk.build import main as build

    return build()


if __name__ == "__main__":
    sys.exit(main())
