"""The places where the commands of a runbook run: a local lab or the compose project."""

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from programs import Lab as Program, StartError  # noqa: E402  (Tests/programs.py)


class Lab(Program):
    """A lab with its own data, for one runbook or tour page."""

    def __init__(self, repository: Path, programs: Path, arguments: str):
        self._base = Path(tempfile.mkdtemp(prefix="runbook-"))
        self.scratch = self._base / "scratch"
        self.scratch.mkdir()
        (self._base / "run").mkdir(mode=0o700)
        self.environment = os.environ | {
            "PATH": f"{programs}:{os.environ['PATH']}",
            # caplab looks for its control socket here, so a page's 'caplab' finds only this lab.
            "XDG_RUNTIME_DIR": str(self._base / "run"),
            "LC_ALL": "C.UTF-8",
        }
        super().__init__(
            programs / "caplab", self._base, ["--data-dir", self._base / "data", *arguments.split()],
            env=self.environment, cwd=repository)

    def close(self) -> None:
        self.stop()
        shutil.rmtree(self._base, ignore_errors=True)


class Compose:
    """The compose project, recreated for each page: DESTROYS ITS DATA."""

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
            raise StartError(f"{' '.join(command)}: {done.stderr}")

    def _down(self) -> None:
        self._compose("--profile", "*", "down", "--volumes", "--timeout", "5")

    def wait(self) -> None:
        self._down()
        self._compose("up", "-d", "--wait")

    def close(self) -> None:
        self._down()
        shutil.rmtree(self.scratch, ignore_errors=True)


PLACES = {"lab": Lab, "compose": Compose}
