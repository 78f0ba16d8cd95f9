"""The act between two streams: records put in, a transform between them, a shard split meanwhile.

What has to come out is planned by `batch`, and read back from the stream itself.
"""

import json
import os
import shlex
import subprocess
import time
from collections import Counter, defaultdict

import accounts
import batch
import terminal
from accounts import must
from batch import Fate
from programs import Process, ProgramError

INPUT, OUTPUT = "telemetry", "clean"
SHARDS = {INPUT: 2, OUTPUT: 2}
_RECORDS = 600
_PATIENCE = 120.0
_COMMAND_WIDTH = 96


class StreamAct:
    """The streams, the command line, and what is to come out."""

    def __init__(self, kinesis, kinesieve, transform, records, out):
        self._kinesis = kinesis
        self._kinesieve = kinesieve
        self._transform = transform
        self._out = out
        # A line holds a reading: what is no JSON has no device to be its key.
        whole = [record for record in records if record.fate in (Fate.DELIVER, Fate.DROP)]
        self._records = whole[:_RECORDS]

    def between_two_streams(self):
        terminal.heading("4. From stream to stream, and a shard is split meanwhile")
        dropped = sum(record.fate is Fate.DROP for record in self._records)
        terminal.say(
            f"An emulator of Kinesis has two streams of two shards each, {INPUT} and {OUTPUT}. `kinesieve run` is to "
            f"take {len(self._records)} readings from the one to the other, through the same transform; {dropped} of "
            "them are self-tests. It starts before there is anything to read, and follows the shards by itself."
        )
        half = len(self._records) // 2
        started = time.perf_counter()
        with self._start_run() as run:
            self._put("readings-1.ndjson", self._records[:half])
            run.check_alive()
            shard_id = self._kinesis.split(INPUT)
            print()
            terminal.say(f"Now {shard_id} is split in two, which closes it. The rest of the readings goes to its children.")
            self._put("readings-2.ndjson", self._records[half:])
            status, said = run.wait(_PATIENCE)
        seconds = time.perf_counter() - started
        print(f"\n  {terminal.paint('kinesieve run', 'cyan')}")
        for line in said.splitlines():
            print(terminal.paint(f"  {terminal.shorten(line, 100)}", "dim"))
        print()
        must([] if status == 0 else [f"`kinesieve run` ended with status {status}, and 0 was expected"])
        arrived, delivered = self._kinesis.records(INPUT), self._kinesis.records(OUTPUT)
        must(self._problems_of_input(arrived, shard_id) + self._problems_of_output(delivered))
        self._show_shards(arrived, delivered)
        print()
        terminal.ok(f"All {len(arrived)} readings are in {INPUT}, each once, by device in the order of the file.")
        terminal.ok(f"{len(delivered)} delivered + {dropped} dropped = {len(arrived)} records, in {seconds:.1f} s.")
        terminal.ok(f"Every record of {OUTPUT} is what was planned for it, once, and in the order of its device,")
        print("    also across the split: what was in the closed shard came before what is in its children.")

    def _start_run(self):
        command = [
            self._kinesieve, "run", "--input", INPUT, "--from", "trim-horizon", "--until", f"count={len(self._records)}",
            "--transform", self._transform, "--transform-settings", batch.TRANSFORM_SETTINGS,
            "--output", self._kinesis.arn(OUTPUT),
        ]  # fmt: skip
        self._show(command, " &")
        return Process("`kinesieve run`", command, self._env(), None, self._out / "run.log")

    def _put(self, name, records):
        """Puts the payloads of records, and shows the first line of what is said."""
        lines = self._out / name
        lines.write_bytes(b"".join(record.payload + b"\n" for record in records))
        command = [self._kinesieve, "put", "--stream", INPUT, lines, "--key", "/deviceId"]
        self._show(command)
        try:
            done = subprocess.run(
                command, env=self._env(), stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=_PATIENCE
            )
        except subprocess.TimeoutExpired:
            raise ProgramError(f"`kinesieve put` did not end within {_PATIENCE:.0f} s") from None
        if done.returncode != 0:
            raise ProgramError(f"`kinesieve put` ended with status {done.returncode}:\n{done.stdout}{done.stderr}")
        print(f"  {done.stderr.splitlines()[0]}")

    def _env(self):
        return {"PATH": os.environ["PATH"], **self._kinesis.variables()}

    def _show(self, command, behind=""):
        """The command as a person would type it, a flag a line."""
        words = [os.path.relpath(word) if word == self._kinesieve else str(word) for word in command]
        lines = [""]
        for index, word in enumerate(words):
            # A flag stays with its value.
            value = words[index + 1] if word.startswith("--") else ""
            if len(f"{lines[-1]} {word} {value}") > _COMMAND_WIDTH and not words[index - 1].startswith("--"):
                lines.append("")
            lines[-1] = f"{lines[-1]} {shlex.quote(word)}".lstrip()
        text = " \\\n    ".join(lines)
        print(terminal.paint(f"\n  {text}{behind}", "dim"))

    def _problems_of_input(self, arrived, split_shard):
        """What is wrong with what `put` did, and whether the split was in the middle of it."""
        planned = [(record.partition_key, record.payload) for record in self._records]
        problems = _problems_by_key(INPUT, planned, [(record.partition_key, record.data) for record in arrived])
        shard_ids, closed = self._kinesis.shards(INPUT)
        if closed != {split_shard} or len(shard_ids) != SHARDS[INPUT] + 2:
            problems.append(f"{INPUT} has the shards {shard_ids}, of which {sorted(closed)} were split: only {split_shard} was to be")
        empty = set(shard_ids) - {record.shard_id for record in arrived}
        if empty:
            problems.append(f"no record is in {sorted(empty)}: records were to come before and after the split")
        return problems

    def _problems_of_output(self, delivered):
        planned = [
            (record.partition_key, list(record.expected_output().items()))
            for record in self._records
            if record.fate is Fate.DELIVER
        ]
        found = [(record.partition_key, _fields(record.data)) for record in delivered]
        return _problems_by_key(OUTPUT, planned, found)

    def _show_shards(self, arrived, delivered):
        rows = []
        for stream, records in [(INPUT, arrived), (OUTPUT, delivered)]:
            counts = Counter(record.shard_id for record in records)
            shard_ids, closed = self._kinesis.shards(stream)
            for shard_id in shard_ids:
                state = "closed by the split" if shard_id in closed else "open"
                rows.append([stream, shard_id, str(counts[shard_id]), state])
        terminal.table(["stream", "shard", "records", "is"], rows)


def _problems_by_key(stream, planned, found):
    """What is missing, what is there twice or should not be, and what is out of its key's order."""
    problems = []
    planned_by_key, found_by_key = _by_key(planned), _by_key(found)
    for key in sorted(planned_by_key.keys() | found_by_key.keys()):
        expected, there = planned_by_key.get(key, []), found_by_key.get(key, [])
        if there == expected:
            continue
        if len(there) != len(expected):
            problems.append(f"{stream} has {len(there)} records of {key}, and {len(expected)} were planned")
        elif sorted(map(repr, there)) == sorted(map(repr, expected)):
            problems.append(f"{stream} has the records of {key} in another order than they were put in")
        else:
            problems.append(f"{stream} has records of {key} that are not what was planned")
    return problems


def _by_key(pairs):
    by_key = defaultdict(list)
    for key, data in pairs:
        by_key[key].append(data)
    return by_key


def _fields(data):
    """The fields of an object in their order; the bytes themselves where it is none."""
    try:
        return list(json.loads(data).items())
    except (ValueError, AttributeError):
        return data
