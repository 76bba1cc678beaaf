#!/usr/bin/env python3
"""Tests that the page shows a violation, against a lab with a bug: violation_test.py http://127.0.0.1:5000/

Start the lab with 'caplab up --break stale-read'. See page_case.py for the other programs that it needs.
"""

from page_case import PageCase, main


class ViolationTest(PageCase):
    """A stale read is found, drawn, and dismissed."""

    def bars(self):
        return self.driver.execute_script(
            "return [...document.querySelectorAll('#lanes [data-violation]')].map(bar => bar.dataset.violation)")

    def test_1_the_header_names_the_bug(self):
        self.wait("the bug", lambda: self.find("#bug").is_displayed())
        self.assertIn("stale-read", self.text("#bug"))
        self.assertIn("app_cp_west", self.text("#bug"))

    def test_2_a_stale_read_is_drawn(self):
        values = iter(range(1_000))

        def found():
            self.ask("app_cp", "write", f"old-{next(values)}")
            self.ask("app_cp_west")
            self.ask("app_cp", "write", f"new-{next(values)}")
            self.ask("app_cp_west")
            return self.attribute('[data-verdict="cp-agrees"]', "class") == "fault"

        self.wait("the verdict", found)
        self.wait("the bars", lambda: self.bars() == ["evidence", "culprit"])
        self.assertIn("violated", self.text('[data-verdict="cp-agrees"]'))
        for place in ("#verdict", "#lanes"):
            sentence = self.text(f"{place} .violation")
            self.assertRegex(sentence, r"Stale read: West read “old-\d+” .* but .* acknowledged at [\d.]+ s\.")
        self.assertTrue(self.driver.execute_script("return document.querySelector('#lanes .contradiction') !== null"))

    def test_3_dismissed_violations_are_not_drawn(self):
        while self.find("#lanes .violation").is_displayed():
            before = self.text("#lanes .violation")
            self.driver.execute_script(
                "document.querySelector('#lanes [data-action=\"dismiss-violation\"]')?.click()")
            self.wait("the next one, or none", lambda: not self.find("#lanes .violation").is_displayed()
                      or self.text("#lanes .violation") != before)
        self.assertEqual(self.bars(), [])
        self.assertTrue(self.find("#lanes .why").is_displayed())

    def test_4_no_error(self):
        errors = [entry["message"] for entry in self.driver.get_log("browser") if entry["level"] == "SEVERE"]
        self.assertEqual(errors, [])


if __name__ == "__main__":
    main()
