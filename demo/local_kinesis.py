"""Kinesis on this machine: the emulator `kinesis-local`, and what the demo asks of it.

It has sequence numbers of 56 digits, and shards that split, as the service has them.
"""

import base64
import http.client
import json
import os
import time
from dataclasses import dataclass

from programs import HOST, Process, ProgramError, free_port

_ACCOUNT, _REGION = "123456789012", "eu-west-1"
_REQUEST_TIMEOUT = 30.0
_PATIENCE = 60.0
_POLL = 0.1
# The emulator looks whether a request is signed, and not by whom.
_AUTHORIZATION = (
    f"AWS4-HMAC-SHA256 Credential=demo/20260101/{_REGION}/kinesis/aws4_request, "
    "SignedHeaders=host, Signature=00"
)


@dataclass(frozen=True)
class StreamRecord:
    """A record as a stream has it."""

    shard_id: str
    partition_key: str
    data: bytes


class LocalKinesis(Process):
    """The emulator on a free port of this machine, with its streams."""

    def __init__(self, program, streams, out):
        """`streams`: how many shards each has, by name."""
        self._port = free_port()
        self._streams = streams
        env = {
            "PATH": os.environ["PATH"],
            "KINESIS_MOCK_PLAIN_PORT": str(self._port),
            # Any that is free: it can't be switched off.
            "KINESIS_MOCK_TLS_PORT": "0",
            "KINESIS_MOCK_CERT_PATH": str(program.with_name("server.json")),
            "AWS_ACCOUNT_ID": _ACCOUNT,
            "AWS_REGION": _REGION,
            "INITIALIZE_STREAMS": ",".join(f"{name}:{shards}" for name, shards in streams.items()),
        }
        super().__init__("the Kinesis emulator", ["node", program], env, out, out / "kinesis.log")

    def __enter__(self):
        self.when_it_listens(self._port)
        try:
            for stream in self._streams:
                self._wait_until(f"the stream {stream} is active", lambda: self._status(stream) == "ACTIVE")
        except BaseException:
            self.__exit__()
            raise
        return self

    def variables(self):
        """What leads a program here."""
        return {
            "AWS_ENDPOINT_URL_KINESIS": f"http://{HOST}:{self._port}",
            "AWS_REGION": _REGION,
            "AWS_ACCESS_KEY_ID": "demo",
            "AWS_SECRET_ACCESS_KEY": "demo",
        }

    @staticmethod
    def arn(stream):
        return f"arn:aws:kinesis:{_REGION}:{_ACCOUNT}:stream/{stream}"

    def shards(self, stream):
        """The ids of the shards, and of those that were split, which take no more records."""
        shards = self._ask("ListShards", StreamName=stream)["Shards"]
        parents = {shard["ParentShardId"] for shard in shards if shard.get("ParentShardId")}
        return sorted(shard["ShardId"] for shard in shards), parents

    def split(self, stream):
        """Splits the first shard in the middle of its keys, and answers its id."""
        shard = min(self._ask("ListShards", StreamName=stream)["Shards"], key=lambda shard: shard["ShardId"])
        first, last = (int(shard["HashKeyRange"][name]) for name in ("StartingHashKey", "EndingHashKey"))
        middle = str((first + last) // 2 + 1)
        self._ask("SplitShard", StreamName=stream, ShardToSplit=shard["ShardId"], NewStartingHashKey=middle)
        self._wait_until("the shard is split", lambda: shard["ShardId"] in self.shards(stream)[1])
        self._wait_until(f"the stream {stream} is active", lambda: self._status(stream) == "ACTIVE")
        return shard["ShardId"]

    def records(self, stream):
        """All records, shard by shard, each in its order."""
        return [record for shard_id in self.shards(stream)[0] for record in self._records_of(stream, shard_id)]

    def _records_of(self, stream, shard_id):
        answer = self._ask(
            "GetShardIterator", StreamName=stream, ShardId=shard_id, ShardIteratorType="TRIM_HORIZON"
        )
        iterator = answer["ShardIterator"]
        while iterator:
            page = self._ask("GetRecords", ShardIterator=iterator)
            for record in page["Records"]:
                yield StreamRecord(shard_id, record["PartitionKey"], base64.b64decode(record["Data"]))
            if not page["Records"] and not page["MillisBehindLatest"]:
                return
            iterator = page.get("NextShardIterator")

    def _status(self, stream):
        summary = self._ask("DescribeStreamSummary", StreamName=stream)["StreamDescriptionSummary"]
        return summary["StreamStatus"]

    def _wait_until(self, what, is_so):
        until = time.monotonic() + _PATIENCE
        while time.monotonic() < until:
            self.check_alive()
            try:
                if is_so():
                    return
            except ProgramError:
                # A stream that was just asked for is not there yet.
                pass
            time.sleep(_POLL)
        raise self.error(f"waited {_PATIENCE:.0f} s until {what}, in vain")

    def _ask(self, action, **members):
        connection = http.client.HTTPConnection(HOST, self._port, timeout=_REQUEST_TIMEOUT)
        headers = {
            "Content-Type": "application/x-amz-json-1.1",
            "X-Amz-Target": f"Kinesis_20131202.{action}",
            "X-Amz-Date": time.strftime("%Y%m%dT%H%M%SZ", time.gmtime()),
            "Authorization": _AUTHORIZATION,
        }
        try:
            connection.request("POST", "/", body=json.dumps(members), headers=headers)
            answer = connection.getresponse()
            body = answer.read()
        except (OSError, http.client.HTTPException) as error:
            raise self.error(f"{action} got no answer ({error})") from error
        finally:
            connection.close()
        if answer.status != 200:
            raise self.error(f"{action} failed with HTTP {answer.status}: {body.decode(errors='replace')}")
        return json.loads(body) if body else {}
