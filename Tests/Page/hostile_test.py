#!/usr/bin/env python3
"""Attacks services and lab page from foreign web pages in Chromium: hostile_test.py BIN RUN_DIR PAGE_URL

Tests the running lab of RUN_DIR. Foreign pages, on another host or port of this machine, try to read a value and to
change it in every way that a page has. Afterwards the value is read without a browser: it must be the same. The same
attacks succeed on a server that allows everything, which shows that they arrive.
"""

import http.server
import json
import subprocess
import sys
import threading
import unittest
import urllib.error
import urllib.parse
import urllib.request

from page_case import PATIENCE_SEC, browser

BIN = RUN_DIR = PAGE_URL = ""
KEY, SECRET = "hostile-test", "secret-5e1f"
# What the attacker writes, and the keys to which it writes: one for each attack.
EVIL = "written-by-the-foreign-page"
WRITES = [
    "fetch", "fetch-no-cors", "fetch-put", "fetch-delete", "fetch-json", "beacon", "xhr", "form", "form-text",
    "form-multipart", "form-top", "image", "script",
]
# Those that a server without any protection executes.
POSSIBLE = set(WRITES) - {"image", "script"}

ATTACK = """
const [victim, key, evil, done] = arguments
const found = {}
const tasks = []
const within = promise => Promise.race([promise, new Promise(end => setTimeout(() => end('nothing'), 5000))])
const attempt = (name, attack) => tasks.push((async () => {
  try { found[name] = String(await within(attack())) } catch (error) { found[name] = 'blocked' }
})())
const write = name => `${victim}/write/${key}-${name}/${evil}`
const text = answer => answer.type === 'opaque' ? answer.text().then(body => `opaque ${body}`) : answer.text()
const loaded = (tag, attributes) => new Promise((end, fail) => {
  const node = Object.assign(document.createElement(tag), attributes)
  node.onload = () => end('loaded ' + (() => { try { return node.contentDocument?.body?.innerText } catch { return 'x' } })())
  node.onerror = fail
  document.body.append(node)
})
const form = (name, enctype) => new Promise(end => {
  const target = `frame-${name}`
  document.body.append(Object.assign(document.createElement('iframe'), {name: target}))
  const node = Object.assign(document.createElement('form'), {
    action: `${victim}/write/${key}-${name}`, method: 'POST', enctype, target})
  node.append(Object.assign(document.createElement('input'), {name: 'a', value: evil}))
  document.body.append(node)
  node.submit()
  setTimeout(() => end('sent'), 1000)
})
const all = () => {
  for (const path of [`/read/${key}`, '/metrics', '/replicas', '/openapi.json', '/', '/state', '/events']) {
    attempt(`read ${path}`, () => fetch(victim + path).then(text))
    attempt(`read no-cors ${path}`, () => fetch(victim + path, {mode: 'no-cors'}).then(text))
  }
  const read = `${victim}/read/${key}`
  attempt('read with fields', () => fetch(read, {headers: {'X-Session-Token': 'a', Accept: 'text/html'}}).then(text))
  attempt('read with credentials', () => fetch(read, {credentials: 'include'}).then(text))
  attempt('read head', () => fetch(read, {method: 'HEAD'}).then(answer => [...answer.headers].join()))
  attempt('read xhr', () => new Promise((end, fail) => {
    const xhr = new XMLHttpRequest()
    xhr.onload = () => end(xhr.responseText)
    xhr.onerror = fail
    xhr.open('GET', read)
    xhr.send()
  }))
  attempt('read frame', () => loaded('iframe', {src: read}))
  attempt('read image', () => loaded('img', {src: read}))
  attempt('read script', () => loaded('script', {src: read}))
  attempt('read style', () => loaded('link', {rel: 'stylesheet', href: read}))
  attempt('read module', () => import(read).then(module => JSON.stringify(module)))
  attempt('read object', () => loaded('object', {data: read}))
  attempt('read worker', () => new Promise((end, fail) => {
    const worker = new Worker(URL.createObjectURL(new Blob([`
      try { importScripts('${read}'); postMessage('loaded') } catch (error) { postMessage('blocked') }`])))
    worker.onmessage = event => end(event.data)
    worker.onerror = fail
  }))
  attempt('read window', async () => {
    const opened = window.open(read)
    await new Promise(end => setTimeout(end, 500))
    try { return opened.document.body.innerText } finally { opened?.close() }
  })
  for (const path of ['/events', `/read/${key}`]) {
    attempt(`events ${path}`, () => new Promise((end, fail) => {
      const events = new EventSource(victim + path)
      events.onmessage = event => { events.close(); end(event.data) }
      events.onopen = () => { events.close(); end('opened') }
      events.onerror = () => { events.close(); fail() }
    }))
  }
  attempt('socket', () => new Promise((end, fail) => {
    const socket = new WebSocket(victim.replace('http', 'ws') + `/read/${key}`)
    socket.onopen = () => end('opened')
    socket.onerror = fail
  }))
  attempt('write fetch', () => fetch(write('fetch'), {method: 'POST'}).then(text))
  attempt('write fetch-no-cors', () => fetch(write('fetch-no-cors'), {method: 'POST', mode: 'no-cors'}).then(text))
  attempt('write fetch-put', () => fetch(write('fetch-put'), {method: 'PUT', body: evil}).then(text))
  attempt('write fetch-delete', () => fetch(`${victim}/delete/${key}`, {method: 'DELETE'}).then(text))
  attempt('write fetch-json', () => fetch(write('fetch-json'), {
    method: 'POST', headers: {'Content-Type': 'application/json', 'X-Context': 'a', 'If-Match': '*'}}).then(text))
  attempt('write beacon', async () => navigator.sendBeacon(write('beacon'), evil) && 'sent')
  attempt('write xhr', () => new Promise((end, fail) => {
    const xhr = new XMLHttpRequest()
    xhr.onload = () => end(xhr.responseText)
    xhr.onerror = fail
    xhr.open('POST', write('xhr'))
    xhr.send()
  }))
  attempt('write image', () => loaded('img', {src: write('image')}))
  attempt('write script', () => loaded('script', {src: write('script')}))
  attempt('write form', () => form('form', 'application/x-www-form-urlencoded'))
  attempt('write form-text', () => form('form-text', 'text/plain'))
  attempt('write form-multipart', () => form('form-multipart', 'multipart/form-data'))
  for (const [path, body] of [
    ['/actions/cut', '{"target":"west"}'], ['/load', '{"rates":{},"readShare":0,"keys":1}'], ['/key', '{"key":"evil"}'],
    ['/ask', `{"service":"app_cp","op":"write","key":"${key}-fetch","value":"${evil}"}`],
  ]) {
    for (const mode of ['cors', 'no-cors']) {
      attempt(`act ${mode} ${path}`, () => fetch(victim + path, {
        method: 'POST', mode, body, headers: {'Content-Type': mode === 'cors' ? 'application/json' : 'text/plain'},
      }).then(text))
    }
  }
}
all()
Promise.all(tasks).then(() => done(found))
"""


class Server(http.server.ThreadingHTTPServer):
    """The attacker's page, or a victim that allows everything and stores what is written."""

    daemon_threads = True

    def __init__(self, allows_all=False):
        super().__init__(("127.0.0.1", 0), Handler)
        self.allows_all = allows_all
        self.written = set()
        self.port = self.server_address[1]
        threading.Thread(target=self.serve_forever, daemon=True).start()


class Handler(http.server.BaseHTTPRequestHandler):
    def answer(self):
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if self.server.allows_all and self.command in ("POST", "PUT", "DELETE"):
            self.server.written.add((self.command, urllib.parse.unquote(self.path)))
        self.send_response(200)
        for name in ("Origin", "Methods", "Headers") if self.server.allows_all else ():
            self.send_header(f"Access-Control-Allow-{name}", {
                "Origin": "*", "Methods": "POST, PUT, DELETE", "Headers": "X-Session-Token, Content-Type, X-Context, If-Match",
            }[name])
        body = SECRET.encode() if self.server.allows_all else b"<!doctype html><title>A page</title><body>"
        self.send_header("Content-Type", "text/html")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = do_OPTIONS = answer

    def log_message(self, *arguments):
        pass


def ask(url, method="GET"):
    """Status and body, without a browser."""
    try:
        with urllib.request.urlopen(urllib.request.Request(url, method=method), timeout=10) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()


def status():
    command = [f"{BIN}/caplab", "status", "--run-dir", RUN_DIR, "--json"]
    return json.loads(subprocess.run(command, check=True, capture_output=True, text=True, timeout=60).stdout)


class HostileTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        # Any name may resolve to this machine.
        cls.driver = browser(arguments=["--host-resolver-rules=MAP *.example 127.0.0.1"])
        cls.addClassCleanup(cls.driver.quit)
        cls.driver.set_script_timeout(4 * PATIENCE_SEC)
        cls.attacker = Server()
        nodes = {node["name"]: node["port"] for node in status()["nodes"]}
        cls.ports = {name: nodes[name] for name in ("app_cp", "app_ap")}
        cls.page_port = urllib.parse.urlsplit(PAGE_URL).port

    def setUp(self):
        for port in self.ports.values():
            self.assertEqual(ask(f"http://127.0.0.1:{port}/write/{KEY}/{SECRET}", "POST")[0], 200)
        self.links = self.cuts()

    def cuts(self):
        return [(link["service"], link["replica"], link["state"]) for link in status()["links"]]

    def attack(self, host, victim):
        """Opens the attacker's page on `host`, and returns what its attacks have seen."""
        self.driver.get(f"http://{host}:{self.attacker.port}/")
        seen = self.driver.execute_async_script(ATTACK, victim, KEY, EVIL)
        # The last one leaves the page.
        self.driver.execute_script("""
            const form = Object.assign(document.createElement('form'), {
              action: `${arguments[0]}/write/${arguments[1]}-form-top`, method: 'POST'})
            form.append(Object.assign(document.createElement('input'), {name: 'a', value: arguments[2]}))
            document.body.append(form)
            form.submit()""", victim, KEY, EVIL)
        self.driver.get("about:blank")
        return seen

    def check_unchanged(self):
        for name, port in self.ports.items():
            code, body = ask(f"http://127.0.0.1:{port}/read/{KEY}")
            self.assertEqual((code, json.loads(body).get("value")), (200, SECRET), name)
            for write in WRITES:
                self.assertEqual(ask(f"http://127.0.0.1:{port}/read/{KEY}-{write}")[0], 404, f"{name}: {write}")
        self.assertEqual(self.cuts(), self.links)

    def check_unseen(self, seen, where):
        self.assertGreater(len(seen), 40)
        for name, text in seen.items():
            # An opaque answer is empty. A frame or an object loads, and its content stays closed.
            allowed = {"blocked", "nothing", "opaque ", "sent"}
            if name in ("read frame", "read object"):
                allowed |= {"loaded null", "loaded undefined", "loaded x", "loaded "}
            self.assertIn(text, allowed, f"{where}: {name}")

    def test_1_the_attacks_succeed_without_protection(self):
        victim = Server(allows_all=True)
        seen = self.attack("evil.localhost", f"http://127.0.0.1:{victim.port}")
        for name in (f"read /read/{KEY}", "read with fields", "read xhr", "write fetch"):
            self.assertEqual(seen[name], SECRET, name)
        self.assertEqual(seen["read script"].split()[0], "loaded")
        written = {path.split("/")[2].removeprefix(f"{KEY}-") for _, path in victim.written if path.startswith("/write/")}
        if ("DELETE", f"/delete/{KEY}") in victim.written:
            written.add("fetch-delete")
        self.assertEqual(written, POSSIBLE)

    def test_2_a_foreign_page_neither_reads_nor_changes(self):
        """On a foreign host, and on another port of the same host."""
        for host, own in (
            ("evil.localhost", "127.0.0.1"), ("evil.example", "localhost"), ("localhost", "localhost"),
            ("127.0.0.1", "127.0.0.1"),
        ):
            for name, port in {**self.ports, "page": self.page_port}.items():
                with self.subTest(page=host, victim=name):
                    self.check_unseen(self.attack(host, f"http://{own}:{port}"), f"{host} to {name}")
                    self.check_unchanged()

    def test_3_a_name_that_is_bound_to_this_machine_is_refused(self):
        """DNS rebinding: the page and the victim have the same origin."""
        for name, port in {**self.ports, "page": self.page_port}.items():
            with self.subTest(victim=name):
                self.driver.get(f"http://rebound.example:{port}/read/{KEY}")
                self.assertNotIn(SECRET, self.driver.page_source)
                origin = self.driver.execute_script("return location.origin")
                self.assertEqual(origin, f"http://rebound.example:{port}")
                of_page = [("GET", "/"), ("GET", "/events"), ("POST", "/actions/cut"), ("POST", "/ask"), ("POST", "/key")]
                of_service = [
                    ("GET", f"/read/{KEY}"), ("POST", f"/write/{KEY}-fetch/{EVIL}"), ("DELETE", f"/delete/{KEY}"),
                    ("GET", "/metrics"), ("GET", "/openapi.json"), ("GET", "/nothing"),
                ]
                for method, path in of_page if name == "page" else of_service:
                    answer = self.driver.execute_async_script("""
                        const done = arguments[2]
                        fetch(arguments[1], {method: arguments[0]}).then(async answer =>
                          done([answer.status, await answer.text()]))""", method, path)
                    self.assertEqual((answer[0], json.loads(answer[1])["code"]), (421, "unknown_host"), path)
                self.check_unchanged()

    def test_4_a_page_without_an_origin_neither_reads_nor_changes(self):
        """A sandboxed frame sends `Origin: null`."""
        for name, port in self.ports.items():
            with self.subTest(victim=name):
                self.driver.get(f"http://evil.localhost:{self.attacker.port}/")
                seen = self.driver.execute_async_script("""
                    const [victim, key, evil, done] = arguments
                    addEventListener('message', event => done(event.data), {once: true})
                    const script = `Promise.all([
                      fetch('${victim}/read/${key}').then(answer => answer.text(), () => 'blocked'),
                      fetch('${victim}/write/${key}-fetch/${evil}', {method: 'POST', mode: 'no-cors'})
                        .then(answer => answer.text(), () => 'blocked'),
                    ]).then(texts => parent.postMessage(texts, '*'))`
                    document.body.append(Object.assign(document.createElement('iframe'), {
                      sandbox: 'allow-scripts', srcdoc: `<script>${script}</` + 'script>'}))""",
                    f"http://127.0.0.1:{port}", KEY, EVIL)
                self.assertEqual(seen[0], "blocked")
                self.assertIn(seen[1], ("blocked", ""))
                self.check_unchanged()


if __name__ == "__main__":
    BIN, RUN_DIR, PAGE_URL = sys.argv[1:4]
    unittest.main(argv=sys.argv[:1] + sys.argv[4:], failfast=True, verbosity=2)
