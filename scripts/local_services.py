#!/usr/bin/env python3
"""Kinesis, SQS, S3 and DynamoDB on this machine, until Ctrl-C: what the tutorial and the how-to guides work with.

Kinesis is the emulator `kinesis-local`, with two streams; the others are moto's, with a queue, a bucket and a table.

Usage: local_services.py --moto FILE --kinesis-local FILE
"""

import argparse
import json
import os
import pathlib
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request

HOST = "127.0.0.1"
MOTO_PORT, KINESIS_PORT = 4566, 4567
ACCOUNT, REGION = "123456789012", "eu-west-1"
STREAMS = {"readings": 2, "clean": 1}
QUEUE, BUCKET, TABLE = "dead-letters", "archive", "positions"
START_TIMEOUT = 60.0


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--moto", type=pathlib.Path, required=True)
    parser.add_argument("--kinesis-local", type=pathlib.Path, required=True)
    arguments = parser.parse_args()
    for port in (MOTO_PORT, KINESIS_PORT):
        with socket.socket() as probe:
            if probe.connect_ex((HOST, port)) == 0:
                sys.exit(f"port {port} is taken: are the services running already?")
    # Not at once: what waits below has to end in order.
    end = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: end.set())
    with tempfile.TemporaryDirectory() as logs:
        services = [start_kinesis(arguments.kinesis_local, logs), start_moto(arguments.moto, logs)]
        try:
            wait_for(KINESIS_PORT, services, end)
            wait_for(MOTO_PORT, services, end)
            if not end.is_set():
                make_places(end)
                tell()
            while not end.wait(1):
                check(services)
        finally:
            for service in services:
                service.terminate()
            for service in services:
                service.wait()


def start_kinesis(program, logs):
    variables = {
        "KINESIS_MOCK_PLAIN_PORT": str(KINESIS_PORT),
        # Any that is free: it can't be switched off.
        "KINESIS_MOCK_TLS_PORT": "0",
        "KINESIS_MOCK_CERT_PATH": str(program.with_name("server.json")),
        "AWS_ACCOUNT_ID": ACCOUNT,
        "AWS_REGION": REGION,
        "INITIALIZE_STREAMS": ",".join(f"{name}:{shards}" for name, shards in STREAMS.items()),
    }
    return start("kinesis-local", ["node", program], variables, logs)


def start_moto(program, logs):
    return start("moto", [program, "-H", HOST, "-p", str(MOTO_PORT)], {}, logs)


def start(name, command, variables, logs):
    log = open(pathlib.Path(logs, name), "w+b")
    service = subprocess.Popen(
        command,
        env={**os.environ, **variables},
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=log,
        # Ctrl-C is for this program, which ends them.
        start_new_session=True,
    )
    service.name, service.log = name, log
    return service


def wait_for(port, services, end):
    until = time.monotonic() + START_TIMEOUT
    while not end.wait(0.1):
        check(services)
        with socket.socket() as probe:
            if probe.connect_ex((HOST, port)) == 0:
                return
        if time.monotonic() > until:
            sys.exit(f"nothing listens at port {port} after {START_TIMEOUT:.0f} s")


def check(services):
    for service in services:
        if service.poll() is not None:
            service.log.seek(0)
            sys.exit(f"{service.name} ended:\n{service.log.read().decode(errors='replace')}")


def make_places(end):
    """The queue, the bucket and the checkpoint table, and a moment until the streams are active."""
    # The name of the service stands in the credentials, by which moto tells whose request it is.
    ask("sqs", f"/?Action=CreateQueue&QueueName={QUEUE}&Version=2012-11-05", "POST")
    location = f"<CreateBucketConfiguration><LocationConstraint>{REGION}</LocationConstraint></CreateBucketConfiguration>"
    ask("s3", f"/{BUCKET}", "PUT", location.encode(), {"Content-Type": "application/xml"})
    keys = {"StreamID": "HASH", "ShardID": "RANGE"}
    table = {
        "TableName": TABLE,
        "AttributeDefinitions": [{"AttributeName": name, "AttributeType": "S"} for name in keys],
        "KeySchema": [{"AttributeName": name, "KeyType": kind} for name, kind in keys.items()],
        "BillingMode": "PAY_PER_REQUEST",
    }
    headers = {"Content-Type": "application/x-amz-json-1.0", "X-Amz-Target": "DynamoDB_20120810.CreateTable"}
    ask("dynamodb", "/", "POST", json.dumps(table).encode(), headers)
    end.wait(1)


def ask(service, path, method, body=b"", headers=None):
    scope = f"local/20260101/{REGION}/{service}/aws4_request"
    headers = {
        "Authorization": f"AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, Signature=00",
        "Content-Type": "application/x-www-form-urlencoded",
        **(headers or {}),
    }
    request = urllib.request.Request(f"http://{HOST}:{MOTO_PORT}{path}", body, headers, method=method)
    urllib.request.urlopen(request, timeout=START_TIMEOUT).close()


def tell():
    print("The services are running. Lead a terminal to them with")
    print()
    print(f"export AWS_ENDPOINT_URL=http://{HOST}:{MOTO_PORT} AWS_ENDPOINT_URL_KINESIS=http://{HOST}:{KINESIS_PORT}")
    print(f"export AWS_REGION={REGION} AWS_ACCESS_KEY_ID=local AWS_SECRET_ACCESS_KEY=local")
    print()
    print("Ctrl-C stops them.", flush=True)


if __name__ == "__main__":
    main()
