"""Programs that the Python tests start, among them a lab: the tests of prometheus/ and of the runbooks use it."""

import signal
import subprocess
import time

START_LIMIT_S = 60
STOP_LIMIT_S = 30


class StartError(Exception):
    """A program did not start."""


def until(condition, limit_s, pause_s=0.2):
    """The first true result of `condition`, or its last result after `limit_s`."""
    end = time.monotonic() + limit_s
    while True:
        value = condition()
        if value or time.monotonic() > end:
            return value
        time.sleep(pause_s)


class Program:
    """A process whose output goes to a file. In its own session: Ctrl-C ends only the test, which then ends it."""

    def __init__(self, name, command, directory, **options):
        self.name = name
        self.log = directory / f"{name}.log"
        with open(self.log, "wb") as output:
            self.process = subprocess.Popen(
                [str(each) for each in command], stdin=subprocess.DEVNULL, stdout=output, stderr=output,
                start_new_session=True, **options)

    def wait_for(self, is_ready, what):
        def check():
            if self.process.poll() is not None:
                raise StartError(f"{self.name} exited with {self.process.returncode}:\n{self.output()[-2000:]}")
            return is_ready()

        if not until(check, START_LIMIT_S):
            raise StartError(f"{self.name}: not {what} within {START_LIMIT_S} s:\n{self.output()[-2000:]}")

    def output(self):
        return self.log.read_text(errors="replace")

    def stop(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(STOP_LIMIT_S)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()


class Lab(Program):
    """`caplab up` on free ports, with more arguments."""

    def __init__(self, caplab, directory, arguments, **options):
        super().__init__("caplab", [caplab, "up", "--free-ports", *arguments], directory, **options)

    def wait(self):
        self.wait_for(lambda: "Logs: " in self.output(), "up")
