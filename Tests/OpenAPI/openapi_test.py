#!/usr/bin/env python3
"""Tests both services against their OpenAPI documents, without and with authentication: `make test-openapi`.

  Tests/OpenAPI/openapi_test.py --bin .build/release [--examples 80] [--seed 1] [cp ap cp-tokens ap-tokens]

Each run starts a service on three replicas of its own, and validates the document and its examples. Then schemathesis
tests every operation with all checks, and follows the links. At the end, a value that was written before must be the
same, and all replicas must still be used.
"""

import argparse
import json
import os
import pathlib
import subprocess
import sys
import time
import urllib.error
import urllib.request

import jsonschema
import openapi_spec_validator

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent.parent / "Benchmarks"))
from machine import Failure, Machine  # noqa: E402

RUNS = ["cp", "ap", "cp-tokens", "ap-tokens"]
TIMEOUT_S = 300
# A key that schemathesis does not make up.
WITNESS = "of-the-openapi-test-9f3c"


class Subject:
    """One service under test."""

    def __init__(self, machine, bin_directory, run):
        self.mode, _, kind = run.partition("-")
        self.program = os.path.abspath(os.path.join(bin_directory, f"app-{self.mode}"))
        self.token = None
        environment, port, redis = machine.group(run, self.mode, "no")
        if self.mode == "cp":
            subprocess.run([self.program, "init"], env=environment, check=True, capture_output=True, timeout=60)
        if kind == "tokens":
            file = os.path.join(machine.directory, f"{run}.tokens")
            made = subprocess.run(
                [self.program, "token", "tester", "--scopes", "read,write,admin,metrics", "--file", file],
                env=environment, check=True, capture_output=True, text=True, timeout=60)
            self.token = made.stdout.strip()
            environment["AUTH_TOKENS_FILE"] = file
        self.url = machine.service(run, [self.program], environment, port, "/health/ready", redis).url

    def ask(self, method, path, headers=()):
        """Status, header fields and body."""
        request = urllib.request.Request(self.url + path, method=method, headers=dict(headers))
        if self.token:
            request.add_header("Authorization", f"Bearer {self.token}")
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:
                return answer.status, answer.headers, answer.read()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.headers, error.read()

    def is_used(self, replica):
        return replica["role"] == "acceptor" if self.mode == "cp" else replica["staleness_ms"] is not None

    def wait_for_replicas(self):
        """Until all replicas are used, and the age of their answers is known."""
        end = time.monotonic() + 15
        while time.monotonic() < end:
            replicas = json.loads(self.ask("GET", "/replicas")[2])["replicas"]
            if all(replica["reachable"] and self.is_used(replica) for replica in replicas):
                return
            time.sleep(0.1)
        raise Failure("the service does not reach all of its replicas")


def expect(condition, what):
    if not condition:
        raise Failure(what)


def check_document(subject):
    status, headers, body = subject.ask("GET", "/openapi.json")
    expect(status == 200 and headers["Content-Type"] == "application/json", f"/openapi.json: {status}")
    again, tagged, nothing = subject.ask("GET", "/openapi.json", {"If-None-Match": headers["ETag"]})
    expect((again, nothing, tagged["ETag"]) == (304, b"", headers["ETag"]), f"not 304 but {again}")
    document = json.loads(body)
    openapi_spec_validator.validate(document)
    check_bare_value(subject, document)
    count = 0
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            for where, schema, example in examples(document, operation):
                count += 1
                try:
                    jsonschema.Draft202012Validator(schema).validate(example)
                except jsonschema.ValidationError as error:
                    raise Failure(f"{method} {path}, example of {where}: {error.message}") from error
    for links in (resolve(document, response).get("links", {})
                  for operations in document["paths"].values() for operation in operations.values()
                  for response in operation["responses"].values()):
        for link in links.values():
            expect(link["operationId"] in operation_ids(document), f"no operation {link['operationId']}")
    print(f"  the document is valid: {len(body)} bytes, {len(operation_ids(document))} operations, {count} examples",
          flush=True)


def check_bare_value(subject, document):
    """schemathesis does not ask for the value as bytes."""
    status, headers, body = subject.ask("GET", f"/read/{WITNESS}", {"Accept": "application/octet-stream"})
    expect((status, body, headers["Content-Type"]) == (200, b"kept", "application/octet-stream"), "no bare value")
    declared = resolve(document, document["paths"]["/read/{key}"]["get"]["responses"]["200"])
    expect("application/octet-stream" in declared["content"], "the bare value is not declared")
    for name, value in headers.items():
        if name == "Content-Type":
            continue
        expect(name in declared["headers"], f"{name} is not declared")
        schema = declared["headers"][name]["schema"]
        value = int(value) if schema.get("type") == "integer" else value
        jsonschema.Draft202012Validator(schema).validate(value)


def operation_ids(document):
    return [operation["operationId"] for path in document["paths"].values() for operation in path.values()]


def resolve(document, value):
    if "$ref" not in value:
        return value
    for name in value["$ref"].removeprefix("#/").split("/"):
        document = document[name]
    return document


def examples(document, operation):
    """Each place, schema and example of an operation. Every parameter, header and problem must have one."""
    for parameter in (resolve(document, value) for value in operation.get("parameters", [])):
        yield parameter["name"], parameter["schema"], parameter["example"]
    for status, response in operation["responses"].items():
        response = resolve(document, response)
        for name, header in response["headers"].items():
            yield f"{status} {name}", header["schema"], header["example"]
        for media, content in response.get("content", {}).items():
            expect("json" not in media or "examples" in content or operation["operationId"].startswith("openapi"),
                   f"{operation['operationId']} {status} {media} has no example")
            for name, example in content.get("examples", {}).items():
                yield f"{status} {name}", content["schema"], example["value"]


def run_schemathesis(subject, options, directory):
    command = [
        os.path.join(os.path.dirname(sys.executable), "schemathesis"), "--config-file", str(HERE / "schemathesis.toml"),
        "run", f"{subject.url}/openapi.json", "--checks", "all", "--phases", "examples,coverage,fuzzing,stateful",
        "--seed", str(options.seed), "--max-examples", str(options.examples), "--generation-database", "none",
        "--continue-on-failure", "--no-color", "--warnings", "off", "--max-failures", "20"]
    environment = {**os.environ, "SCHEMATHESIS_HOOKS": "hooks", "PYTHONPATH": str(HERE), "OPENAPI_TEST_URL": subject.url}
    if subject.token:
        command += ["--header", f"Authorization: Bearer {subject.token}"]
        environment["OPENAPI_TEST_TOKEN"] = subject.token
    # In a directory of its own: it leaves files.
    done = subprocess.run(
        command, cwd=directory, env=environment, capture_output=True, text=True, timeout=TIMEOUT_S)
    if done.returncode != 0 or options.verbose:
        print(done.stdout[-20000:], done.stderr[-5000:], flush=True)
    expect(done.returncode == 0, "schemathesis found failures")
    summary = [line.strip() for line in done.stdout.splitlines() if "generated" in line or "Scenarios" in line]
    print(f"  {'; '.join(summary)}", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--bin", required=True, help="directory of app-cp and app-ap")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--examples", type=int, default=80, help="valid and invalid requests per operation, at most")
    parser.add_argument("--verbose", action="store_true", help="print the report of schemathesis")
    parser.add_argument("runs", nargs="*", help=f"of {' '.join(RUNS)}; all by default")
    options = parser.parse_args()
    try:
        for run in options.runs or RUNS:
            started = time.monotonic()
            print(f"{run}:", flush=True)
            with Machine(keep=False) as machine:
                subject = Subject(machine, options.bin, run)
                subject.wait_for_replicas()
                expect(subject.ask("POST", f"/write/{WITNESS}/kept")[0] == 200, "a write failed")
                check_document(subject)
                run_schemathesis(subject, options, machine.directory)
                status, _, body = subject.ask("GET", f"/read/{WITNESS}")
                expect(status == 200 and json.loads(body)["value"] == "kept", "a value has changed")
                subject.wait_for_replicas()
                expect(all(process.poll() is None for process in machine.processes), "a process has ended")
            print(f"  passed in {time.monotonic() - started:.0f} s", flush=True)
    except Failure as failure:
        print(f"openapi_test: {failure}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
