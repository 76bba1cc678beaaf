#!/usr/bin/env python3
"""Tests the connection to Redis through stunnel: the scripts of deploy/stunnel, Redis with TLS, and a real service.

  Tests/Stunnel/stunnel_test.py --bin .build/release
"""

import os
import pathlib
import signal
import subprocess
import sys
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "Benchmarks"))
# pylint: disable=wrong-import-position
from machine import Failure, Machine, answers, free_ports  # noqa: E402

BIN = ".build/release"
HOSTS = ["cp_db_g1", "cp_db_g2", "cp_db_g3"]


class Certificates:
    """An authority, and one certificate for each replica, named as the replica."""

    def __init__(self, directory, name):
        self.directory = os.path.join(directory, name)
        subprocess.run([ROOT / "deploy/stunnel/certificates.sh", self.directory, *HOSTS], check=True)

    def path(self, name):
        return os.path.join(self.directory, name)


class StunnelTests(unittest.TestCase):
    def setUp(self):
        self.machine = self.enterContext(Machine(keep=False))
        self.certificates = Certificates(self.machine.directory, "authority")
        self.redis_ports = free_ports(3)
        self.accept_ports = free_ports(3)
        for number, host in enumerate(HOSTS):
            self.start_redis(number, host, self.certificates)

    def start_redis(self, number, host, certificates, name=None):
        port = self.redis_ports[number]
        process = self.machine.start(
            name or host,
            ["redis-server", "--port", "0", "--tls-port", str(port), "--bind", "127.0.0.1", "--save", "",
             "--appendonly", "yes", "--appendfsync", "always", "--maxmemory-policy", "noeviction",
             "--tls-cert-file", certificates.path(f"{host}.crt"), "--tls-key-file", certificates.path(f"{host}.key"),
             "--tls-ca-cert-file", certificates.path("ca.pem"), "--tls-auth-clients", "no"])
        command = ["redis-cli", "-p", str(port), "--tls", "--insecure", "ping"]
        self.machine.wait_until(
            name or host, process,
            lambda: subprocess.run(command, capture_output=True, text=True, check=False).stdout == "PONG\n")
        return process

    def start_stunnel(self, authority):
        targets = [
            f"{accept}=127.0.0.1:{port}={host}"
            for accept, port, host in zip(self.accept_ports, self.redis_ports, HOSTS)]
        environment = {"PATH": os.environ["PATH"], "REDIS_CA_FILE": authority}
        process = self.machine.start("stunnel", [str(ROOT / "deploy/stunnel/start.sh"), *targets], environment)
        # It accepts a connection also if the replica's certificate is wrong.
        self.machine.wait_until("stunnel", process, lambda: answers(self.accept_ports[0], b"", b""))
        return process

    def environment(self):
        replicas = ",".join(f"g{number + 1}=redis://127.0.0.1:{port}" for number, port in enumerate(self.accept_ports))
        self.port = free_ports(1)[0]
        return {"PATH": os.environ["PATH"], "REPLICAS": replicas, "HTTP_PORT": str(self.port), "LOG_FORMAT": "text"}

    def start_service(self):
        environment = self.environment()
        program = os.path.join(os.path.abspath(BIN), "app-cp")
        init = self.machine.start("init", [program, "init"], environment)
        self.assertEqual(init.wait(30), 0, self.machine.last_lines("init"))
        return self.machine.service("app-cp", [program], environment, self.port, "/health/ready", [])

    def test_a_service_reads_and_writes_through_stunnel(self):
        self.start_stunnel(self.certificates.path("ca.pem"))
        service = self.start_service()
        for number in range(20):
            self.assertIn('"outcome":"applied"', service.request("POST", f"/write/k{number}/v{number}"))
        for number in range(20):
            self.assertIn(f'"value":"v{number}"', service.request("GET", f"/read/k{number}"))
        value = "x" * 500_000
        subprocess.run(
            ["curl", "-fsS", "-X", "POST", "--data-binary", "@-", f"{service.url}/write/long"],
            input=value.encode(), check=True, capture_output=True)
        self.assertIn(value, service.request("GET", "/read/long"))

    def test_a_service_survives_a_restart_of_stunnel(self):
        stunnel = self.start_stunnel(self.certificates.path("ca.pem"))
        service = self.start_service()
        service.request("POST", "/write/k/v")
        stunnel.send_signal(signal.SIGTERM)
        stunnel.wait(10)
        with self.assertRaises(Failure):
            service.request("GET", "/read/k")
        self.start_stunnel(self.certificates.path("ca.pem"))
        self.machine.wait_until("app-cp", service.process, lambda: self.reads(service))

    def test_a_replica_of_another_authority_or_name_is_not_used(self):
        other = Certificates(self.machine.directory, "other")
        self.start_stunnel(other.path("ca.pem"))
        program = os.path.join(os.path.abspath(BIN), "app-cp")
        init = self.machine.start("init", [program, "init", "--timeout-sec", "2"], self.environment())
        self.assertNotEqual(init.wait(30), 0)
        # The right authority, but the certificate of another replica.
        self.redis_ports.reverse()
        text = self.start_stunnel_log(self.certificates.path("ca.pem"))
        self.assertIn("cp_db_g", text)

    def start_stunnel_log(self, authority):
        self.accept_ports = free_ports(3)
        process = self.start_stunnel(authority)
        self.assertFalse(answers(self.accept_ports[0], b"PING\r\n", b"+PONG"))
        self.assertTrue(answers(self.accept_ports[1], b"PING\r\n", b"+PONG"))
        process.terminate()
        process.wait(10)
        return self.machine.last_lines("stunnel")

    def reads(self, service):
        try:
            return '"value":"v"' in service.request("GET", "/read/k")
        except Failure:
            return False


if __name__ == "__main__":
    if "--bin" in sys.argv:
        position = sys.argv.index("--bin")
        BIN = sys.argv[position + 1]
        del sys.argv[position:position + 2]
    unittest.main()
