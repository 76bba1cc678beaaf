#!/usr/bin/env -S python3 -B
"""Static tests of the files in prometheus/: `make lint`, `make test-prometheus`.

Uses promtool and amtool if they are installed. The rest needs only Python.
"""

import pathlib
import re
import shutil
import subprocess
import tempfile
import unittest

import dashboard
import support

RULES = support.PROMETHEUS / "rules"
SEVERITIES = {"critical", "warning", "info"}


def alerts():
    """The text of each alert by name."""
    blocks = (RULES / "alerts.yml").read_text().split("- alert: ")[1:]
    return {block.split("\n")[0]: block for block in blocks}


def run(*arguments):
    command = [str(each) for each in arguments]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    return done.returncode, done.stdout


class Alerts(unittest.TestCase):
    def test_every_alert_has_a_severity_and_a_text(self):
        for name, block in alerts().items():
            with self.subTest(name):
                self.assertIn(re.search(r"labels: {severity: (\w+)}", block)[1], SEVERITIES)
                for annotation in ("summary", "description"):
                    self.assertRegex(block, rf"(?m)^ +{annotation}: \S")

    def test_every_alert_links_to_an_existing_runbook(self):
        for name, block in alerts().items():
            with self.subTest(name):
                url = re.search(r"runbook_url: (.+)", block)[1]
                self.assertRegex(url, r'^"{{ \$externalLabels.runbook_base_url }}/[a-z-]+\.md"$')
                page = support.ROOT / "runbooks" / url.rstrip('"').split("/")[-1]
                self.assertTrue(page.is_file(), f"{page} does not exist")

    def test_no_alert_is_per_instance(self):
        for name, block in alerts().items():
            with self.subTest(name):
                expression = block.split("for:")[0]
                self.assertRegex(expression, r"(by \((job|job, site|job, node)\)|site:db_replica_up:ratio) ")

    def test_every_alert_is_tested_firing_and_not_firing(self):
        tests = "".join(path.read_text() for path in sorted((RULES / "tests").glob("*.yml")))
        for name in alerts():
            with self.subTest(name):
                self.assertRegex(tests, rf"alertname: {name}\n +exp_alerts:\n")
                self.assertRegex(tests, rf"alertname: {name}, exp_alerts: \[\]")


class Dashboard(unittest.TestCase):
    def test_has_no_faults(self):
        self.assertEqual(dashboard.faults(), [])

    def test_shows_both_services_side_by_side(self):
        places = {panel["title"]: panel["gridPos"] for panel in dashboard.load()["panels"]}
        for title, place in places.items():
            if title.startswith("CP: ") and (other := places.get("AP: " + title[4:])):
                with self.subTest(title[4:]):
                    self.assertEqual(other, place | {"x": place["x"] + place["w"]})


class Targets(unittest.TestCase):
    def test_are_the_services_of_the_compose_file(self):
        compose = (support.ROOT / "docker-compose.yml").read_text()
        published = dict(re.findall(r"(?s)container_name: (app_\w+)\n.*?:(\d+)\"\]", compose))
        configured = re.findall(r"targets: \[(app_\w+):(\d+)\]", (support.PROMETHEUS / "prometheus.yml").read_text())
        self.assertEqual(dict(configured), published)


class OtherSpeed(unittest.TestCase):
    def test_divides_every_duration_and_keeps_texts(self):
        text = "  for: 1m\n  expr: a:b_rate1m[30s] offset 2m > 5\n  # every 5s\n  summary: longer than 30 s, or 5 min\n"
        self.assertEqual(
            support.lab.scaled(text, 10),
            "  for: 6000ms\n  expr: a:b_rate1m[3000ms] offset 12000ms > 5\n  # every 5s\n"
            "  summary: longer than 30 s, or 5 min\n",
        )

    def test_replaces_every_address_of_compose(self):
        with tempfile.TemporaryDirectory() as place:
            directory = pathlib.Path(place)
            support.lab.write_configuration(directory, {"app_cp": "127.0.0.1:1"}, speed=1)
            text = (directory / "prometheus.yml").read_text()
            self.assertIn("- targets: [127.0.0.1:1]\n        labels: {instance: app_cp, site: east}", text)
            self.assertIn("- targets: []\n        labels: {instance: app_cp_west, site: west}", text)
            self.assertNotIn("alertmanager:9093", text)
            self.assertNotIn("dns_sd_configs", text)
            self.assertNotIn("authorization", text)

    def test_uses_the_token_and_the_authority_of_the_services(self):
        with tempfile.TemporaryDirectory() as place:
            directory = pathlib.Path(place)
            access = {"token_file": directory / "token-10s", "ca_file": directory / "ca.pem"}
            support.lab.write_configuration(directory, {"app_cp": "127.0.0.1:1"}, speed=10, **access)
            text = (directory / "prometheus.yml").read_text()
            self.assertEqual(text.count(f'authorization: {{credentials_file: "{directory}/token-10s"}}'), 2)
            self.assertEqual(text.count(f'scheme: https\n    tls_config: {{ca_file: "{directory}/ca.pem"}}'), 2)


@unittest.skipUnless(shutil.which("promtool"), "promtool is not installed")
class AccordingToPromtool(unittest.TestCase):
    def test_the_configuration_is_valid(self):
        code, said = run("promtool", "check", "config", support.PROMETHEUS / "prometheus.yml")
        self.assertEqual(code, 0, said)

    def test_the_configuration_of_a_lab_is_valid(self):
        with tempfile.TemporaryDirectory() as place:
            names = ["app_cp", "app_ap", "app_cp_west", "app_ap_west"]
            support.lab.write_configuration(pathlib.Path(place), {name: "127.0.0.1:1" for name in names}, speed=7)
            code, said = run("promtool", "check", "config", pathlib.Path(place) / "prometheus.yml")
            self.assertEqual(code, 0, said)

    def test_the_rules_pass_their_tests(self):
        code, said = run("promtool", "test", "rules", *sorted((RULES / "tests").glob("*.yml")))
        self.assertEqual(code, 0, said)


@unittest.skipUnless(shutil.which("amtool"), "amtool is not installed")
class AccordingToAmtool(unittest.TestCase):
    def test_the_configuration_is_valid(self):
        code, said = run("amtool", "check-config", support.PROMETHEUS / "alertmanager.yml")
        self.assertEqual(code, 0, said)


if __name__ == "__main__":
    unittest.main()
