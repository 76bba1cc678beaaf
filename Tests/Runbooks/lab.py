"""The places where a page's commands run: a local lab or the compose project."""

import os
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path


class PlaceError(Exception):
    """The place did not start."""


class Lab:
    """`caplab up` with free ports and its own data, for one page."""

    name = "lab"

    def __init__(self, repository: Path, programs: Path, arguments: str):
        self._base = Path(tempfile.mkdtemp(prefix="runbook-", dir=os.environ.get("TMPDIR", "/tmp")))
        self.scratch = self._base / "scratch"
        self.scratch.mkdir()
        (self._base / "run").mkdir(mode=0o700)
        self.environment = os.environ | {
            "PATH": f"{programs}:{os.environ['PATH']}",
            # caplab looks for its control socket here, so a page's 'caplab' finds only this lab.
            "XDG_RUNTIME_DIR": str(self._base / "run"),
            "LC_ALL": "C.UTF-8",
        }
        self._log = open(self._base / "lab.log", "wb")
        self._process = subprocess.Popen(
            ["caplab", "up", "--free-ports", "--data-dir", str(self._base / "data")] + arguments.split(),
            stdin=subprocess.DEVNULL,
            stdout=self._log,
            stderr=subprocess.STDOUT,
            env=self.environment,
            cwd=repository,
            start_new_session=True,
        )

    def wait(self, timeout_s: float = 60) -> None:
        deadline = time.monotonic() + timeout_s
        while b"The pair is running" not in (self._base / "lab.log").read_bytes():
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise PlaceError("the lab did not start: " + (self._base / "lab.log").read_text(errors="replace"))
            time.sleep(0.05)

    def close(self) -> None:
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGINT)
            try:
                self._process.wait(30)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        self._log.close()
        shutil.rmtree(self._base, ignore_errors=True)


class Compose:
    """The compose project, recreated for each page: DESTROYS ITS DATA."""

    name = "compose"

    def __init__(self, repository: Path, programs: Path, arguments: str):
        self._repository = repository
        self.scratch = Path(tempfile.mkdtemp(prefix="runbook-"))
        self.environment = os.environ | {"LC_ALL": "C.UTF-8"}

    def _compose(self, *arguments: str) -> None:
        command = ["docker", "compose", *arguments]
        done = subprocess.run(
            command, cwd=self._repository, capture_output=True, text=True, timeout=600, check=False
        )
        if done.returncode != 0:
            raise PlaceError(f"{' '.join(command)}: {done.stderr}")

    def _down(self) -> None:
        self._compose("--profile", "*", "down", "--volumes", "--timeout", "5")

    def wait(self) -> None:
        self._down()
        self._compose("up", "-d", "--wait")

    def close(self) -> None:
        self._down()
        shutil.rmtree(self.scratch, ignore_errors=True)


PLACES = {"lab": Lab, "compose": Compose}
