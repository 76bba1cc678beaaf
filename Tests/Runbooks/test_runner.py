"""Tests of the runner, without a lab."""

import os
import tempfile
import unittest
from pathlib import Path

import page as pages
from run import Outcome, play_blocks
from shell import Shell


class Play(unittest.TestCase):
    def setUp(self):
        self._directory = tempfile.TemporaryDirectory()
        folder = Path(self._directory.name)
        self.shell = Shell(dict(os.environ), folder, folder)

    def tearDown(self):
        self.shell.close()
        self._directory.cleanup()

    def play(self, text, there=frozenset({"lab"})):
        outcome = Outcome("page")
        play_blocks(pages.parse(text), self.shell, set(there), outcome)
        return outcome

    def test_the_blocks_of_a_page_share_one_shell(self):
        outcome = self.play("```sh\nname=east\nf() { echo \"it is $name\"; }\n```\n```console\n$ f\nit is east\n```\n")
        self.assertEqual((outcome.failure, outcome.run, outcome.compared), ("", 2, 1))

    def test_a_mismatch_shows_expected_and_actual_output(self):
        failure = self.play("```console\n$ echo west\neast\n```\n").failure
        self.assertIn("line 2: echo west", failure)
        self.assertIn("east", failure)

    def test_the_first_failing_line_of_a_script_ends_the_page(self):
        outcome = self.play("```sh\nfalse\necho rea''ched\n```\n```console\n$ echo more\n```\n")
        self.assertIn("exits with 1", outcome.failure)
        self.assertNotIn("reached", outcome.failure)
        self.assertEqual(outcome.run, 0)

    def test_an_exit_code_can_be_expected(self):
        self.assertEqual(self.play("```console\n$ (exit 3)\n[exit 3]\n```\n").failure, "")
        self.assertIn("exits with 3", self.play("```console\n$ (exit 3)\n```\n").failure)
        self.assertIn("exits with 0", self.play("```console\n$ true\n[exit 1]\n```\n").failure)

    def test_a_command_is_repeated_until_its_output_matches(self):
        page = "```console within 10s\n$ count=$((count + 1)); echo $count\n3\n```\n"
        self.assertEqual(self.play(page).failure, "")

    def test_setup_commands_run_but_are_not_counted(self):
        outcome = self.play("<!-- setup:\nx=1\nx=$((x + 1))\n-->\n```console\n$ echo $x\n2\n```\n")
        self.assertEqual((outcome.failure, outcome.run), ("", 1))

    def test_a_block_with_a_missing_need_is_skipped_and_counted(self):
        outcome = self.play("```console compose\n$ exit 1\n$ exit 1\n```\n")
        self.assertEqual((outcome.failure, outcome.run, outcome.skipped), ("", 0, 2))

    def test_a_background_process_does_not_block_the_page(self):
        self.assertEqual(self.play("```sh\nsleep 600 &\n```\n```console\n$ echo on\non\n```\n").failure, "")


class Text(unittest.TestCase):
    def test_placeholders(self):
        self.assertTrue(pages.matches(['{"n":<number>,"x":"…"}'], '{"n":-1.5,"x":"anything"}\n'))
        self.assertFalse(pages.matches(['{"n":<number>}'], '{"n":null}\n'))
        self.assertTrue(pages.matches(["a", "…", "z"], "a\nb\nc\nz\n"))
        self.assertTrue(pages.matches(["…", "z"], "z\n"))
        self.assertFalse(pages.matches(["a"], "a\nb\n"))
        self.assertTrue(pages.matches(["a.b*"], "a.b*  \n\n"))

    def test_a_page_with_a_syntax_error_is_rejected(self):
        for wrong in ("```sh\nls\n", "```sh\n```\n", "```console\nout\n$ ls\n```\n", "```sh windows\nls\n```\n",
                      "```console within soon\n$ ls\n```\n", "<!-- setup: ls\n"):
            with self.assertRaises(pages.PageError, msg=wrong):
                pages.parse(wrong)

    def test_other_fences_are_not_run(self):
        self.assertEqual(pages.parse("```text\nrm -rf /\n```\n```yaml\na: b\n```\n").blocks, [])


if __name__ == "__main__":
    unittest.main()
