#!/usr/bin/env python3
"""Tests the read-only page in Chromium: readonly_test.py BIN RUN_DIR

Watches the running lab of RUN_DIR with 'caplab watch' of BIN, as Docker Compose does.
"""

import json
import os
import socket
import subprocess
import sys
import unittest

from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

import page_test

BIN = RUN_DIR = ""


def caplab(*arguments):
    command = [f"{BIN}/caplab", arguments[0], "--run-dir", RUN_DIR, *arguments[1:]]
    return subprocess.run(command, check=True, capture_output=True, text=True, timeout=60).stdout


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


class ReadOnlyTest(page_test.PageTest):
    """Actions come from the command line, and the page shows them."""

    @classmethod
    def setUpClass(cls):
        cls.ports = {node["name"]: node["port"] for node in json.loads(caplab("status", "--json"))["nodes"]}
        password = caplab("redis", "cp_db_g1", "CONFIG", "GET", "requirepass").split()[1]
        cls.port = free_port()
        nodes = [f"--node={name}=127.0.0.1:{port}" for name, port in cls.ports.items()]
        cls.watcher = subprocess.Popen(
            [f"{BIN}/caplab", "watch", "--page-port", str(cls.port), *nodes],
            env={**os.environ, "REDIS_PASSWORD": password}, stdout=subprocess.PIPE, text=True)
        # Stop it even if the browser does not start.
        cls.addClassCleanup(cls.stop_watcher)
        cls.url = cls.watcher.stdout.readline().split()[1]
        super().setUpClass()

    @classmethod
    def stop_watcher(cls):
        cls.watcher.terminate()
        cls.watcher.wait(timeout=10)

    def copied(self):
        return {one.get_attribute("data-copy") for one in self.driver.find_elements(By.CSS_SELECTOR, "button.command")}

    def test_2_cut_by_click(self):
        """A click on a site shows the commands that cut and heal it."""
        self.assertFalse(self.find("#cut").is_displayed())
        self.click('[data-site="west"]')
        self.wait("the menu", lambda: self.find("#menu button.command").is_displayed())
        self.assertLessEqual(
            {"make compose-partition", "make compose-partition ARGS='west --one-way out'", "make compose-heal"},
            self.copied())
        self.find("#menu button.command").click()
        self.wait("told", lambda: "make compose-partition" in self.find("#notice").text)
        caplab("partition", "west")
        self.wait("the rift", lambda: self.attribute('[data-cable="cp"]', "data-state") == "all")
        self.wait_for_answer("app_cp_west", ["no"])
        self.wait("its name", lambda: self.text("#fault-now").startswith("west unreachable for"))
        self.check_says_what_is_known()

    def check_says_what_is_known(self):
        """Services cannot distinguish a one-way cut from a full one, so the page must not name either."""
        self.wait("what is known", lambda: "one or both directions" in self.text("#wire-labels")
                  and "one direction or both" in self.text('[data-verdict="partition"]'))
        self.assertNotIn("cut", self.text("#wire-labels") + self.text('[data-verdict="partition"]'))

    def test_3_heal_shows_the_conflict(self):
        caplab("heal")
        self.wait("whole links", lambda: self.attribute('[data-cable="cp"]', "data-state") == "no")
        self.wait_for_answer("app_cp_west", ["ok"])
        caplab("partition", "--from", "west", "--to", "east")
        self.wait("the rift", lambda: self.attribute('[data-cable="cp"]', "data-state") == "all")
        self.check_says_what_is_known()
        caplab("heal")
        self.wait("whole links", lambda: self.attribute('[data-cable="cp"]', "data-state") == "no")
        self.wait_for_answer("app_cp_west", ["ok"])

    def test_4_resolve(self):
        """The commands of a service have its published port and the version that it returned."""
        self.click('[data-answer="app_cp"]')
        self.wait("a write", lambda: any(
            f"127.0.0.1:{self.ports['app_cp']}/write/" in command for command in self.copied()))
        self.assertIn("docker compose pause app_cp", self.copied())
        self.click("#legend-open")
        self.find("#legend-close").click()

    def test_5_menus_by_keyboard(self):
        """A single link cannot be cut in Compose."""
        link = self.find('[data-link="app_cp>cp_db_g1"]')
        self.driver.execute_script("arguments[0].focus()", link)
        link.send_keys(Keys.ENTER)
        self.wait("the reason", lambda: "no command" in self.find("#menu").text)
        self.find("body").send_keys(Keys.ESCAPE)
        self.assertFalse(self.find("#lanes .plot").is_displayed())
        self.assertIn("not visible", self.find("#lanes").text)

    def test_6_tour_to_its_end(self):
        """The tour asks for predictions, and shows the commands of each step."""
        commands, body = set(), self.find("body")
        total = int(self.find("#tour-count").text.split()[-1])
        for step in range(1, total + 1):
            self.wait(f"step {step}", lambda: self.find("#tour-count").text.startswith(f"{step} of"))
            commands |= set(self.driver.execute_script(
                "return [...document.querySelectorAll('#tour button.command')].map(one => one.dataset.copy)"))
            body.send_keys("1")
            self.wait("the answer", lambda: self.find("#tour .why").is_displayed())
            body.send_keys(Keys.ARROW_RIGHT)
        self.wait("the end", lambda: self.find("#tour-end").is_displayed())
        self.assertLessEqual({"make compose-partition", "docker compose kill cp_db_g2"}, commands)

    def test_9_the_address_proposes_a_key_and_a_click_takes_it(self):
        """Any page may link to this one, and the key is the same for all viewers."""
        before = self.text("#topic-key")
        self.driver.get(f"{self.url}?key=other")
        self.wait("the proposal", lambda: self.text("#key-proposed") == "Show other")
        self.assertEqual(self.text("#topic-key"), before)
        self.driver.get(self.url)
        self.wait("the shared key", lambda: self.text("#topic-key") == before)
        self.driver.get(f"{self.url}?key=other")
        self.click("#key-proposed")
        self.wait("the key", lambda: self.text("#topic-key") == "other")


if __name__ == "__main__":
    BIN, RUN_DIR = sys.argv[1:3]
    del sys.argv[1:3]
    # Run the tests of this suite, and of the suite that it extends only those that apply here.
    own = [name for name in vars(ReadOnlyTest) if name.startswith("test_")]
    inherited = ["test_1_connects", "test_7_small_text_and_overflow", "test_8_no_error_and_no_foreign_request"]
    names = [f"ReadOnlyTest.{name}" for name in sorted(own + inherited)]
    unittest.main(argv=[sys.argv[0], *names, *sys.argv[1:]], failfast=True, verbosity=2)
