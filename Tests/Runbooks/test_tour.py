"""Tests of the structure of the tour's pages. Their commands are run by run.py."""

import re
import unittest
from pathlib import Path

import page as pages
from run import find_pages, name_of

DOCS = Path(__file__).resolve().parents[2] / "docs"
CHAPTERS = sorted((DOCS / "tour").glob("*.md"))
DATA = DOCS.parent / "Sources/CapLab/Page/chapters.mjs"
SECTIONS = ["Play it", "Why", "Predict, then run", "Speaker notes"]


class Tour(unittest.TestCase):
    def test_every_chapter_of_the_page_has_a_page_with_its_number(self):
        count = len(re.findall(r"^    title: ", DATA.read_text(), re.MULTILINE))
        self.assertEqual([path.name[:2] for path in CHAPTERS], [f"{number}-" for number in range(1, count + 1)])

    def test_every_page_has_the_same_sections(self):
        for path in CHAPTERS:
            with self.subTest(path.name):
                page = pages.parse(path.read_text())
                self.assertTrue(page.title.startswith(f"{path.name[0]}. "))
                self.assertEqual(page.sections, SECTIONS)

    def test_every_page_begins_with_its_picture(self):
        for path in CHAPTERS:
            picture = re.search(r"!\[[^\]]+\]\(([^)]+)\)", path.read_text())
            self.assertEqual(picture.group(1), f"../images/tour-{path.name[0]}.png")

    def test_every_exercise_has_an_answer_with_commands_that_are_run(self):
        for path in CHAPTERS:
            with self.subTest(path.name):
                text = path.read_text()
                exercises = re.split(r"^\*\*Exercise \d\.\*\* ", text.split("## Predict")[1], flags=re.MULTILINE)[1:]
                self.assertEqual(len(exercises), 3)
                for exercise in exercises:
                    question, answer = exercise.split("<details><summary>Answer</summary>\n\n")
                    self.assertIn("?", question)
                    self.assertTrue(pages.parse(answer.split("</details>")[0]).blocks)

    def test_the_indexes_link_to_every_page(self):
        for path in CHAPTERS:
            self.assertIn(f"(tour/{path.name})", (DOCS / "tour.md").read_text())
        for path in DOCS.glob("*.md"):
            if path.name != "README.md":
                self.assertIn(f"({path.name})", (DOCS / "README.md").read_text())

    def test_every_link_has_a_target(self):
        for path in [*CHAPTERS, DOCS / "tour.md", DOCS / "README.md"]:
            for link, anchor in re.findall(r"\]\(([^)#\s]*)(#[^)]*)?\)", path.read_text()):
                if link.startswith(("http://", "https://")):
                    continue
                target = path.parent / link if link else path
                self.assertTrue(target.exists(), f"{path.name}: {link}")
                if anchor:
                    headings = re.findall(r"^#+ (.*)", target.read_text(), re.MULTILINE)
                    self.assertIn(anchor[1:], map(anchor_of, headings), f"{path.name}: {link}{anchor}")


class Names(unittest.TestCase):
    def test_a_chapter_is_named_with_its_folder(self):
        names = ["tour", "tour/1-register", "conflicts"]
        found = find_pages(names, "lab")
        self.assertTrue(all(path.is_file() for path in found))
        self.assertEqual([name_of(path) for path in found], names)

    def test_without_names_the_lab_runs_the_tour_and_compose_does_not(self):
        self.assertLessEqual(set(CHAPTERS), set(find_pages([], "lab")))
        self.assertFalse(set(CHAPTERS) & set(find_pages([], "compose")))


def anchor_of(heading):
    """The anchor that GitHub gives a heading."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


if __name__ == "__main__":
    unittest.main()
