"""The handler that a team would write in Python, with the batch processor of Powertools for AWS Lambda."""

import json
import os

from aws_lambda_powertools.utilities.batch import BatchProcessor, EventType, process_partial_response

THRESHOLD = 10

processor = BatchProcessor(event_type=EventType.KinesisDataStreams)
outputs = []


def handle_record(record):
    reading = record.kinesis.data_as_json()
    if reading["temperature"] < THRESHOLD:
        return
    del reading["operator"]
    outputs.append(json.dumps(reading, separators=(",", ":")))


def handler(event, context):
    outputs.clear()
    response = process_partial_response(event=event, record_handler=handle_record, processor=processor, context=context)
    # Only to compare what comes out.
    if path := os.environ.get("PEER_OUTPUTS"):
        with open(path, "w", encoding="utf-8") as file:
            file.writelines(f"{output}\n" for output in outputs)
    return response
