#!/usr/bin/env python3
"""Takes the pictures of the documentation from a running lab: screenshots.py http://127.0.0.1:5000/ docs/images

Cuts the west, writes one value at each site, and heals. Needs the same programs as page_test.py.
"""

import pathlib
import sys
import time

from page_case import browser

KEY = "seat-12A"
POST = """
const token = document.querySelector('meta[name="lab-token"]').content
const done = arguments[arguments.length - 1]
fetch(arguments[0], {
  method: 'POST', headers: {'Content-Type': 'application/json', 'X-Lab-Token': token}, body: JSON.stringify(arguments[1]),
}).then(answer => answer.text()).then(done)
"""


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
        driver.save_screenshot(str(folder / "lab-whole.png"))
        post("/actions/cut", target="west")
        time.sleep(3)
        for service, value in (("app_cp", "ana"), ("app_cp_west", "bob"), ("app_ap", "ana"), ("app_ap_west", "bob")):
            write(service, value)
        read_all()
        time.sleep(4)
        driver.save_screenshot(str(folder / "lab-cut.png"))
        post("/actions/heal")
        time.sleep(4)
        read_all()
        time.sleep(3)
        driver.save_screenshot(str(folder / "lab-healed.png"))
    finally:
        driver.quit()


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    main(*sys.argv[1:])
