#!/usr/bin/env python3
"""Tests that an open page survives a restart of its lab: restart_test.py BIN

Starts 'caplab up' of BIN twice, on the same ports.
"""

import signal
import socket
import subprocess
import sys
import tempfile

from page_case import PageCase, main

BIN = ""
PORTS = 20


def free_port_base():
    """The first of several consecutive ports that are free now."""
    for base in range(21_000, 31_000, 100):
        try:
            for port in range(base, base + PORTS):
                with socket.socket() as listener:
                    listener.bind(("127.0.0.1", port))
            return base
        except OSError:
            continue
    raise SystemExit("no free ports")


class RestartTest(PageCase):
    @classmethod
    def setUpClass(cls):
        cls.directory = tempfile.TemporaryDirectory()
        cls.addClassCleanup(cls.directory.cleanup)
        cls.base = free_port_base()
        cls.start_lab()
        # Stop it even if the browser does not start.
        cls.addClassCleanup(cls.stop_lab)
        cls.url = f"http://127.0.0.1:{cls.base}/"
        super().setUpClass()

    @classmethod
    def start_lab(cls):
        cls.lab = subprocess.Popen(
            [f"{BIN}/caplab", "up", "--port-base", str(cls.base), "--run-dir", f"{cls.directory.name}/run"],
            stdout=subprocess.PIPE, text=True)
        for line in cls.lab.stdout:
            if "Page:" in line:
                return
        raise AssertionError("the lab has not started")

    @classmethod
    def stop_lab(cls):
        cls.lab.send_signal(signal.SIGTERM)
        cls.lab.communicate(timeout=60)

    def test_1_the_page_follows_a_restarted_lab(self):
        self.wait("live", lambda: self.attribute("body", "data-connection") == "open")
        self.assertEqual(200, self.ask("app_ap", "write", "old")["status"])
        self.wait_for_answer("app_ap", ["ok"], ["old"])
        self.stop_lab()
        self.wait("lost", lambda: self.attribute("body", "data-connection") == "lost")
        self.start_lab()
        self.wait("live again", lambda: self.attribute("body", "data-connection") == "open")
        self.wait("the notice", lambda: "restarted" in self.text("#notice"))
        # The page has the token of the new lab, and shows its data.
        self.wait("an action", lambda: self.ask("app_ap", "write", "new")["status"] == 200)
        self.wait_for_answer("app_ap", ["ok"], ["new"])


if __name__ == "__main__":
    BIN = sys.argv.pop(1)
    main()
