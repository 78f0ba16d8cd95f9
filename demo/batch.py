"""A batch as Lambda would hand it to the function: 1,200 records of a fleet of sensors, some of them poisoned.

What has to become of each record is planned here, beside its making, and never asked of the program that the
demo shows: the accounts are kept against this plan.
"""

import base64
import enum
import json
import random
from dataclasses import dataclass

STREAM_ARN = "arn:aws:kinesis:eu-west-1:123456789012:stream/telemetry"
SHARD_ID = "shardId-000000000000"

# What the demo asks of the transform: self-tests go, and so do the operator's personal data.
DROP_FIELD, DROP_VALUE = "kind", "selftest"
REMOVED_FIELDS = ("operatorEmail", "operatorPhone")
TRANSFORM_SETTINGS = f"drop_field={DROP_FIELD},drop_value={DROP_VALUE},remove={';'.join(REMOVED_FIELDS)}"

_SEED = 20250801
_RECORDS = 1200
_POISONED = 12
# The first poisoned record is far enough in for outputs before it, and early enough for many behind it.
_FIRST_POISONED = 257
_SELFTEST_SHARE = 0.12


class Fate(enum.Enum):
    """What has to become of a record."""

    DELIVER = "delivered"
    DROP = "dropped"
    REJECT = "rejected"
    DECODE = "decode"


@dataclass(frozen=True)
class Record:
    """A record of the batch, and what is planned for it."""

    envelope: dict
    payload: bytes
    fate: Fate
    poison: str | None = None

    @property
    def sequence_number(self):
        return self.envelope["kinesis"]["sequenceNumber"]

    @property
    def partition_key(self):
        return self.envelope["kinesis"]["partitionKey"]

    def expected_output(self):
        """The fields that have to come out, in their order."""
        return {name: value for name, value in json.loads(self.payload).items() if name not in REMOVED_FIELDS}


def event_of(records):
    """The event that Lambda invokes the function with."""
    return json.dumps({"Records": [record.envelope for record in records]}).encode()


def make():
    """The batch: the same at every run."""
    rng = random.Random(_SEED)
    devices = [_Device(rng, number) for number in range(1, 41)]
    later = rng.sample(range(_FIRST_POISONED + 1, _RECORDS), _POISONED - 1)
    poisons = dict(zip([_FIRST_POISONED, *sorted(later)], _poisons(rng)))
    # 56 digits, as Kinesis gives them: they share a long prefix, and grow by uneven steps.
    sequence_number = 49663180427159280344751027653810273645900182736455012738
    arrived_at_ms = 1754035200000
    records = []
    for index in range(_RECORDS):
        sequence_number += rng.randrange(10**9, 10**13)
        arrived_at_ms += rng.randrange(3, 90)
        device = rng.choice(devices)
        reading = device.reading(rng, arrived_at_ms)
        record = _record(device.name, reading, poisons.get(index), sequence_number, arrived_at_ms, rng)
        records.append(record)
    return records


class _Device:
    """A sensor, its place, and who looks after it."""

    def __init__(self, rng, number):
        self.name = f"sensor-{number:04}"
        self._site = rng.choice(["Lisboa-2", "Malmö-1", "Kraków-3", "Galway-1"])
        self._firmware = rng.choice(["2.7.1", "2.7.3", "3.0.0-rc1"])
        self._operator = rng.choice(["ines.duarte", "bjorn.lind", "zofia.mazur", "aoife.byrne"])
        self._phone = f"+351 21 555 {rng.randrange(10000):04}"
        self._temperature = rng.uniform(2.0, 24.0)
        self._battery = rng.uniform(3.3, 4.1)

    def reading(self, rng, arrived_at_ms):
        self._temperature += rng.gauss(0, 0.2)
        self._battery -= 0.0004
        is_selftest = rng.random() < _SELFTEST_SHARE
        return {
            "deviceId": self.name,
            "kind": DROP_VALUE if is_selftest else "reading",
            "site": self._site,
            "measuredAt": arrived_at_ms - rng.randrange(40, 900),
            "temperature": round(self._temperature, 2),
            "humidity": round(rng.uniform(35, 70), 1),
            "battery": round(self._battery, 3),
            "firmware": self._firmware,
            "operatorEmail": f"{self._operator}@cold-chain.example",
            "operatorPhone": self._phone,
            "tags": rng.sample(["cold-room", "dock", "transit", "audit"], 2),
        }


def _poisons(rng):
    """One way of being broken for each poisoned record: all kinds, mixed, but truncated JSON first."""
    rest = ["truncated JSON"] * 5 + ["binary"] * 5 + ["bad base64"]
    rng.shuffle(rest)
    assert len(rest) + 1 == _POISONED
    return ["truncated JSON", *rest]


def _record(partition_key, reading, poison, sequence_number, arrived_at_ms, rng):
    text = json.dumps(reading, ensure_ascii=False, separators=(",", ":")).encode()
    match poison:
        case None:
            fate = Fate.DROP if reading[DROP_FIELD] == DROP_VALUE else Fate.DELIVER
            payload, data = text, _base64(text)
        case "truncated JSON":
            # The producer's buffer ended before its record.
            fate, payload = Fate.REJECT, text[: rng.randrange(40, len(text) - 20)]
            data = _base64(payload)
        case "binary":
            # A compressed upload that went into the wrong stream.
            fate, payload = Fate.REJECT, b"\x1f\x8b\x08\x00" + rng.randbytes(120)
            data = _base64(payload)
        case "bad base64":
            # There is nothing to decode: the text itself is all that can be saved.
            fate = Fate.DECODE
            data = "!!" + _base64(text)[2:]
            payload = data.encode()
    envelope = _envelope(partition_key, data, str(sequence_number), arrived_at_ms)
    return Record(envelope, payload, fate, poison)


def _envelope(partition_key, data, sequence_number, arrived_at_ms):
    return {
        "kinesis": {
            "kinesisSchemaVersion": "1.0",
            "partitionKey": partition_key,
            "sequenceNumber": sequence_number,
            "data": data,
            "approximateArrivalTimestamp": arrived_at_ms / 1000,
        },
        "eventSource": "aws:kinesis",
        "eventVersion": "1.0",
        "eventID": f"{SHARD_ID}:{sequence_number}",
        "eventName": "aws:kinesis:record",
        "invokeIdentityArn": "arn:aws:iam::123456789012:role/telemetry-kinesieve",
        "awsRegion": "eu-west-1",
        "eventSourceARN": STREAM_ARN,
    }


def _base64(data):
    return base64.b64encode(data).decode()
