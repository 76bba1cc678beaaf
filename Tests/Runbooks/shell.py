"""One bash process per runbook, so that its commands share variables and functions."""

import os
import select
import signal
import subprocess
import tempfile
import time
from pathlib import Path


class Shell:
    """Runs commands one after another. The output (both streams) goes to a file, the exit code through a pipe."""

    def __init__(self, environment: dict[str, str], directory: Path, scratch: Path):
        self._scratch = Path(tempfile.mkdtemp(prefix="shell-", dir=scratch))
        self._reader, self._writer = os.pipe()
        self._count = 0
        # A session of its own, so that close() also ends the page's background processes.
        self._process = subprocess.Popen(
            ["bash", "--noprofile", "--norc"],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env=environment,
            cwd=directory,
            pass_fds=[self._writer],
            start_new_session=True,
        )
        os.close(self._writer)

    def run(self, text: str, timeout_s: float, stops_at_failure: bool = False) -> tuple[int | None, str]:
        """The exit code (None after a timeout) and the output.

        With `stops_at_failure`, the first failing command of `text` ends the shell.
        """
        self._count += 1
        script = self._scratch / f"{self._count}.sh"
        output = self._scratch / f"{self._count}.out"
        script.write_text(text + "\n")
        # Close the status pipe for the command; otherwise a background process would keep it open.
        line = f"{{ . '{script}'; }} </dev/null >'{output}' 2>&1 {self._writer}>&-"
        if stops_at_failure:
            line = f"set -e; {line}; set +e"
        code = self._send(f"{line}; echo $? >&{self._writer}\n", timeout_s)
        return code, output.read_text(errors="replace") if output.exists() else ""

    def _send(self, line: str, timeout_s: float) -> int | None:
        try:
            self._process.stdin.write(line.encode())
            self._process.stdin.flush()
        except BrokenPipeError:
            return self._process.wait()
        deadline = time.monotonic() + timeout_s
        answer = b""
        while not answer.endswith(b"\n"):
            ready, _, _ = select.select([self._reader], [], [], max(0, deadline - time.monotonic()))
            if not ready:
                return None
            part = os.read(self._reader, 64)
            if not part:
                return self._process.wait()
            answer += part
        return int(answer)

    def close(self) -> None:
        """Ends the shell and all processes of its session."""
        for each in (signal.SIGTERM, signal.SIGKILL):
            try:
                os.killpg(self._process.pid, each)
            except ProcessLookupError:
                break
            time.sleep(0.2)
        self._process.stdin.close()
        self._process.wait()
        os.close(self._reader)
