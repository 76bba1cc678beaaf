"""Tests of the scripts that remove, replace or cut something, with a fake docker that records its calls."""

import os
import shutil
import subprocess
import tempfile
import unittest
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]

# Answers like a Docker engine whose containers all run, except that the containers in $DOWN do not answer.
DOCKER = r"""#!/bin/bash
echo "$*" >>"$CALLS"
case "$*" in
inspect*config_files*) echo "$MADE_OF" ;;
inspect*State.Running*) echo true ;;
inspect*State.Pid*) echo "$PID" ;;
inspect*.Id*) echo 0123456789abcdef-not-of-this-machine ;;
inspect*) echo 5001 ;;
exec*)
    case " ${DOWN:-} " in *" $2 "*) exit 1 ;; esac
    case "$*" in *INFO*) echo rdb_last_bgsave_status:ok ;; esac
    ;;
cp*) echo dump >"$4" ;;
compose*run*) echo "files ${COMPOSE_FILE:-}" >>"$CALLS"; cat >/dev/null; exit "${RUN_ENDS_WITH:-0}" ;;
esac
"""


class Scripts(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        # Use a copy of the project, because the scripts read its .env.
        self.project = self.folder / "project"
        shutil.copytree(REPOSITORY / "scripts", self.project / "scripts")
        (self.project / "runbooks").mkdir()
        shutil.copy(REPOSITORY / "runbooks/env.sh", self.project / "runbooks")
        (self.folder / "bin").mkdir()
        for name, text in (("docker", DOCKER), ("redis-check-rdb", "#!/bin/sh\n")):
            (self.folder / "bin" / name).write_text(text)
            (self.folder / "bin" / name).chmod(0o755)
        self.environment = {key: value for key, value in os.environ.items() if not key.startswith("COMPOSE_")}
        self.environment |= {
            "PATH": f"{self.folder}/bin:{os.environ['PATH']}", "CALLS": str(self.folder / "calls"),
            "MADE_OF": f"{self.project}/docker-compose.yml",
        }

    def run_script(self, name, *arguments, **environment):
        return subprocess.run(
            [str(self.project / "scripts" / name), *map(str, arguments)], capture_output=True, text=True, check=False,
            timeout=60, env=self.environment | environment, stdin=subprocess.DEVNULL)

    def calls(self):
        return (self.folder / "calls").read_text() if (self.folder / "calls").exists() else ""

    def backup_set(self):
        done = self.run_script("backup.sh", "ap", self.folder / "sets")
        self.assertEqual(done.returncode, 0, done.stderr)
        (self.folder / "calls").unlink()
        return next((self.folder / "sets").glob("ap-*Z"))

    def refused(self, *arguments):
        """The message with which restore.sh fails before it changes anything."""
        done = self.run_script("restore.sh", "--yes", *arguments)
        self.assertEqual(done.returncode, 1, done.stdout)
        for word in ("stop", "run", "rm", "kill"):
            self.assertNotIn(f"{word} ", self.calls())
        return done.stderr


class Backups(Scripts):
    def test_only_the_oldest_sets_are_removed_for_any_folder_name(self):
        near = self.folder / "backups of"
        folder = self.folder / "backups of\nthe pair"
        for path in (near, folder / "ap-20200101T000000Z", folder / "ap-20210101T000000Z", folder / "ap-notes-Z",
                     folder / "cp-20200101T000000Z"):
            path.mkdir(parents=True)
        done = self.run_script("backup.sh", "--keep", 2, "ap", folder)
        self.assertEqual(done.returncode, 0, done.stderr)
        names = sorted(path.name for path in folder.iterdir() if path.name != ".lock")
        self.assertEqual(len(names), 4, names)
        self.assertEqual([names[0], names[2], names[3]], ["ap-20210101T000000Z", "ap-notes-Z", "cp-20200101T000000Z"])
        self.assertTrue(near.exists(), "it has the same name up to the line break")

    def test_with_one_replica_down_the_set_has_the_other_two(self):
        done = self.run_script("backup.sh", "ap", self.folder / "sets", DOWN="ap_db_g2")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("ap_db_g2 does not answer", done.stderr)
        [made] = (self.folder / "sets").glob("ap-*")
        self.assertEqual({path.name for path in made.iterdir()}, {"SHA256SUMS", "ap_db_g1.rdb", "ap_db_g3.rdb"})

    def test_with_two_replicas_down_there_is_no_set(self):
        done = self.run_script("backup.sh", "ap", self.folder / "sets", DOWN="ap_db_g1 ap_db_g2")
        self.assertEqual(done.returncode, 1)
        self.assertIn("ap_db_g1 ap_db_g2", done.stderr)
        self.assertEqual(list((self.folder / "sets").glob("ap-*")), [])

    def test_a_failure_of_one_group_does_not_prevent_the_backup_of_the_other(self):
        done = self.run_script("backup.sh", "all", self.folder / "sets", DOWN="cp_db_g1 cp_db_g2")
        self.assertEqual(done.returncode, 1)
        self.assertEqual(len(list((self.folder / "sets").glob("ap-*Z"))), 1, done.stderr)
        self.assertEqual(list((self.folder / "sets").glob("cp-*")), [])


class Environment(Scripts):
    def source(self, place, **environment):
        command = ["/bin/bash", "-c", f". runbooks/env.sh {place}; echo code $?"]
        done = subprocess.run(command, cwd=self.project, capture_output=True, text=True, check=False, timeout=60,
                              env=self.environment | environment)
        return done.stdout.strip(), done.stderr.strip()

    def tools(self, programs):
        """A PATH with the basic tools and these programs only."""
        folder = self.folder / "only"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        for name in ("dirname", "grep", "sed", "awk"):
            (folder / name).symlink_to(shutil.which(name))
        for name, text in programs.items():
            (folder / name).write_text(f"#!/bin/sh\n{text}\n")
            (folder / name).chmod(0o755)
        return str(folder)

    def test_one_line_names_what_is_missing(self):
        for place, programs, message in (
            ("compose", {}, "env.sh: Docker Compose is not installed"),
            ("lab", {}, "env.sh: caplab is not built; run 'make build'"),
            ("compose", {"docker": '[ "$1" = compose ]'}, "env.sh: the Docker daemon does not answer"),
            ("compose", {"docker": '[ "$1" != inspect ]'},
             "env.sh: no service exists in compose; README.md says how to start them"),
            ("lab", {"caplab": "exit 1"}, "env.sh: no lab is running; start one with 'make run'"),
        ):
            with self.subTest(message):
                self.assertEqual(self.source(place, PATH=self.tools(programs)), ("code 1", message))


    def test_curl_sends_the_token_and_its_command_line_does_not_have_it(self):
        programs = self.folder / "bin"
        (programs / "docker").write_text('#!/bin/sh\ncase "$*" in *HostPort*) echo 5001 ;; esac\n')
        (programs / "curl").write_text('#!/bin/sh\necho "arguments $*"\ncat "$2"\n')
        (programs / "curl").chmod(0o755)
        token = self.folder / "token"
        token.write_text("secret-token\n")

        def ask(**environment):
            script = '. runbooks/env.sh compose && echo "$CP_EAST ${CURL_CA_BUNDLE:-none}" && curl -sS "$CP_EAST/metrics"'
            return subprocess.run(
                ["/bin/bash", "-c", script], cwd=self.project, capture_output=True, text=True, check=False, timeout=60,
                env=self.environment | environment)

        said = ask(CAPLAB_TOKEN_FILE=str(token), CAPLAB_CA_FILE="/ca.pem").stdout.splitlines()
        self.assertEqual(said[0], "https://127.0.0.1:5001 /ca.pem")
        self.assertRegex(said[1], r"^arguments --config /dev/fd/\d+ -sS https://127.0.0.1:5001/metrics$")
        self.assertEqual(said[2], 'header = "Authorization: Bearer secret-token"')
        missing = ask(CAPLAB_TOKEN_FILE="/nowhere")
        self.assertEqual(missing.stderr.strip(), "env.sh: cannot read CAPLAB_TOKEN_FILE, '/nowhere'")
        self.assertNotEqual(missing.returncode, 0)


class Restores(Scripts):
    def test_only_one_replica_of_the_group_can_be_named(self):
        path = self.backup_set()
        for name in ("ap_db_g1 ap_db_g2", "cp_db_g1", "../ap_db_g1", "ap_db_g4"):
            self.assertIn("is not a replica of this group", self.refused("--replica", name, "ap", path))

    def test_a_dump_that_differs_from_its_checksum_is_rejected(self):
        path = self.backup_set()
        (path / "ap_db_g2.rdb").write_text("something else")
        self.assertIn("differs from its checksum", self.refused("ap", path))
        sums = (path / "SHA256SUMS").read_text()
        (path / "SHA256SUMS").write_text("".join(line for line in sums.splitlines(True) if "g2" not in line))
        self.assertIn("no checksum of ap_db_g2", self.refused("ap", path))

    def test_one_replica_without_a_dump_starts_blank_but_not_two(self):
        path = self.backup_set()
        for name in ("ap_db_g1", "ap_db_g2"):
            (path / f"{name}.rdb").unlink()
            sums = (path / "SHA256SUMS").read_text()
            (path / "SHA256SUMS").write_text("".join(line for line in sums.splitlines(True) if name not in line))
            if name == "ap_db_g1":
                done = self.run_script("restore.sh", "--yes", "ap", path)
                self.assertEqual(done.returncode, 0, done.stderr)
                self.assertIn("ap_db_g2 ap_db_g3, blank: ap_db_g1", done.stdout)
                self.assertIn("volume rm cap-pair_ap_db_g1\n", self.calls())
                self.assertNotIn("volume rm cap-pair_ap_db_g2\n", self.calls())
                (self.folder / "calls").unlink()
        self.assertIn("no dump of: ap_db_g1 ap_db_g2", self.refused("ap", path))

    def test_a_failed_restore_says_that_it_must_be_repeated(self):
        done = self.run_script("restore.sh", "--yes", "ap", self.backup_set(), RUN_ENDS_WITH="1")
        self.assertNotEqual(done.returncode, 0)
        self.assertIn("NOT finished", done.stderr)

    def test_containers_are_recreated_from_their_own_compose_files(self):
        path = self.backup_set()
        files = f"{self.project}/docker-compose.yml,{self.project}/deploy/compose.prod.yml"
        self.assertEqual(self.run_script("restore.sh", "--yes", "ap", path, MADE_OF=files).returncode, 0)
        self.assertIn(f"files {files}\n", self.calls())
        # COMPOSE_FILE in .env has priority.
        (self.folder / "calls").unlink()
        (self.project / ".env").write_text("COMPOSE_FILE=docker-compose.yml:mine.yml\n")
        self.assertEqual(self.run_script("restore.sh", "--yes", "ap", path, MADE_OF=files).returncode, 0)
        self.assertNotIn("compose.prod.yml", self.calls())


class Cuts(Scripts):
    def test_invalid_arguments_change_nothing(self):
        for arguments in (("cp_db_g1", "cp_db_g2"), ("cp", "ap"), ("",), ("all",), ("cp_db_g1 cp_db_g2",), ("--one-way",)):
            self.assertEqual(self.run_script("compose-partition.sh", *arguments).returncode, 2, arguments)
        for arguments in (("cp", "ap"), ("west", "--help"), ("nobody",)):
            self.assertEqual(self.run_script("compose-heal.sh", *arguments).returncode, 2, arguments)
        self.assertEqual(self.calls(), "")

    def test_a_one_way_cut_does_not_touch_unrelated_processes(self):
        # The engine runs on another machine. On this machine, the PID of its container is that of this test.
        for name in ("id", "nsenter", "iptables"):
            (self.folder / "bin" / name).write_text(f'#!/bin/sh\necho "{name} $*" >>"$CALLS.firewall"\necho 0\n')
            (self.folder / "bin" / name).chmod(0o755)
        done = self.run_script("compose-partition.sh", "west", "--one-way", "out", PID=str(os.getpid()))
        self.assertEqual(done.returncode, 1)
        self.assertIn("runs elsewhere", done.stderr)
        self.run_script("compose-heal.sh", PID=str(os.getpid()))
        self.assertIn("id -u", (self.folder / "calls.firewall").read_text())
        self.assertNotIn("nsenter", (self.folder / "calls.firewall").read_text())


class Secrets(unittest.TestCase):
    def test_a_line_end_is_not_part_of_a_secret(self):
        # The services read secrets in the same way; a difference would make Redis reject them.
        for end in ("", "\n", "\r\n"):
            with tempfile.NamedTemporaryFile("w", newline="") as file:
                file.write(f"two words{end}")
                file.flush()
                done = subprocess.run(
                    ["sh", "-euc", f". '{REPOSITORY}/deploy/redis/secrets.sh'; secret TOKEN"], capture_output=True, check=True,
                    env={"PATH": os.environ["PATH"], "TOKEN_FILE": file.name})
            self.assertEqual(done.stdout, b"two words", repr(end))


if __name__ == "__main__":
    unittest.main()
