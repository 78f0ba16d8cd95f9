#!/usr/bin/env python3
"""Kinesieve at work: a batch with poisoned records through the function, under a local Lambda runtime, and records
from stream to stream on the command line, with a local Kinesis.

Shows what comes out, and checks that every record is accounted for. Exits with 1 if one is not.
"""

import argparse
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import time

import batch
import terminal
from accounts import Wrong
from acts import Acts
from local_kinesis import LocalKinesis
from local_lambda import Emulator
from programs import ProgramError
from streams import SHARDS, StreamAct

_ROOT = pathlib.Path(__file__).resolve().parent.parent
# Relative, so that settings and commands are shown as a person in the repository would type them.
_OUT = pathlib.Path("demo") / "out"
_PROBLEMS_SHOWN = 10


def _precompile(kinesieve, transform):
    """Compiles the transform ahead of time, as a deployment does."""
    compiled = _OUT / "transform.cwasm"
    command = [kinesieve, "build", transform, "--target", "host", "--output", compiled]
    started = time.perf_counter()
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise ProgramError(f"`kinesieve build` ended with status {done.returncode}:\n{done.stdout}{done.stderr}")
    milliseconds = (time.perf_counter() - started) * 1000
    print(f"{transform.name} was compiled for this machine in {milliseconds:.0f} ms, to load at once.")
    return compiled


def _arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for name, help_text in [
        ("cargo-lambda", "the cargo-lambda executable"),
        ("kinesis-local", "the main.js of kinesis-local"),
        ("kinesieve", "the command line"),
        ("function", "the Lambda function"),
        ("transform", "the transform, drop_and_redact.wasm"),
    ]:
        parser.add_argument(f"--{name}", type=lambda text: pathlib.Path(text).resolve(), required=True, help=help_text)
    return parser.parse_args()


def _run(arguments):
    os.chdir(_ROOT)
    shutil.rmtree(_OUT, ignore_errors=True)
    _OUT.mkdir(parents=True)
    transform = _precompile(arguments.kinesieve, arguments.transform)
    with Emulator(arguments.cargo_lambda, _ROOT, _OUT) as emulator:
        acts = Acts(emulator, arguments.function, transform, _OUT)
        event = _OUT / "batch.json"
        event.write_bytes(batch.event_of(acts.records))
        acts.poisoned_records_are_put_aside()
        written, rest = acts.the_first_poisoned_record_stops_the_shard()
        acts.the_replay_goes_on_from_there(written, rest)
    terminal.heading("The same batch on the command line")
    outputs, dead_letters = _OUT / "again.ndjson", _OUT / "again-dead-letters.ndjson"
    print(
        f"{os.path.relpath(arguments.kinesieve)} run --input {event} --transform {transform} \\\n"
        f"  --transform-settings '{batch.TRANSFORM_SETTINGS}' \\\n"
        f"  --output file:{outputs} --dead-letter file:{dead_letters}"
    )
    with LocalKinesis(arguments.kinesis_local, SHARDS, _OUT) as kinesis:
        StreamAct(kinesis, arguments.kinesieve, transform, acts.records, _OUT).between_two_streams()
    print(f"\nWhat the programs wrote, and their logs, are in {_OUT}.")


def _end_in_order(signal_number, _frame):
    """As Ctrl-C does: through the `with` blocks that end the processes."""
    sys.exit(128 + signal_number)


def main():
    signal.signal(signal.SIGTERM, _end_in_order)
    try:
        _run(_arguments())
    except Wrong as wrong:
        problems = wrong.problems
        print()
        for problem in problems[:_PROBLEMS_SHOWN]:
            terminal.wrong(problem)
        if len(problems) > _PROBLEMS_SHOWN:
            terminal.wrong(f"and {len(problems) - _PROBLEMS_SHOWN} more")
        sys.exit(1)
    except ProgramError as error:
        print(f"\n{terminal.paint('error', 'red')}  {error}", file=sys.stderr)
        sys.exit(1)
    except KeyboardInterrupt:
        print("\ninterrupted", file=sys.stderr)
        sys.exit(130)


if __name__ == "__main__":
    main()
