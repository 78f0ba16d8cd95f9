"""moto's server, with the changes of DynamoDB's items one after the other, as at AWS.

moto looks whether a condition holds and writes in two steps, on a thread for each request: of two writers at once
both conditions may hold, and the older of the two may be what stays. No table does that.
"""

import functools
import threading

from moto.dynamodb.models import DynamoDBBackend
from moto.server import main

CHANGES = ("delete_item", "put_item", "transact_write_items", "update_item")

# A transaction changes items through the others.
one_at_a_time = threading.RLock()


def alone(change):
    """The change, while no other one happens."""

    @functools.wraps(change)
    def wrapper(*arguments, **named):
        with one_at_a_time:
            return change(*arguments, **named)

    return wrapper


for name in CHANGES:
    setattr(DynamoDBBackend, name, alone(getattr(DynamoDBBackend, name)))

if __name__ == "__main__":
    main()
