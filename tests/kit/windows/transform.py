"""A fold that does what a record says."""

import json

from kinesieve_sdk import Reject, Retry, Output

answer = ""


class Fold:
    FORM = "probe/1"

    def begin(self):
        return {"sum": 0}

    def accumulate(self, state, event):
        global answer
        word, _, more = event.data.decode().partition(" ")
        if word == "answer":
            answer = more
        elif word == "add":
            state["sum"] += 1
        elif word == "half":
            state["sum"] += 1
            return Reject("half of it")
        elif word == "throw":
            raise TypeError("odd")
        elif word == "state":
            return state
        elif word == "nan":
            state["sum"] = float("nan")
        elif word == "set":
            state["seen"] = set()
        elif word == "proto":
            state[more] = 1

    def finish(self, state, window):
        if answer == "object":
            return {"secret": 1}
        if answer == "text":
            return [Output("secret")]
        if answer == "retry":
            return Retry("later")
        line = state | {"start": window.start, "end": window.end, "ending": window.ending.name.lower()}
        return [Output(json.dumps(line).encode())]
