#!/usr/bin/env python3
"""Takes the pictures of the documentation from a running lab: screenshots.py http://127.0.0.1:5000/ docs/images

Cuts the west, writes one value at each site, and heals. Then plays the tour with the right answers, for one picture per
chapter. Needs the same programs as page_test.py. With Pillow installed, the files are smaller.

    screenshots.py http://127.0.0.1:5000/ DIRECTORY --all-steps [WIDTHxHEIGHT-THEME ...]

plays the tour once per size and theme instead, and saves every question and every answer, for inspection.
"""

import itertools
import pathlib
import sys
import time

from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from page_case import browser, resize

KEY = "seat-12A"
# The steps of the tour that show most of their chapter, by id in chapters.mjs; the picture of chapter 1 is tour-1.png.
STEPS = ("differ", "conflict", "cas", "slow-west", "lose-two")
LOOKS = [f"{size}-{theme}" for size in ("1280x720", "1920x1080", "390x844") for theme in ("light", "dark")]
STEP_LIMIT_S = 60
# In this time, the answer's messages arrive, and the next periodic reads follow.
LOOK_S = 2.5
# The verdict covers at most the last 10 s. A longer pause makes it show this step only.
SETTLE_S = 11
COLORS = 256
POST = """
const token = document.querySelector('meta[name="lab-token"]').content
const done = arguments[arguments.length - 1]
fetch(arguments[0], {
  method: 'POST', headers: {'Content-Type': 'application/json', 'X-Lab-Token': token}, body: JSON.stringify(arguments[1]),
}).then(answer => answer.text()).then(done)
"""
# The id, the chapter (from 1) and the expected choice of each step of the tour.
TOUR = """
const done = arguments[arguments.length - 1]
import('/page/chapters.mjs').then(({chapters}) => done(chapters.flatMap((chapter, index) => chapter.steps.map(
  step => ({id: step.id, chapter: index + 1, choice: step.choices.findIndex(choice => choice.expected)})))))
"""


def save(driver, path):
    driver.save_screenshot(str(path))
    try:
        from PIL import Image
    except ImportError:
        return
    with Image.open(path) as picture:
        small = picture.convert("RGB").quantize(COLORS, dither=Image.Dither.NONE)
    small.save(path, optimize=True)


def play_tour(driver, asked=lambda step: None, answered=lambda step: None):
    """Answers each step as expected. Calls `asked` before each answer and `answered` after it."""
    steps = driver.execute_async_script(TOUR)

    def is_shown(selector):
        # Use one script, because the page may replace an element between two calls.
        return driver.execute_script(
            "return [...document.querySelectorAll(arguments[0])].some(each => each.checkVisibility())", selector
        )

    def is_at(number):
        # A phone shows the button in the dock instead.
        return driver.execute_script(
            "return document.getElementById('tour-count')?.textContent === arguments[0]"
            " && document.getElementById('tour-next').disabled === false", f"{number} of {len(steps)}"
        )

    def wait(what, condition):
        end = time.monotonic() + STEP_LIMIT_S
        while not condition():
            if time.monotonic() > end:
                sys.exit(f"screenshots: not within {STEP_LIMIT_S} s: {what}")
            time.sleep(0.2)

    body = driver.find_element(By.TAG_NAME, "body")
    for number, step in enumerate(steps, 1):
        name = f"step {number}, {step['id']}"
        wait(name, lambda: is_at(number))
        asked(step)
        body.send_keys(str(step["choice"] + 1))
        wait(f"{name}: the answer", lambda: is_shown("#tour .why"))
        if not is_shown("#tour .right em") or is_shown("#tour .wrong"):
            sys.exit(f"screenshots: {name}: the lab gave another answer than the expected one")
        answered(step)
        body.send_keys(Keys.ARROW_RIGHT)
    wait("the end of the tour", lambda: is_shown("#tour-end"))


def chapter_pictures(driver, folder):
    """One picture per chapter, for docs/tour."""
    missing = set(STEPS) - {step["id"] for step in driver.execute_async_script(TOUR)}
    if missing:
        sys.exit(f"screenshots: chapters.mjs has no step {', '.join(sorted(missing))}")

    def answered(step):
        if step["id"] in STEPS:
            time.sleep(SETTLE_S)
            save(driver, folder / f"tour-{step['chapter']}.png")

    play_tour(driver, answered=answered)


def all_steps(driver, url, folder, look):
    """Saves every question and answer at one size, such as 390x844-dark: the visible part, and the complete page."""
    size, theme = look.split("-")
    width, height = (int(number) for number in size.split("x"))
    resize(driver, width, height)
    driver.get(f"{url}?theme={theme}")
    numbers = itertools.count(1)

    def pictures(step, kind):
        time.sleep(LOOK_S)
        name = f"{look}-{next(numbers):02}-{step['id']}-{kind}"
        save(driver, folder / f"{name}.png")
        # Use an emulated window as tall as the page, so that fixed elements are at the end of the page.
        tall = driver.execute_script("return document.documentElement.scrollHeight")
        if tall > height and width < 701:
            resize(driver, width, tall)
            time.sleep(0.4)
            save(driver, folder / f"{name}-whole.png")
            resize(driver, width, height)

    play_tour(driver, lambda step: pictures(step, "asked"), lambda step: pictures(step, "answered"))
    pictures({"id": "end"}, "end")


def main(url, directory):
    folder = pathlib.Path(directory)
    folder.mkdir(parents=True, exist_ok=True)
    driver = browser(1280, 720)
    try:
        driver.set_script_timeout(30)
        driver.get(url)

        def post(path, **body):
            return driver.execute_async_script(POST, path, body)

        def write(service, value):
            return post("/ask", service=service, op="write", key=KEY, value=value)

        def read_all():
            for service in ("app_cp", "app_cp_west", "app_ap", "app_ap_west"):
                post("/ask", service=service, op="read", key=KEY)

        post("/actions/heal")
        for service in ("app_cp", "app_ap"):
            post("/ask", service=service, op="delete", key=KEY)
            write(service, "free")
        read_all()
        time.sleep(3)
        post("/actions/cut", target="west")
        time.sleep(3)
        for service, value in (("app_cp", "ana"), ("app_cp_west", "bob"), ("app_ap", "ana"), ("app_ap_west", "bob")):
            write(service, value)
        read_all()
        time.sleep(4)
        save(driver, folder / "lab-cut.png")
        post("/actions/heal")
        time.sleep(4)
        read_all()
        time.sleep(3)
        save(driver, folder / "lab-healed.png")
        chapter_pictures(driver, folder)
    finally:
        driver.quit()


def look_at_all_steps(url, directory, looks):
    folder = pathlib.Path(directory)
    folder.mkdir(parents=True, exist_ok=True)
    for look in looks or LOOKS:
        driver = browser()
        try:
            driver.set_script_timeout(30)
            all_steps(driver, url, folder, look)
        finally:
            driver.quit()


if __name__ == "__main__":
    if len(sys.argv) > 3 and sys.argv[3] == "--all-steps":
        look_at_all_steps(*sys.argv[1:3], sys.argv[4:])
    elif len(sys.argv) == 3:
        main(*sys.argv[1:])
    else:
        sys.exit(__doc__)
