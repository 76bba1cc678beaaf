"""Fixtures of the tests of the lab page: the browser, and a test case that waits.

Needs selenium (pip install selenium, or Debian's python3-selenium), chromium and chromium-driver.
"""

import json
import os
import sys
import time
import unittest

from selenium import webdriver
from selenium.webdriver.common.by import By

PATIENCE_SEC = 30
CHROMIUM = os.environ.get("CHROMIUM", "/usr/bin/chromium")
DRIVER = os.environ.get("CHROMEDRIVER", "/usr/bin/chromedriver")
POST = """
const token = document.querySelector('meta[name="lab-token"]').content
const done = arguments[arguments.length - 1]
fetch(arguments[0], {
  method: 'POST', headers: {'Content-Type': 'application/json', 'X-Lab-Token': token}, body: JSON.stringify(arguments[1]),
}).then(answer => answer.text()).then(done)
"""


def browser(width=1280, height=720, arguments=()):
    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM
    usual = ("--headless=new", "--no-sandbox", "--disable-dev-shm-usage", f"--window-size={width},{height}")
    for argument in (*usual, *arguments):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(DRIVER))
    driver.set_script_timeout(PATIENCE_SEC)
    resize(driver, width, height)
    return driver


def resize(driver, width, height):
    driver.execute_cdp_cmd(
        "Emulation.setDeviceMetricsOverride",
        {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False},
    )


class PageCase(unittest.TestCase):
    """One browser per class. The tests of a class run in the order of their names."""

    url = "http://127.0.0.1:5000/"

    @classmethod
    def setUpClass(cls):
        cls.driver = browser()
        cls.driver.get(cls.url)

    @classmethod
    def tearDownClass(cls):
        cls.driver.quit()

    def find(self, selector):
        return self.driver.find_element(By.CSS_SELECTOR, selector)

    def attribute(self, selector, name):
        return self.driver.execute_script(
            "return document.querySelector(arguments[0])?.getAttribute(arguments[1])", selector, name
        )

    def click(self, selector):
        self.wait(f"{selector} can be clicked", lambda: self.find(selector).is_displayed() and self.find(selector).is_enabled())
        self.find(selector).click()

    def wait(self, what, condition, seconds=PATIENCE_SEC):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            try:
                if condition():
                    return
            except Exception:  # The page may be changing its elements.
                pass
            time.sleep(0.1)
        self.driver.save_screenshot(os.path.join(os.environ.get("TMPDIR", "/tmp"), "page-test.png"))
        self.fail(f"not within {seconds} s: {what}")

    def answer(self, service):
        selector = f'[data-answer="{service}"]'
        return self.attribute(selector, "data-kind"), (self.attribute(selector, "data-values") or "").split()

    def wait_for_answer(self, service, kinds, values=None):
        def reached():
            kind, shown = self.answer(service)
            return kind in kinds and (values is None or sorted(shown) == sorted(values))

        self.wait(f"{service} shows {'/'.join(kinds)} {values or ''}", reached)

    def check_text_and_width(self, drawn):
        """At each screen size: no text below 12 px, no sideways scrolling. `drawn` waits until the page is drawn."""
        for width, height in ((390, 844), (1280, 720), (1920, 1080)):
            resize(self.driver, width, height)
            drawn()
            wide = self.driver.execute_script("return document.documentElement.scrollWidth")
            self.assertLessEqual(wide, width, f"{width} px: the page scrolls sideways")
            small = self.driver.execute_script("""
                return [...document.querySelectorAll('body *')].filter(node => node.checkVisibility()
                  && [...node.childNodes].some(child => child.nodeType === 3 && child.textContent.trim())
                  && parseFloat(getComputedStyle(node).fontSize) < 12).map(node => node.outerHTML.slice(0, 80))""")
            self.assertEqual(small, [], f"{width} px: text below 12 px")

    def text(self, selector):
        return self.driver.execute_script("return document.querySelector(arguments[0])?.textContent ?? ''", selector)

    def post(self, path, **body):
        """Sends an action, or a request to a service, as the page does."""
        return json.loads(self.driver.execute_async_script(POST, path, body))

    def ask(self, service, op="read", value=None):
        body = {"service": service, "op": op, "key": "seat-12A"}
        return self.post("/ask", **body, **({"value": value} if value else {}))


def main():
    """Runs the tests of the calling program against the page that is its first argument."""
    if len(sys.argv) > 1 and sys.argv[1].startswith("http"):
        PageCase.url = sys.argv.pop(1)
    unittest.main(failfast=True, verbosity=2)
