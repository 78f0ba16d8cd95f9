"""KPL aggregates by the public library for Python, as the tests compare them with ours.

`read` takes lines of base64, each the data of a record, and prints a JSON list of [partition key, data in base64]
for each. `write` takes lines of such lists, and prints an aggregate of each in base64.
"""

import base64
import json
import sys

from aws_kinesis_agg.aggregator import RecordAggregator
from aws_kinesis_agg.deaggregator import deaggregate_records


def read(line):
    envelope = {
        "kinesisSchemaVersion": "1.0",
        "sequenceNumber": "1",
        "approximateArrivalTimestamp": 1.5,
        "partitionKey": "of the record",
        "data": line.strip(),
    }
    record = {
        "eventVersion": "1.0",
        "eventID": "shardId-000000000000:1",
        "eventName": "aws:kinesis:record",
        "eventSource": "aws:kinesis",
        "eventSourceARN": "arn",
        "invokeIdentityArn": "arn",
        "awsRegion": "eu-west-1",
        "kinesis": envelope,
    }
    user_records = [found["kinesis"] for found in deaggregate_records([record])]
    return json.dumps([[found["partitionKey"], found["data"].decode()] for found in user_records])


def write(line):
    aggregator = RecordAggregator()
    for key, data in json.loads(line):
        aggregator.add_user_record(key, base64.b64decode(data))
    _, _, aggregate = aggregator.clear_and_get().get_contents()
    return base64.b64encode(aggregate).decode()


for given in sys.stdin:
    print({"read": read, "write": write}[sys.argv[1]](given))
