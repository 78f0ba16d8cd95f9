"""The acts of the demo: what is sent to the function, what is shown, and what is checked.

Each raises `accounts.Wrong` as soon as something is not as it was planned.
"""

import json

import accounts
import batch
import terminal
from accounts import must
from batch import Fate


class Acts:
    """The batch, the function under the emulator, and the files that it writes."""

    def __init__(self, emulator, function, transform, out):
        self._emulator = emulator
        self._function = function
        self._transform = transform
        self._out = out
        self.records = batch.make()

    def _settings(self, outputs, dead_letters=None):
        """The function's settings, as a deployment gives them."""
        settings = {
            "KINESIEVE_TRANSFORM": str(self._transform),
            "KINESIEVE_TRANSFORM_SETTINGS": batch.TRANSFORM_SETTINGS,
            "KINESIEVE_OUTPUT": f"file:{outputs}",
        }
        if dead_letters:
            settings["KINESIEVE_DEAD_LETTER"] = f"file:{dead_letters}"
        return settings

    def _invoke(self, records, settings):
        """Starts the function, invokes it with the records, and shows its answer."""
        for name in settings:
            print(terminal.paint(f"  {name}={settings[name]}", "dim"))
        event = batch.event_of(records)
        with self._emulator.attach(self._function, settings) as function:
            # The start of the function is not what is timed.
            empty, _ = function.invoke(batch.event_of([]))
            must(accounts.problems_of_response(empty, accounts.ALL_DONE))
            response, seconds = function.invoke(event)
        print(f"\n  {terminal.paint('response', 'cyan')}  {response}")
        figures = f"{len(event) / 1e6:.2f} MB, in {seconds * 1000:.1f} ms, the emulator included"
        if not accounts.problems_of_response(response, accounts.ALL_DONE):
            figures += f": {len(records) / seconds:,.0f} records/s"
        print(f"  {terminal.paint('time', 'cyan')}      {len(records):,} records, {figures}")
        return response

    def poisoned_records_are_put_aside(self):
        terminal.heading("1. A batch with poisoned records, and a place for them")
        fates = [record.fate for record in self.records]
        poisoned = len(self.records) - fates.count(Fate.DELIVER) - fates.count(Fate.DROP)
        terminal.say(
            f"{len(self.records):,} readings of a fleet of sensors. The transform is to drop self-tests "
            f"({fates.count(Fate.DROP)} of them) and to remove the operator's personal data from the rest; "
            f"{poisoned} records are no JSON, or not even base64."
        )
        print()
        outputs, dead_letters = self._out / "outputs.ndjson", self._out / "dead-letters.ndjson"
        response = self._invoke(self.records, self._settings(outputs, dead_letters))
        written, letters = accounts.read_lines(outputs), accounts.read_lines(dead_letters)
        account = accounts.settle(self.records, written, letters)
        must(accounts.problems_of_response(response, accounts.ALL_DONE) + account.problems)
        self._show_changes(written)
        self._show_dead_letters(letters)
        print()
        terminal.ok(_accounted(account))
        terminal.ok("Every output is what was planned for it, and in the order of its partition key.")
        terminal.ok("The response names no failure: Lambda goes on to the next batch.")

    def the_first_poisoned_record_stops_the_shard(self):
        """Returns what was delivered, and the records that are left."""
        terminal.heading("2. The same batch, and no place for poisoned records")
        terminal.say(
            "Without a dead-letter destination nothing may be put aside, so the function stops at the first record "
            "that it can't process, and tells Lambda to replay from there."
        )
        print()
        outputs = self._out / "outputs-until-stop.ndjson"
        response = self._invoke(self.records, self._settings(outputs))
        stop = next(
            index for index, record in enumerate(self.records) if record.fate in (Fate.REJECT, Fate.DECODE)
        )
        before, rest = self.records[:stop], self.records[stop:]
        written = accounts.read_lines(outputs)
        account = accounts.settle(before, written, [])
        must(accounts.problems_of_response(response, accounts.replay_from(rest[0])) + account.problems)
        print()
        terminal.ok(f"The response names record {stop + 1:,}, the first poisoned one ({rest[0].poison}).")
        terminal.ok(f"What came before it is done, and nothing else: {_accounted(account)}")
        return written, rest

    def the_replay_goes_on_from_there(self, written, rest):
        terminal.heading("3. Lambda replays, and now there is a place")
        terminal.say(
            "Lambda sends the batch again from that record on, until it is processed or expires. Here someone "
            f"sets a dead-letter destination in the meantime, and the {len(rest):,} records from there on come again."
        )
        print()
        outputs, dead_letters = self._out / "outputs-replayed.ndjson", self._out / "dead-letters-replayed.ndjson"
        response = self._invoke(rest, self._settings(outputs, dead_letters))
        everything = written + accounts.read_lines(outputs)
        account = accounts.settle(self.records, everything, accounts.read_lines(dead_letters))
        must(accounts.problems_of_response(response, accounts.ALL_DONE) + account.problems)
        print()
        terminal.ok(f"Both invocations together: {_accounted(account)}")
        terminal.ok("Nothing was lost, and nothing was delivered twice.")

    def _show_changes(self, written):
        by_number = {output["sequenceNumber"]: output for output in written}
        delivered = [record for record in self.records if record.sequence_number in by_number][:2]
        dropped = [record for record in self.records if record.fate is Fate.DROP][:1]
        for record in sorted([*delivered, *dropped], key=lambda record: int(record.sequence_number)):
            output = by_number.get(record.sequence_number)
            after = json.loads(output["data"]) if output else {}
            pairs = []
            for name, value in json.loads(record.payload).items():
                left = f"{name}: {json.dumps(value, ensure_ascii=False)}"
                right = f"{name}: {json.dumps(after[name], ensure_ascii=False)}" if name in after else None
                pairs.append((left, right, None if right else "red"))
            print()
            title = "after" if output else "after: nothing, it was dropped"
            terminal.side_by_side(f"before: {terminal.tail(record.sequence_number)}", title, pairs)

    def _show_dead_letters(self, letters):
        print()
        print(f"  {terminal.paint('dead letters', 'cyan')}")
        by_number = {record.sequence_number: record for record in self.records}
        rows = []
        for letter in letters:
            number = letter["sequenceNumber"]
            rows.append([terminal.tail(number), by_number[number].poison, letter["kind"], letter["reason"]])
        terminal.table(["record", "poison", "kind", "reason"], rows)


def _accounted(account):
    return (
        f"{account.delivered:,} delivered + {account.dropped:,} dropped + "
        f"{account.dead_lettered:,} dead-lettered = {account.total:,} records."
    )
