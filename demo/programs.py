"""Programs that the demo starts beside itself: their logs, their end, and the ports that they get."""

import socket
import subprocess
import time

HOST = "127.0.0.1"
_LOG_LINES_SHOWN = 15
_START_TIMEOUT = 60.0
_POLL = 0.02


class ProgramError(Exception):
    """What kept a program from doing its part, with the end of the log that explains it."""


class Process:
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

    def when_it_listens(self, port):
        """Waits until it does, and ends it if it does not."""
        try:
            # Only whether it listens: a request could wait for something else.
            until = time.monotonic() + _START_TIMEOUT
            while time.monotonic() < until:
                self.check_alive()
                try:
                    socket.create_connection((HOST, port), timeout=1).close()
                    return self
                except OSError:
                    time.sleep(_POLL)
            raise self.error(f"{self.name} did not listen within {_START_TIMEOUT:.0f} s")
        except BaseException:
            self.__exit__()
            raise

    def wait(self, seconds):
        """Its exit status and what it said, once it ends by itself."""
        try:
            status = self._child.wait(timeout=seconds)
        except subprocess.TimeoutExpired:
            raise self.error(f"{self.name} did not end within {seconds:.0f} s") from None
        return status, self.said()

    def said(self):
        """What it wrote so far."""
        with open(self.log_path, "rb") as log:
            log.seek(self._log_start)
            return log.read().decode(errors="replace")

    def check_alive(self):
        status = self._child.poll()
        if status is not None:
            raise self.error(f"{self.name} ended, with status {status}")

    def error(self, message):
        lines = self.said().splitlines()[-_LOG_LINES_SHOWN:]
        shown = "\n".join(f"  {line}" for line in lines) or "  (nothing)"
        return ProgramError(f"{message}; its log ({self.log_path}) ends with\n{shown}")


def free_port():
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return probe.getsockname()[1]
