"""Lambda on this machine: an emulator of its runtime API, and the function attached to it as Lambda would.

The emulator is `cargo lambda watch --only-lambda-apis`. Both processes are ended by their own id.
"""

import http.client
import os
import pathlib
import socket
import subprocess
import threading
import time

_START_TIMEOUT = 20.0
_INVOCATION_TIMEOUT = 60.0
_POLL = 0.01
_HOST = "127.0.0.1"
_LOG_LINES_SHOWN = 15


class LambdaError(Exception):
    """What kept the function from answering, with the end of the log that explains it."""


class _Process:
    """A process with its log in a file, that does not outlive the `with` block."""

    def __init__(self, name, command, env, cwd, log_path):
        self.name = name
        self.log_path = log_path
        with open(log_path, "ab") as log:
            self._log_start = log.tell()
            self._child = subprocess.Popen(
                command,
                env=env,
                cwd=cwd,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                # Ctrl-C is for the demo, which ends its processes in order.
                start_new_session=True,
            )

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._child.terminate()
        try:
            self._child.wait(timeout=3)
        except subprocess.TimeoutExpired:
            self._child.kill()
            self._child.wait()

    def check_alive(self):
        status = self._child.poll()
        if status is not None:
            raise self.error(f"{self.name} ended, with status {status}")

    def error(self, message):
        with open(self.log_path, "rb") as log:
            log.seek(self._log_start)
            lines = log.read().decode(errors="replace").splitlines()[-_LOG_LINES_SHOWN:]
        shown = "\n".join(f"  {line}" for line in lines) or "  (nothing)"
        return LambdaError(f"{message}; its log ({self.log_path}) ends with\n{shown}")


class Emulator(_Process):
    """The Lambda runtime API on a free port of this machine."""

    def __init__(self, cargo_lambda, root, out):
        self._port = _free_port()
        # It looks for zig and cargo by name, and for a Cargo.toml where it runs.
        tools = pathlib.Path(cargo_lambda).parent
        env = dict(os.environ, PATH=f"{tools}{os.pathsep}{os.environ['PATH']}")
        command = [cargo_lambda, "lambda", "watch", "--only-lambda-apis", "-A", _HOST, "-P", str(self._port)]
        super().__init__("the Lambda emulator", command, env, root, out / "emulator.log")
        self._root = root
        self._out = out

    def __enter__(self):
        try:
            self._wait_until_it_listens()
        except BaseException:
            self.__exit__()
            raise
        return self

    def _wait_until_it_listens(self):
        # Only whether it listens: a request would wait for a function.
        until = time.monotonic() + _START_TIMEOUT
        while time.monotonic() < until:
            self.check_alive()
            try:
                socket.create_connection((_HOST, self._port), timeout=1).close()
                return
            except OSError:
                time.sleep(_POLL)
        raise self.error(f"{self.name} did not listen within {_START_TIMEOUT:.0f} s")

    def attach(self, program, settings):
        """Starts the function, with nothing in its environment but Lambda's variables and the settings."""
        env = {
            "PATH": os.environ["PATH"],
            "AWS_LAMBDA_RUNTIME_API": f"http://{_HOST}:{self._port}/.rt",
            "AWS_LAMBDA_FUNCTION_NAME": "_",
            "AWS_LAMBDA_FUNCTION_VERSION": "1",
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "512",
            "AWS_LAMBDA_LOG_GROUP_NAME": "/aws/lambda/demo",
            "AWS_LAMBDA_LOG_STREAM_NAME": "demo",
            **settings,
        }
        return Function(self, program, env, self._root, self._out / "function.log")

    def post(self, body):
        connection = http.client.HTTPConnection(_HOST, self._port, timeout=_INVOCATION_TIMEOUT)
        try:
            connection.request("POST", "/2015-03-31/functions/_/invocations", body=body)
            response = connection.getresponse()
            return response.status, response.read()
        finally:
            connection.close()


class Function(_Process):
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


def _free_port():
    with socket.socket() as probe:
        probe.bind((_HOST, 0))
        return probe.getsockname()[1]
