#!/usr/bin/env python3
"""Tests a report in Debian's Chromium, opened from disk: replay_test.py FILE.html

The report is of a drill that cuts the west. Needs the same programs as page_test.py. Does not start a lab.
"""

import base64
import gzip
import json
import pathlib
import re
import sys
import tempfile
import unittest
from urllib.parse import urlsplit

from page_case import PageCase
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

FILE = pathlib.Path("west-cut.html")
# Two frames after a change, the page is drawn.
AFTER_DRAWING = """
const done = arguments[arguments.length - 1]
requestAnimationFrame(() => requestAnimationFrame(() => requestAnimationFrame(() => done(true))))
"""


class ReplayTest(PageCase):
    """The tests run in the order of their names. Together they are one use of a report, as by a reader."""

    @classmethod
    def setUpClass(cls):
        cls.url = FILE.absolute().as_uri()
        super().setUpClass()
        form, text = re.search(r'type="([^"]*)" id="recording">(.*?)</script>', FILE.read_text(), re.DOTALL).groups()
        cls.recording = json.loads(gzip.decompress(base64.b64decode(text)) if form == "application/gzip" else text)
        cls.phases = {phase["name"]: phase for phase in cls.recording["summary"]["phases"]}

    def now_ms(self):
        return float(self.find("#time").text.split()[0]) * 1000

    def drawn(self):
        self.driver.execute_async_script(AFTER_DRAWING)

    def press(self, *keys):
        for key in keys:
            self.find("body").send_keys(key)
        self.drawn()

    def scrub(self, to_ms):
        self.driver.execute_script(
            "const scrub = document.querySelector('#scrub'); scrub.value = arguments[0];"
            "scrub.dispatchEvent(new Event('input', {bubbles: true}))",
            to_ms,
        )
        self.drawn()
        self.assertAlmostEqual(self.now_ms(), to_ms, delta=200)

    def kind(self, service):
        return self.answer(service)[0]

    def scrub_to_answer(self, service, phase):
        """Goes back from the end of a phase to a success, because under load single requests may be rejected."""
        for at in range(int(phase["toMs"]) - 500, int(phase["fromMs"]), -1000):
            self.scrub(at)
            if self.kind(service) == "ok":
                return
        self.fail(f"{service} does not answer {phase['name']} the fault")

    def is_playing(self):
        return self.find("#play").text == "Pause"

    def pause(self):
        if self.is_playing():
            self.find("#play").click()
            self.drawn()

    def test_01_opens_from_disk_and_plays(self):
        self.assertEqual(urlsplit(self.driver.current_url).scheme, "file")
        self.assertIn(self.recording["drill"]["title"], self.driver.title)
        self.assertEqual(len(self.driver.find_elements(By.CSS_SELECTOR, "[data-node]")), 10)
        self.assertTrue(self.is_playing())
        first = self.now_ms()
        self.wait("time passes", lambda: self.now_ms() > first + 500)

    def test_02_pauses(self):
        self.find("#play").click()
        self.drawn()
        before = self.now_ms()
        for _ in range(10):
            self.drawn()
        self.assertEqual(self.now_ms(), before)

    def test_03_scrubs_to_the_cut_and_back(self):
        during, before = self.phases["during"], self.phases["before"]
        for _ in range(2):
            self.scrub(int(during["toMs"]) - 1000)
            self.assertEqual(self.attribute('[data-cable="cp"]', "data-state"), "all")
            self.assertEqual(self.kind("app_cp_west"), "no")
            self.assertEqual(self.kind("app_cp"), "ok")
            self.assertIn(self.kind("app_ap_west"), ("ok", "old"))
            self.assertIn(self.kind("app_ap"), ("ok", "old"))
            self.assertEqual(self.find("#step .phase").text, "during the fault")
            self.scrub_to_answer("app_cp_west", before)
            self.assertEqual(self.attribute('[data-cable="cp"]', "data-state"), "no")
            self.assertEqual(self.find("#step .phase").text, "before the fault")
        self.scrub_to_answer("app_cp_west", self.phases["after"])
        self.assertEqual(self.attribute('[data-cable="cp"]', "data-state"), "no")
        self.assertEqual(self.find("#step .phase").text, "after the fault")

    def test_04_keyboard(self):
        self.press(Keys.HOME)
        self.assertEqual(self.now_ms(), 0)
        self.press(Keys.ARROW_RIGHT, Keys.ARROW_RIGHT)
        self.assertEqual(self.now_ms(), 2000)
        self.press(Keys.ARROW_LEFT)
        self.assertEqual(self.now_ms(), 1000)
        self.press(Keys.SPACE)
        self.assertTrue(self.is_playing())
        self.press(Keys.SPACE)
        self.assertFalse(self.is_playing())
        self.press(Keys.END)
        self.assertEqual(self.find("#play").text, "Again")

    def test_05_steps_and_speed(self):
        step = self.recording["drill"]["steps"][0]
        self.find('[data-step="0"]').click()
        self.drawn()
        self.assertAlmostEqual(self.now_ms(), step["atMs"], delta=200)
        self.assertIn(step["text"].lower(), self.find("#step b").text.lower())
        self.find('[data-speed="5"]').click()
        self.press(Keys.HOME, Keys.SPACE)
        self.wait("5 s at five times the speed", lambda: self.now_ms() > 5_000, 4)
        self.pause()

    def test_06_nothing_acts(self):
        shown = [one.get_attribute("data-action") for one in
                 self.driver.find_elements(By.CSS_SELECTOR, "[data-action]") if one.is_displayed()]
        self.assertEqual(shown, [])
        self.assertFalse(self.find("#tour").is_displayed())
        self.find('[data-node="app_cp_west"]').click()
        self.wait("the menu", lambda: self.find("#menu").is_displayed())
        self.assertIn("Reaches", self.find("#menu").text)
        self.assertEqual(self.driver.find_elements(By.CSS_SELECTOR, "#menu button, #menu input, #menu code"), [])
        self.press(Keys.ESCAPE, "c")
        self.assertFalse(self.find("#notice").is_displayed())

    def test_07_figures(self):
        self.assertIn("consistent store", self.find("#story").text)
        west = next(one for one in self.recording["summary"]["services"] if one["name"] == "app_cp_west")
        at = list(self.phases).index("during")
        shown = self.find('[data-answered="app_cp_west:during"]').text
        self.assertIn(f"{west['phases'][at]['refused']:,} refused", shown)
        self.assertEqual(self.attribute('[data-kept="cp-answer"]', "data-holds"), "false")
        self.assertEqual(self.attribute('[data-kept="ap-answer"]', "data-holds"), "true")
        lines = self.driver.find_elements(By.CSS_SELECTOR, "#numbers tbody tr")
        self.assertEqual(len(lines), sum(len(one["phases"]) for one in self.recording["summary"]["services"]))

    def test_08_data_as_json(self):
        with tempfile.TemporaryDirectory() as directory:
            self.driver.execute_cdp_cmd(
                "Browser.setDownloadBehavior", {"behavior": "allow", "downloadPath": directory}
            )
            self.find("#data").click()
            target = pathlib.Path(directory) / f"{self.recording['drill']['name']}.json"
            self.wait("the file", target.exists)
            self.assertEqual(json.loads(target.read_text()), self.recording)

    def test_09_prints(self):
        self.scrub(1000)
        pdf = base64.b64decode(self.driver.execute_cdp_cmd("Page.printToPDF", {"printBackground": True})["data"])
        pages = len(re.findall(rb"/Type\s*/Page\b", pdf))
        self.assertIn(pages, (2, 3))
        self.wait("the screen again", lambda: "printing" not in self.attribute("body", "class"))
        self.assertAlmostEqual(self.now_ms(), 1000, delta=100)

    def test_10_small_text_and_overflow(self):
        self.check_text_and_width(self.drawn)

    def test_11_reduced_motion_does_not_play_by_itself(self):
        features = [{"name": "prefers-reduced-motion", "value": "reduce"}]
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})
        self.driver.refresh()
        self.wait("the map", lambda: len(self.driver.find_elements(By.CSS_SELECTOR, "[data-node]")) == 10)
        self.drawn()
        self.assertEqual(self.find("#play").text, "Play")
        self.assertEqual(self.now_ms(), 0)

    def test_12_no_error_and_no_request(self):
        log = self.driver.get_log("browser")
        errors = [entry["message"] for entry in log if entry["level"] in ("SEVERE", "WARNING")]
        self.assertEqual(errors, [])
        schemes = set()
        for entry in self.driver.get_log("performance"):
            message = json.loads(entry["message"])["message"]
            if message["method"] == "Network.requestWillBeSent":
                schemes.add(urlsplit(message["params"]["request"]["url"]).scheme)
        self.assertLessEqual(schemes, {"file", "data", "blob"})


if __name__ == "__main__":
    if len(sys.argv) > 1 and sys.argv[1].endswith(".html"):
        FILE = pathlib.Path(sys.argv.pop(1))
    unittest.main(failfast=True, verbosity=2)
