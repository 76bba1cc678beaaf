#!/usr/bin/env python3
"""Tests modules of the page with made-up events, at times that are chosen: module_test.py http://127.0.0.1:5000/

Needs the same programs as page_test.py. Any running lab will do: only its files are used.
"""

from page_case import PageCase, main

# `run(from, to, changed)` draws the verdict at 17.5 s: one fault, and when the faults last changed.
VERDICT = """
const done = arguments[arguments.length - 1], [fromMs, toMs, faultsChangedMs, west] = arguments
Promise.all([import('/page/events.mjs'), import('/page/verdict.mjs')]).then(([{Store}, verdict]) => {
  const store = new Store(), root = document.createElement('section')
  store.hello = {key: 'k', nodes: [], links: []}
  store.replayMs = 17_500
  store.faults = [{id: 1, kind: 'cut', target: 'west', label: 'west cut', fromMs, toMs}]
  store.verdict = {
    window: {operations: 1000, perKey: 100, faultsChangedMs}, violations: [],
    cp: {linearizable: true, operations: 3, available: {east: west === null ? null : 1, west}},
    ap: {acknowledged: 1, lost: 0, converged: true, diverged: [], inConflict: [], available: {east: 1, west: 1}},
  }
  verdict.draw(root, store, new Set(), () => {})
  done(root.querySelector('[data-verdict="cp-available"] small').textContent.replaceAll('\\u00a0', ' '))
})
"""
# When the last acknowledged write ended, as seen by reads that were sent at 110 ms and 121 ms.
CHANGED = """
const done = arguments[arguments.length - 1]
import('/page/events.mjs').then(({Store}) => {
  const store = new Store(), write = {op: 'write', key: 'k', service: 'app_cp', status: 200, outcome: 'applied', by: 'page'}
  store.hello = {key: 'k', nodes: [{name: 'app_cp', group: 'cp', kind: 'service', site: 'east'}], links: []}
  store.addAnswer({...write, id: 1, sent: 'bob', tMs: 100, tookMs: 20})
  store.addAnswer({...write, id: 2, sent: 'eve', tMs: 130, tookMs: 20, status: 503, outcome: 'not_applied'})
  store.addAnswer({...write, id: 3, sent: 'eve', tMs: 130, tookMs: 20, key: 'other'})
  done([['cp', 110, ['ana']], ['cp', 121, ['ana']], ['cp', 110, ['bob']], ['cp', 110, []], ['ap', 110, ['ana']]].map(
    ([group, sentMs, values]) => store.changedSince(group, sentMs, values)))
})
"""
WORDS = """
const done = arguments[arguments.length - 1]
import('/page/dom.mjs').then(({seconds, duration, mayMiss, mayStillMiss}) => done([
  seconds(7_999), seconds(125_900), duration(6_840), duration(11_600), mayMiss(6_840), mayStillMiss(6_840), mayStillMiss(40),
].map(words => words.replaceAll('\\u00a0', ' '))))
"""


class ModuleTest(PageCase):
    def test_the_verdict_counts_since_the_last_change_of_the_faults(self):
        def words(*arguments):
            return self.driver.execute_async_script(VERDICT, *arguments)

        self.assertEqual(words(10_000, None, 10_000, 0), "since the cut, 7 s: west 0 % answered")
        self.assertEqual(words(10_000, 14_000, 14_000, 1), "since the heal, 3 s: all answered")
        self.assertEqual(words(10_000, 14_000, 14_000, None), "since the heal, 3 s: no request")
        self.assertEqual(words(2_000, None, None, .276), "last 10 s: west 27 % answered")
        self.assertEqual(words(2_000, None, 7_500, 1), "last 10 s: all answered")

    def test_a_read_that_was_sent_after_a_write_is_not_excused(self):
        self.assertEqual(self.driver.execute_async_script(CHANGED), [120, None, None, 120, None])

    def test_what_goes_on_is_rounded_down_and_a_bound_is_rounded_up(self):
        self.assertEqual(self.driver.execute_async_script(WORDS), [
            "7 s", "2 min 5 s", "6.8 s", "12 s", "may miss the last 6.8 s", "may miss the last 7 s",
            "may miss the last 1 s"])

    def test_the_legend_of_a_page_with_messages(self):
        self.wait("live", lambda: self.find("#connection").text.startswith("live"))
        self.click("#legend-open")
        words = self.find("#legend").text
        for sign in ("refuses", "paused", "withheld", "hints for g3", "return different values", "lost here"):
            self.assertIn(sign, words)
        self.assertNotIn("one direction or both", words)


if __name__ == "__main__":
    main()
