"""Gives schemathesis the two texts that only a service can make: session tokens and contexts.

Both are signed, so a made-up text is never valid. In valid requests, the example of the document stands for them.
Before such a request is sent, a text of the service replaces it. Invalid requests keep what they have.
"""

import json
import os
import urllib.error
import urllib.request

import schemathesis
from hypothesis import strategies

URL = os.environ["OPENAPI_TEST_URL"]
TOKEN = os.environ.get("OPENAPI_TEST_TOKEN")
# The example of the document.
EXAMPLE = "A2bC"

schemathesis.openapi.format("session-token", strategies.just(EXAMPLE))
schemathesis.openapi.format("context", strategies.just(EXAMPLE))


def read(key):
    """The header fields and the body of the answer to a read, also if there is no such key.

    `key` is percent-encoded.
    """
    request = urllib.request.Request(f"{URL}/read/{key}")
    if TOKEN:
        request.add_header("Authorization", f"Bearer {TOKEN}")
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return answer.headers, json.load(answer)
    except urllib.error.HTTPError as error:
        with error:
            return error.headers, json.load(error)


# The key of each context that an answer had: links may be followed to another key, for which it is not valid.
keys = {}


@schemathesis.hook
def before_call(context, case, kwargs):
    if "key" not in (case.path_parameters or {}) or (case.meta and case.meta.generation.mode.is_negative):
        return
    key = case.formatted_path.split("/")[2]
    given = case.headers or {}
    wanted = [name for name in ("X-Context", "X-Session-Token") if given.get(name) == EXAMPLE]
    if keys.get(given.get("X-Context"), key) != key:
        wanted.append("X-Context")
    if not wanted:
        return
    headers, body = read(key)
    real = {"X-Context": body.get("version"), "X-Session-Token": headers["X-Session-Token"]}
    for name in wanted:
        if real[name]:
            case.headers[name] = real[name]


@schemathesis.check
def declared_header_fields(ctx, response, case):
    """Every header field of an answer is in the document. The check of schemathesis looks only for missing ones."""
    document = case.operation.schema.raw_schema
    answers = document["paths"][case.operation.path].get(case.method.lower(), {}).get("responses", {})
    answer = answers.get(str(response.status_code))
    if answer is None:
        return
    if "$ref" in answer:
        answer = document["components"]["responses"][answer["$ref"].rpartition("/")[2]]
    # OpenAPI describes the content type elsewhere.
    known = {name.lower() for name in answer["headers"]} | {"content-type"}
    undeclared = {name.lower() for name in response.headers} - known
    assert not undeclared, f"not declared: {', '.join(sorted(undeclared))}"


@schemathesis.hook
def after_call(context, case, response):
    is_json = response.content and response.headers.get("content-type", [""])[0].endswith("json")
    if is_json and "key" in (case.path_parameters or {}):
        version = response.json().get("version")
        if isinstance(version, str):
            keys[version] = case.formatted_path.split("/")[2]
