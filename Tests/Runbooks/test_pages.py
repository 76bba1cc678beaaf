"""Tests of the structure of all runbooks."""

import re
import unittest
from pathlib import Path

import page as pages

FOLDER = Path(__file__).resolve().parents[2] / "runbooks"
PAGES = sorted(path for path in FOLDER.glob("*.md") if path.stem != "README")


class Pages(unittest.TestCase):
    def test_every_page_has_the_same_sections(self):
        for path in PAGES:
            with self.subTest(path.name):
                page = pages.parse(path.read_text())
                self.assertTrue(page.title)
                self.assertEqual(page.sections, pages.SECTIONS)
                self.assertTrue(page.blocks, "the page has no command")

    def test_the_index_links_to_every_page(self):
        index = (FOLDER / "README.md").read_text()
        for path in PAGES:
            self.assertIn(f"({path.name})", index)

    def test_every_link_has_a_target(self):
        for path in FOLDER.glob("*.md"):
            for link in re.findall(r"\]\(([^)#]+)[^)]*\)", path.read_text()):
                if not link.startswith("https://"):
                    self.assertTrue((FOLDER / link).exists(), f"{path.name}: {link}")

    def test_a_page_has_at_most_160_lines(self):
        for path in PAGES:
            self.assertLessEqual(len(path.read_text().splitlines()), 160, path.name)


if __name__ == "__main__":
    unittest.main()
