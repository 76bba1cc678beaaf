"""Runs the scripts of the backup jobs of deploy/kubernetes on three small Redis servers."""

import os
import re
import shutil
import socket
import subprocess
import tempfile
import textwrap
import time
import unittest
from pathlib import Path

MANIFEST = Path(__file__).resolve().parents[2] / "deploy/kubernetes/backup.yaml"
PASSWORD = "operators-only"


def scripts(group: str) -> list[str]:
    """The shell scripts of one group's job, in order."""
    text = next(part for part in MANIFEST.read_text().split("\n---\n") if f"\n  name: backup-{group}\n" in part)
    return [textwrap.dedent(block) for block in re.findall(r"- \|\n((?: {18}.*\n)+)", text)]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@unittest.skipUnless(shutil.which("redis-server") and shutil.which("redis-check-rdb"), "redis-server is not installed")
class BackupJobs(unittest.TestCase):
    def setUp(self):
        self._directory = tempfile.TemporaryDirectory()
        self.addCleanup(self._directory.cleanup)
        self.folder = Path(self._directory.name)
        self.backups = self.folder / "backups"
        self.backups.mkdir()
        (self.folder / "redis-operator-password").write_text(PASSWORD)
        # This script replaces app-cp, which would need an initialised group.
        program = self.folder / "app-cp"
        program.write_text('#!/bin/sh\necho "$1" >>"$0.calls"; [ "$1" != members ] || echo "$VOTERS of 3 replicas vote"\n')
        program.chmod(0o755)
        self.ports = [free_port() for _ in range(3)]
        self.servers = [self._start(port) for port in self.ports]

    def _start(self, port: int) -> subprocess.Popen:
        directory = self.folder / str(port)
        directory.mkdir()
        server = subprocess.Popen(
            ["redis-server", "--port", str(port), "--bind", "127.0.0.1", "--dir", str(directory), "--save", "",
             "--appendonly", "yes", "--repl-diskless-sync-delay", "0",
             "--user", "operator", "on", f">{PASSWORD}", "~*", "&*", "+@all", "--user", "default", "off"],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )
        self.addCleanup(server.wait)
        self.addCleanup(server.kill)
        for _ in range(200):
            if self._redis(port, "SET", "cp:color", "blue").stdout.strip() == "OK":
                return server
            time.sleep(0.05)
        raise AssertionError("redis-server does not answer")

    def _redis(self, port: int, *arguments: str) -> subprocess.CompletedProcess:
        command = ["redis-cli", "--no-auth-warning", "--user", "operator", "--pass", PASSWORD, "-p", str(port)]
        return subprocess.run([*command, *arguments], capture_output=True, text=True, check=False, timeout=10)

    def _run(self, group: str, keep: int = 360, voters: int = 3) -> int:
        """The exit code of the job, which stops at the first failing script."""
        for script in scripts(group):
            here = script.replace("/backups", str(self.backups)).replace("/run/secrets/cap", str(self.folder))
            here = here.replace("tail -n +361", f"tail -n +{keep + 1}")
            for number, port in enumerate(self.ports):
                here = here.replace(f"{group}-db-{number} ", f"{group}-db-{number}@{port} ")
                here = here.replace(f"{group}-db-{number};", f"{group}-db-{number}@{port};")
            # A pod name does not resolve here, so the name carries the port.
            here = here.replace(f'-h "$name.{group}-db"', '-h 127.0.0.1 -p "${name#*@}"')
            here = here.replace("$name.rdb", "${name%@*}.rdb")
            done = subprocess.run(["/bin/sh", "-euc", here], capture_output=True, check=False, timeout=60,
                                  env=os.environ | {"PATH": f"{self.folder}:{os.environ['PATH']}", "VOTERS": str(voters)})
            if done.returncode != 0:
                return done.returncode
        return 0

    def _sets(self, group: str) -> list[Path]:
        return sorted(self.backups.glob(f"{group}-*"))

    def test_a_set_has_three_valid_dumps_readable_only_by_the_owner(self):
        for group in ("cp", "ap"):
            with self.subTest(group):
                self.assertEqual(self._run(group), 0)
                [made] = self._sets(group)
                self.assertEqual({path.name for path in made.iterdir()},
                                 {"SHA256SUMS", f"{group}-db-0.rdb", f"{group}-db-1.rdb", f"{group}-db-2.rdb"})
                check = ["sha256sum", "--check", "--quiet", "--strict", "SHA256SUMS"]
                self.assertEqual(subprocess.run(check, cwd=made, check=False).returncode, 0)
                self.assertIn(b"color", (made / f"{group}-db-1.rdb").read_bytes())
                for path in [made, *made.iterdir()]:
                    self.assertEqual(path.stat().st_mode & 0o077, 0, path.name)

    def test_the_oldest_set_is_removed(self):
        for name in ("cp-20260101T000000Z", "cp-20260101T000400Z"):
            (self.backups / name).mkdir()
        self.assertEqual(self._run("cp", keep=2), 0)
        self.assertEqual(len(self._sets("cp")), 2)
        self.assertFalse((self.backups / "cp-20260101T000000Z").exists())

    def _stop(self, number: int):
        self.servers[number].kill()
        self.servers[number].wait()

    def _calls(self) -> list[str]:
        path = self.folder / "app-cp.calls"
        return path.read_text().split() if path.exists() else []

    def test_the_counters_are_raised_after_three_dumps_of_cp(self):
        self.assertEqual(self._run("cp"), 0)
        self.assertEqual(self._calls(), ["backup"])

    def test_with_one_replica_down_the_set_has_the_other_two(self):
        self._stop(1)
        for group in ("cp", "ap"):
            with self.subTest(group):
                self.assertEqual(self._run(group, voters=2), 0)
                [made] = self._sets(group)
                self.assertEqual({path.name for path in made.iterdir()},
                                 {"SHA256SUMS", f"{group}-db-0.rdb", f"{group}-db-2.rdb"})
        # 'app-cp backup' would refuse.
        self.assertEqual(self._calls(), ["members"])

    def test_two_dumps_of_cp_are_no_set_if_one_of_the_replicas_does_not_vote(self):
        self._stop(1)
        self.assertNotEqual(self._run("cp", voters=1), 0)
        self.assertEqual(self._sets("cp"), [])

    def test_with_two_replicas_down_the_job_fails_and_leaves_no_set(self):
        self._stop(1)
        self._stop(2)
        for group in ("cp", "ap"):
            with self.subTest(group):
                self.assertNotEqual(self._run(group, voters=1), 0)
                self.assertEqual(self._sets(group), [])


if __name__ == "__main__":
    unittest.main()
