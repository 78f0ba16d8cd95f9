"""Lambda on this machine: an emulator of its runtime API, and the function attached to it as Lambda would.

The emulator is `cargo lambda watch --only-lambda-apis`. Both processes are ended by their own id.
"""

import http.client
import os
import pathlib
import threading
import time

from programs import HOST, Process, free_port

_INVOCATION_TIMEOUT = 60.0
_POLL = 0.01


class Emulator(Process):
    """The Lambda runtime API on a free port of this machine."""

    def __init__(self, cargo_lambda, root, out):
        self._port = free_port()
        # It looks for zig and cargo by name, and for a Cargo.toml where it runs.
        tools = pathlib.Path(cargo_lambda).parent
        env = dict(os.environ, PATH=f"{tools}{os.pathsep}{os.environ['PATH']}")
        command = [cargo_lambda, "lambda", "watch", "--only-lambda-apis", "-A", HOST, "-P", str(self._port)]
        super().__init__("the Lambda emulator", command, env, root, out / "emulator.log")
        self._root = root
        self._out = out

    def __enter__(self):
        return self.when_it_listens(self._port)

    def attach(self, program, settings):
        """Starts the function, with nothing in its environment but Lambda's variables and the settings."""
        env = {
            "PATH": os.environ["PATH"],
            "AWS_LAMBDA_RUNTIME_API": f"http://{HOST}:{self._port}/.rt",
            "AWS_LAMBDA_FUNCTION_NAME": "_",
            "AWS_LAMBDA_FUNCTION_VERSION": "1",
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "512",
            "AWS_LAMBDA_LOG_GROUP_NAME": "/aws/lambda/demo",
            "AWS_LAMBDA_LOG_STREAM_NAME": "demo",
            **settings,
        }
        return Function(self, program, env, self._root, self._out / "function.log")

    def post(self, body):
        connection = http.client.HTTPConnection(HOST, self._port, timeout=_INVOCATION_TIMEOUT)
        try:
            connection.request("POST", "/2015-03-31/functions/_/invocations", body=body)
            response = connection.getresponse()
            return response.status, response.read()
        finally:
            connection.close()


class Function(Process):
    """The function, attached to the emulator."""

    def __init__(self, emulator, program, env, root, log_path):
        super().__init__("the function", [program], env, root, log_path)
        self._emulator = emulator

    def invoke(self, event):
        """The response, and the seconds that it took: from the request to the emulator to its answer."""
        answer = {}

        def request():
            started = time.perf_counter()
            try:
                answer["response"] = self._emulator.post(event)
            except (OSError, http.client.HTTPException) as error:
                answer["error"] = error
            answer["seconds"] = time.perf_counter() - started

        # On a thread of its own: if the function dies, the emulator never answers.
        thread = threading.Thread(target=request, daemon=True)
        thread.start()
        while thread.is_alive():
            thread.join(_POLL)
            if thread.is_alive():
                self.check_alive()
        if "error" in answer:
            raise self.error(f"the invocation got no answer ({answer['error']})")
        status, body = answer["response"]
        text = body.decode(errors="replace")
        if status != 200:
            raise self.error(f"the invocation failed with HTTP {status}: {text}")
        return text, answer["seconds"]
