"""From a project to its component: a virtual environment, what it needs, and componentize-py.

A project's `kinesieve.json` runs `vendor/kinesieve-sdk/build.py`, which looks at the version of Python and comes here.
Everything is told on standard error: standard output is for what `kinesieve` prints itself.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from .component import build
from .environment import Environment
from .problem import BuildProblem


def main(arguments: list[str] | None = None) -> int:
    """Builds the project in the working directory; answers the exit code."""
    parser = argparse.ArgumentParser(prog="kinesieve-build", description="Build the component of a transform in Python")
    parser.add_argument("--output", type=Path, required=True, help="the component")
    parser.add_argument("--module", default="transform", help="the module with the class Transform or Fold")
    parser.add_argument("--source", type=Path, default=Path("src"), help="the folder with the module")
    parser.add_argument("--requirements", type=Path, default=Path("requirements.txt"), help="the packages it needs")
    parser.add_argument("--full-tracebacks", action="store_true", help="leave the frames of the SDK in tracebacks")
    options = parser.parse_args(arguments)
    try:
        environment = Environment.prepare(Path(".venv"), options.requirements)
        build(environment, options.source, options.module, options.output, options.full_tracebacks)
    except BuildProblem as problem:
        print(f"error: {problem}", file=sys.stderr)
        return 1
    except OSError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0
