#!/usr/bin/env python3
"""Counts the instructions that a record costs, from the event's bytes to its outcome, and holds them to a limit.

Unlike times, they are the same on a busy machine. Two events of different lengths are run through the command line
under callgrind; what the longer one takes more, divided by its further records, is the cost of one. The same is asked of
a target that takes nothing, where each further record of a large event may cost no more than twice what it costs where all are taken.

Usage: count_instructions.py --kinesieve FILE --transforms FOLDER [--check] [--profile FOLDER]
"""

import argparse
import base64
import json
import pathlib
import platform
import re
import shutil
import subprocess
import tempfile

SHORT, LONG = 1_000, 4_000

# Instructions of a record on x86-64, as counted when they were last looked at. A tenth more fails the check: then
# either mend what became slower, or say in the commit why it is worth it.
EXPECTED = {"keep": 8_700, "reading_transform": 16_600}
MARGIN = 1.1

# Lengths of the events whose records are all taken, or all refused.
LARGE = (10_000, 40_000)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kinesieve", type=pathlib.Path, required=True)
    parser.add_argument("--transforms", type=pathlib.Path, required=True, help="the folder of the .wasm files")
    parser.add_argument("--check", action="store_true", help="fail where a record costs more than it should")
    parser.add_argument("--profile", type=pathlib.Path, help="keep what callgrind wrote in this folder")
    arguments = parser.parse_args()
    if shutil.which("valgrind") is None:
        print("instructions are not counted: there is no valgrind on this machine")
        return
    if platform.machine() not in ("x86_64", "AMD64"):
        print(f"instructions are not counted: what is expected of them is known for x86-64, not {platform.machine()}")
        return
    too_many = []
    with tempfile.TemporaryDirectory() as scratch:
        scratch = pathlib.Path(scratch)
        for name, expected in EXPECTED.items():
            transform = scratch / f"{name}.cwasm"
            component = arguments.transforms / f"{name}.wasm"
            build = [arguments.kinesieve, "build", component, "--target", "x86_64", "--output", transform]
            subprocess.run(build, check=True, capture_output=True)
            totals = [count(arguments, transform, records, scratch, "none") for records in (SHORT, LONG)]
            each = (totals[1] - totals[0]) / (LONG - SHORT)
            print(f"{name}: {each:,.0f} instructions a record ({expected:,} expected)")
            if each > expected * MARGIN:
                too_many.append(name)
        # A device that is always full refuses each write. How far the guest is ahead by then depends on its thread, so
        # that the cost is held to that of a device which takes all: were it to grow with the event, it would be many times
        # as much.
        each = []
        for output in ("file:/dev/null", "file:/dev/full"):
            totals = [count(arguments, scratch / "keep.cwasm", records, scratch, output) for records in LARGE]
            each.append((totals[1] - totals[0]) / (LARGE[1] - LARGE[0]))
        taken, refused = each
        print(f"keep, in a large event: {taken:,.0f} instructions a record, {refused:,.0f} where nothing is taken")
        if refused > 2 * taken:
            too_many.append("a target that takes nothing")
    if too_many and arguments.check:
        raise SystemExit(f"a record costs more than a tenth more than expected with {', '.join(too_many)}")


def count(arguments, transform, records, scratch, output):
    event = scratch / f"event-{records}.json"
    if not event.exists():
        event.write_text(json.dumps({"Records": [record(index) for index in range(records)]}, separators=(",", ":")))
    profile = (arguments.profile or scratch) / f"callgrind.{transform.stem}.{records}.{pathlib.PurePath(output).name}"
    command = [
        "valgrind", "--tool=callgrind", f"--callgrind-out-file={profile}", arguments.kinesieve, "run",
        "--transform", transform, "--input", event, "--input-format", "lambda-event", "--output", output, "--workers", "1", "--event-timeout", "1m",
    ]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True)
    found = re.search(r"Collected : (\d+)", done.stderr)
    # Where nothing is taken, the run says so by its status.
    expected = 3 if output == "file:/dev/full" else 0
    if done.returncode != expected or found is None:
        raise SystemExit(f"{' '.join(map(str, command))} ended with status {done.returncode}:\n{done.stderr}")
    return int(found.group(1))


def record(index):
    """A reading of 89 bytes; every fourth is too cold to be delivered."""
    device = f"sensor-{index % 1000:04}"
    temperature = 4.5 if index % 4 == 0 else 21.5
    reading = {"device": device, "temperature": temperature, "operator": "ines.duarte", "seq": index, "pad": ""}
    reading["pad"] = "x" * (89 - len(json.dumps(reading, separators=(",", ":"))))
    sequence_number = f"49590338271490256608{index:036}"
    return {
        "kinesis": {
            "kinesisSchemaVersion": "1.0",
            "partitionKey": device,
            "sequenceNumber": sequence_number,
            "data": base64.b64encode(json.dumps(reading, separators=(",", ":")).encode()).decode(),
            "approximateArrivalTimestamp": 1545084650.987,
        },
        "eventSource": "aws:kinesis",
        "eventVersion": "1.0",
        "eventID": f"shardId-000000000006:{sequence_number}",
        "eventName": "aws:kinesis:record",
        "invokeIdentityArn": "arn:aws:iam::123456789012:role/readings-function",
        "awsRegion": "eu-west-1",
        "eventSourceARN": "arn:aws:kinesis:eu-west-1:123456789012:stream/readings",
    }


if __name__ == "__main__":
    main()
