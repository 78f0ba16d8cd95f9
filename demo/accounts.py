"""The accounts of the demo: what became of every record, against what was planned for it.

Nothing here trusts a count of the function's. Everything is read from the files that it wrote, and from its
response.
"""

import base64
import json
from collections import Counter
from dataclasses import dataclass, field

from batch import SHARD_ID, STREAM_ARN, Fate

ALL_DONE = {"batchItemFailures": []}


class Wrong(Exception):
    """What the function did is not what was planned: a list of problems."""

    def __init__(self, problems):
        super().__init__(problems)
        self.problems = problems


@dataclass
class Account:
    """What was found, and what is wrong with it."""

    delivered: int = 0
    dropped: int = 0
    dead_lettered: int = 0
    problems: list = field(default_factory=list)

    @property
    def total(self):
        return self.delivered + self.dropped + self.dead_lettered


def must(problems):
    """Goes on only if there are none."""
    if problems:
        raise Wrong(problems)


def read_lines(path):
    """The JSON lines of a file, each with its sequence number; none, if nothing was ever written."""
    if not path.exists():
        return []
    lines = []
    for number, text in enumerate(path.read_bytes().splitlines(), start=1):
        line = _parsed(text)
        if not isinstance(line, dict) or not isinstance(line.get("sequenceNumber"), str):
            raise Wrong([f"{path}, line {number}: no JSON object with a sequence number: {text[:200]!r}"])
        lines.append(line)
    return lines


def settle(records, outputs, dead_letters):
    """The account of records that all have to be done with: each one delivered, dropped or dead-lettered."""
    account = Account()
    account.problems += _problems_of_outputs(records, outputs)
    account.problems += _problems_of_dead_letters(records, dead_letters)
    account.delivered = len({output["sequenceNumber"] for output in outputs})
    account.dead_lettered = len({letter["sequenceNumber"] for letter in dead_letters})
    # A dropped record leaves nothing behind: it is one that was to be dropped, and is nowhere.
    seen = {line["sequenceNumber"] for line in [*outputs, *dead_letters]}
    account.dropped = sum(
        record.fate is Fate.DROP and record.sequence_number not in seen for record in records
    )
    if account.total != len(records):
        account.problems.append(f"{len(records)} records came in, and {account.total} are accounted for")
    return account


def problems_of_response(response, expected):
    """What is wrong with the function's answer. Lambda takes a misspelt one for success: it has to be exact."""
    if _parsed(response) != expected:
        return [f"the response is {response}, and {json.dumps(expected)} was expected"]
    return []


def replay_from(record):
    """The response that names a record as the position to replay from."""
    return {"batchItemFailures": [{"itemIdentifier": record.sequence_number}]}


def _problems_of_outputs(records, outputs):
    planned = {record.sequence_number: record for record in records if record.fate is Fate.DELIVER}
    problems = _problems_of_presence("delivered", planned, outputs)
    last_position = {}
    for output in outputs:
        number = output["sequenceNumber"]
        record = planned.get(number)
        if record is None:
            continue
        expected = {"partitionKey": record.partition_key, "route": None, "subSequenceNumber": 0}
        if any(output.get(name, "missing") != value for name, value in expected.items()):
            problems.append(f"output {number}: its envelope is wrong: {output}")
        elif not _has_fields(_parsed(output.get("data")), record.expected_output()):
            problems.append(f"output {number}: its data is wrong: {output}")
        if int(number) < last_position.get(record.partition_key, 0):
            problems.append(f"output {number}: it came after a later one of {record.partition_key}")
        last_position[record.partition_key] = int(number)
    return problems


def _problems_of_dead_letters(records, dead_letters):
    poisoned = (Fate.REJECT, Fate.DECODE)
    planned = {record.sequence_number: record for record in records if record.fate in poisoned}
    problems = _problems_of_presence("dead-lettered", planned, dead_letters)
    for letter in dead_letters:
        number = letter["sequenceNumber"]
        record = planned.get(number)
        if record is None:
            continue
        expected = {
            "kind": "decode" if record.fate is Fate.DECODE else "rejected",
            "streamArn": STREAM_ARN,
            "shardId": SHARD_ID,
            "partitionKey": record.partition_key,
        }
        for name, value in expected.items():
            if letter.get(name) != value:
                problems.append(f"dead letter {number}: its {name} is {letter.get(name)!r}, not {value!r}")
        if letter.get("dataBase64") != base64.b64encode(record.payload).decode():
            problems.append(f"dead letter {number}: its payload is not the record's")
        if not letter.get("reason"):
            problems.append(f"dead letter {number}: it gives no reason")
    return problems


def _problems_of_presence(done, planned, lines):
    """What is missing, what is there twice, and what should not be there."""
    counts = Counter(line["sequenceNumber"] for line in lines)
    problems = [f"{number} was to be {done}, and was not" for number in planned if number not in counts]
    problems += [f"{number} was {done} {count} times" for number, count in counts.items() if count > 1]
    problems += [f"{number} was {done}, and should not be" for number in counts if number not in planned]
    return problems


def _has_fields(data, expected):
    """The same fields in the same order."""
    return isinstance(data, dict) and list(data.items()) == list(expected.items())


def _parsed(text):
    """The JSON value; None for what is none."""
    try:
        return json.loads(text)
    except (TypeError, ValueError):
        return None
