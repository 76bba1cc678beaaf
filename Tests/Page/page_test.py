#!/usr/bin/env python3
"""Tests the lab page in Debian's Chromium against a running lab: page_test.py http://127.0.0.1:5000/

See page_case.py for what it needs. Does not start a lab.
"""

import json
import time
from urllib.parse import urlsplit

from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from page_case import PageCase, main, resize

STEP_PATIENCE_SEC = 90


class PageTest(PageCase):
    """The tests run in the order of their names. Together they are one use of the lab, as by a reader."""

    def test_1_connects(self):
        self.wait("live", lambda: self.find("#connection").text.startswith("live"))
        self.assertEqual(len(self.driver.find_elements(By.CSS_SELECTOR, "[data-node]")), 10)
        self.assertEqual(len(self.driver.find_elements(By.CSS_SELECTOR, "[data-link]")), 12)
        self.wait("all three copies are reached", lambda: all(
            len(self.driver.find_elements(By.CSS_SELECTOR, f'[data-node="{name}"] .pips .on')) == 3
            for name in ("app_cp", "app_cp_west", "app_ap", "app_ap_west")))

    def test_2_cut_by_click(self):
        self.click('[data-site="west"]')
        self.click('#menu [data-action="cut-west"]')
        self.wait("the rift", lambda: self.attribute('[data-cable="cp"]', "data-state") == "all")
        self.click('[data-action="write:app_ap:ana"]')
        self.click('[data-action="write:app_ap_west:bob"]')
        self.click('[data-action="write:app_cp:ana"]')
        self.click('[data-action="write:app_cp_west:bob"]')
        self.wait_for_answer("app_cp_west", ["no"])
        self.wait_for_answer("app_cp", ["ok"], ["ana"])
        self.wait_for_answer("app_ap", ["ok", "old"], ["ana"])
        self.wait_for_answer("app_ap_west", ["ok", "old"], ["bob"])
        self.wait("hints", lambda: self.find('[data-node="app_ap_west"] .hint').is_displayed())
        self.wait("the two sites differ", lambda: self.find("#differ").is_displayed())

    def test_3_heal_shows_the_conflict(self):
        self.click("#cut")
        self.wait("whole links", lambda: self.attribute('[data-cable="cp"]', "data-state") == "no")
        for service in ("app_ap", "app_ap_west"):
            self.wait_for_answer(service, ["ok", "old"], ["ana", "bob"])
        self.wait_for_answer("app_cp_west", ["ok"], ["ana"])

    def test_4_resolve(self):
        self.click('[data-action="resolve:app_ap_west:bob"]')
        for service in ("app_ap", "app_ap_west"):
            self.wait_for_answer(service, ["ok", "old"], ["bob"])

    def test_5_menus_by_keyboard(self):
        link = self.find('[data-link="app_cp>cp_db_g1"]')
        self.driver.execute_script("arguments[0].focus()", link)
        link.send_keys(Keys.ENTER)
        self.wait("the menu", lambda: self.find('#menu [data-action="lose-answers"]').is_displayed())
        self.driver.switch_to.active_element.send_keys(Keys.ESCAPE)
        self.wait("the menu is closed", lambda: not self.find("#menu").is_displayed())

    def test_6_tour_to_its_end(self):
        body = self.find("body")
        body.send_keys("p")
        self.assertIn("present", body.get_attribute("class"))
        body.send_keys("p")
        total = int(self.find("#tour-count").text.split()[-1])
        self.assertGreaterEqual(total, 15)
        for step in range(1, total + 1):
            self.wait(f"step {step}", lambda: self.find("#tour-count").text.startswith(f"{step} of"), STEP_PATIENCE_SEC)
            self.wait("ready", lambda: self.find("#tour-next").is_enabled(), STEP_PATIENCE_SEC)
            self.click('#tour [data-pick="0"]')
            self.wait("the answer", lambda: self.find("#tour .why").is_displayed(), STEP_PATIENCE_SEC)
            problems = [one.text for one in self.driver.find_elements(By.CSS_SELECTOR, "#tour .problem")]
            self.assertEqual(problems, [], f"step {step}: {self.find('#tour').text}")
            self.assertTrue(self.driver.find_elements(By.CSS_SELECTOR, "#tour .right"), f"step {step}")
            body.send_keys(Keys.ARROW_RIGHT)
        self.wait("the end", lambda: self.find("#tour-end").is_displayed())

    def test_7_small_text_and_overflow(self):
        self.check_text_and_width(lambda: time.sleep(0.5))

    def test_8_no_error_and_no_foreign_request(self):
        errors = [entry["message"] for entry in self.driver.get_log("browser") if entry["level"] == "SEVERE"]
        self.assertEqual(errors, [])
        hosts = set()
        for entry in self.driver.get_log("performance"):
            message = json.loads(entry["message"])["message"]
            if message["method"] == "Network.requestWillBeSent":
                hosts.add(urlsplit(message["params"]["request"]["url"]).hostname)
        self.assertLessEqual(hosts - {None}, {urlsplit(self.url).hostname})


if __name__ == "__main__":
    main()
