#!/usr/bin/env python3
"""Tests the controls of the lab page, and its motion: controls_test.py http://127.0.0.1:5000/

See page_case.py for what it needs. Prints the frame rate, and asserts only that messages keep moving.
"""

from page_case import PageCase, main, resize

SERVICES = ("app_cp", "app_cp_west", "app_ap", "app_ap_west")
SLIDE = """
const slider = document.querySelector('#delay')
slider.value = arguments[0]
slider.dispatchEvent(new Event('input', {bubbles: true}))
slider.dispatchEvent(new Event('change', {bubbles: true}))
"""
# Records the requests for actions from now on.
NOTE_ACTIONS = """
const send = window.fetch
window.noted = []
window.fetch = (path, ...rest) => {
  if (path.startsWith('/actions')) window.noted.push(path)
  return send(path, ...rest)
}
"""
FRAMES = """
const done = arguments[arguments.length - 1], start = performance.now(), seen = new Set()
let frames = 0
const count = now => {
  frames += 1
  for (const node of document.querySelectorAll('#stage g.message[visibility=visible]')) seen.add(node)
  if (now - start < arguments[0] * 1000) requestAnimationFrame(count)
  else done([frames * 1000 / (now - start), seen.size, document.querySelector('#sampling').textContent])
}
requestAnimationFrame(count)
"""


class ControlsTest(PageCase):
    """Faults by slider and menu, a phone, and motion."""

    def state(self):
        return self.attribute('[data-cable="cp"]', "data-state"), self.text("#fault-now")

    def slide(self, *delays):
        for delay in delays:
            self.driver.execute_script(SLIDE, delay)

    def test_1_changes_of_links_keep_their_order(self):
        self.wait("live", lambda: self.text("#connection").startswith("live"))
        self.post("/actions/heal")
        self.wait("whole links", lambda: self.state() == ("no", ""))
        # Many changes at once, as of an impatient user: the last one counts.
        for last in (120, 0, 250):
            self.slide(50, 0, 300, 10, last)
            self.wait(f"{last} ms", lambda: self.state()[1].startswith(f"west +{last} ms" if last else "")
                      and bool(last) == bool(self.state()[1]))

    def test_2_the_header_shows_the_cut_before_the_delay_and_the_slider_keeps_the_cut(self):
        self.post("/actions/cut", target="west")
        self.wait("the cut", lambda: self.state()[1].startswith("west cut for"))
        self.assertIn("1 more", self.state()[1])
        self.slide(0)
        self.wait("the cut alone", lambda: self.state()[1].startswith("west cut for") and "more" not in self.state()[1])
        self.assertEqual(self.state()[0], "all")
        self.slide(100)
        self.post("/actions/heal")
        self.wait("whole links", lambda: self.state() == ("no", ""))
        self.wait("the slider follows", lambda: self.driver.execute_script(
            "return document.querySelector('#delay').value") == "0")

    def test_2_two_quick_presses_cut_and_heal(self):
        """The second press acts on the state after the first press, even if the page does not show that state yet."""
        self.driver.execute_script(NOTE_ACTIONS)
        self.find("body").send_keys("cc")
        self.wait("a cut and a heal", lambda: self.driver.execute_script("return window.noted")
                  == ["/actions/cut", "/actions/heal"])
        self.wait("whole links", lambda: self.state() == ("no", ""))

    def test_3_each_link_has_its_own_breaker(self):
        self.post("/actions/process", node="cp_db_g2", do="kill")
        self.wait("the breaker of g2", lambda: self.driver.execute_script("""
            const open = [...document.querySelectorAll('.breaker.open title')].map(title => title.textContent)
            return open.some(words => words.includes('g2')) && !open.some(words => words.includes('g1'))"""))
        self.post("/actions/process", node="cp_db_g2", do="start")
        self.wait("all breakers closed", lambda: not self.driver.execute_script(
            "return document.querySelector('.breaker.open, .breaker.half_open') !== null"))

    def test_4_on_a_phone_a_menu_leaves_its_store_visible(self):
        resize(self.driver, 390, 844)
        for group, link in (("cp", "app_cp>cp_db_g1"), ("ap", "app_ap_west>ap_db_g3")):
            self.driver.execute_script("""
                scrollTo(0, 0)
                document.querySelector(`[data-link="${arguments[0]}"]`).dispatchEvent(new Event('click', {bubbles: true}))
            """, link)
            self.wait("the menu", lambda: self.find("#menu").is_displayed())
            overlap = self.driver.execute_script("""
                const menu = document.querySelector('#menu').getBoundingClientRect()
                return [...document.querySelectorAll(`.quarter.${arguments[0]}`)].map(part => part.getBoundingClientRect())
                  .some(box => box.top < menu.bottom && menu.top < box.bottom)""", group)
            self.assertFalse(overlap, f"the menu of {link} covers its store")
            self.driver.execute_script("document.body.click()")
        resize(self.driver, 1280, 720)

    def test_5_motion_goes_on_under_load(self):
        self.driver.execute_script("scrollTo(0, 0)")
        self.post("/load", rates=dict.fromkeys(SERVICES, 15), readShare=0.8, keys=5)
        self.wait("the load", lambda: "60/s" in self.text("#load"))
        rate, moved, sampling = self.driver.execute_async_script(FRAMES, 10)
        print(f"\n{rate:.0f} frames/s, {moved} messages moved in 10 s; {sampling}", flush=True)
        self.assertGreater(rate, 1)
        self.assertGreater(moved, 10)

    def test_6_the_diagram_tells_that_older_messages_are_not_kept(self):
        self.post("/key", key="load-1")
        self.post("/load", rates=dict.fromkeys(SERVICES, 60), readShare=0.5, keys=1)
        self.wait("the key", lambda: self.text("#topic-key") == "load-1")
        self.click('[data-action="write:app_cp:ana"]')
        self.wait("the operation", lambda: "write ana" in self.text("#lanes svg"))
        self.wait("the note", lambda: "older messages are not kept" in self.text("#lanes svg"), 60)
        self.post("/load", rates=dict.fromkeys(SERVICES, 10), keys=5)
        self.post("/key", key="seat-12A")

    def test_7_with_reduced_motion_nothing_moves(self):
        reduced = [{"name": "prefers-reduced-motion", "value": "reduce"}]
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": reduced})
        self.driver.refresh()
        self.wait("answers", lambda: self.answer("app_cp")[0] in ("ok", "no"))
        _, moved, _ = self.driver.execute_async_script(FRAMES, 3)
        self.assertEqual(moved, 0)
        running = self.driver.execute_script(
            "return document.getAnimations().filter(one => one.playState === 'running').length")
        self.assertEqual(running, 0)
        self.post("/load", rates=dict.fromkeys(SERVICES, 0))

    def test_8_a_notice_covers_nothing(self):
        """It is inside the header, and on a phone inside the dock. Neither of them moves what is below."""
        for width, height, place in ((1280, 720, "header"), (1920, 1080, "header"), (390, 844, "#dock")):
            resize(self.driver, width, height)
            outside, moved = self.driver.execute_script("""
                scrollTo(0, 300)
                const box = selector => document.querySelector(selector).getBoundingClientRect()
                const before = [box('main').top, box(arguments[0]).height]
                const notice = document.querySelector('#notice')
                notice.dispatchEvent(new CustomEvent('tell', {detail: ['partition west: drop on 6 links']}))
                const [inner, outer] = [box('#notice'), box(arguments[0])]
                const after = [box('main').top, outer.height]
                const isInside = inner.left >= outer.left && inner.right <= outer.right && inner.top >= outer.top
                  && inner.bottom <= outer.bottom && inner.height > 0 && outer.top >= 0 && outer.bottom <= innerHeight
                return [!isInside, before.some((each, index) => Math.abs(each - after[index]) > 1)]""", place)
            self.assertFalse(outside, f"{width} px: the notice covers more than {place}")
            self.assertFalse(moved, f"{width} px: the notice moves the page")
        resize(self.driver, 1280, 720)

    def test_9_no_error(self):
        errors = [entry["message"] for entry in self.driver.get_log("browser") if entry["level"] == "SEVERE"]
        self.assertEqual(errors, [])


if __name__ == "__main__":
    main()
