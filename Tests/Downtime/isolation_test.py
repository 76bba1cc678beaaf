#!/usr/bin/env -S python3 -B
"""Tests the parts of `make bench-downtime`: relays, figures, table and drawing. `make test-downtime` runs them."""

import os
import pathlib
import socket
import struct
import sys
import time
import unittest
import xml.dom.minidom

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent.parent / "Benchmarks"))
from isolation import lanes, sockets, table, timeline, zookeeper  # noqa: E402
from isolation.clients import http_length, unchunked  # noqa: E402
from isolation.relays import Link, Relays  # noqa: E402
from isolation.writers import REFUSED, SERVED, UNANSWERED, Attempt  # noqa: E402
from machine import Machine, free_ports  # noqa: E402

LIMIT_S = 5
SILENCE_S = 0.2
POLL_S = 0.01


class RelayTests(unittest.TestCase):
    """One link from node 0 to node 1, and one from node 0 to node 2."""

    def setUp(self):
        self.machine = Machine(keep=False)
        self.machine.__enter__()
        self.addCleanup(self.machine.__exit__, None, None, None)
        self.servers = [socket.create_server(("127.0.0.1", 0)) for _ in range(2)]
        for server in self.servers:
            server.settimeout(LIMIT_S)
            self.addCleanup(server.close)
        self.ports = free_ports(2)
        self.relays = Relays(self.machine, [
            Link(("127.0.0.1", port), server.getsockname(), node + 1, 0)
            for node, (port, server) in enumerate(zip(self.ports, self.servers))])
        self.addCleanup(self.relays.channel.close)

    def connect(self, node):
        """The two ends of a new connection through the link to `node`."""
        client = socket.create_connection(("127.0.0.1", self.ports[node - 1]), timeout=LIMIT_S)
        self.addCleanup(client.close)
        server, _ = self.servers[node - 1].accept()
        server.settimeout(LIMIT_S)
        self.addCleanup(server.close)
        return client, server

    def assert_passes(self, sender, receiver):
        sender.sendall(b"x")
        self.assertEqual(receiver.recv(1), b"x")

    def assert_silent(self, receiver):
        receiver.settimeout(SILENCE_S)
        with self.assertRaises(TimeoutError):
            receiver.recv(1)
        receiver.settimeout(LIMIT_S)

    def test_bytes_pass_in_both_directions(self):
        client, server = self.connect(1)
        self.assert_passes(client, server)
        self.assert_passes(server, client)

    def test_an_existing_connection_is_silent_during_the_cut_and_reset_after_it(self):
        client, server = self.connect(1)
        self.assert_passes(client, server)
        self.relays.isolate(1)
        client.sendall(b"lost")
        server.sendall(b"lost")
        self.assert_silent(server)
        self.assert_silent(client)
        self.relays.rejoin()
        for end in (client, server):
            with self.assertRaises(ConnectionResetError):
                end.recv(1)
        self.assert_passes(*self.connect(1))

    def test_a_close_does_not_pass_during_the_cut(self):
        client, server = self.connect(1)
        self.assert_passes(client, server)
        self.relays.isolate(0)
        client.close()
        self.assert_silent(server)

    def test_a_new_connection_is_accepted_and_not_passed_on(self):
        self.relays.isolate(1)
        client = socket.create_connection(("127.0.0.1", self.ports[0]), timeout=LIMIT_S)
        self.addCleanup(client.close)
        client.sendall(b"lost")
        self.assert_silent(client)
        self.servers[0].settimeout(SILENCE_S)
        with self.assertRaises(TimeoutError):
            self.servers[0].accept()

    def test_links_between_other_nodes_are_not_cut(self):
        client, server = self.connect(2)
        self.relays.isolate(1)
        self.assert_passes(client, server)
        self.relays.rejoin()
        self.assert_passes(server, client)

    def test_the_process_that_connects_tells_the_node(self):
        (port,) = free_ports(1)
        with Machine(keep=False) as machine:
            relays = Relays(machine, [Link(("127.0.0.1", port), self.servers[0].getsockname(), 1)])
            self.addCleanup(relays.channel.close)
            relays.identify([machine.processes[0].pid, os.getpid()])
            # This program is node 1 here: the link leads from node 1 to node 1, and isolating node 0 does not cut it.
            relays.isolate(0)
            client = socket.create_connection(("127.0.0.1", port), timeout=LIMIT_S)
            self.addCleanup(client.close)
            server, _ = self.servers[0].accept()
            self.addCleanup(server.close)
            self.assert_passes(client, server)
            relays.isolate(1)
            client.sendall(b"lost")
            self.assert_silent(server)


class MirrorTests(unittest.TestCase):
    """One link from node 0 to node 1 that mirrors its target, which does not listen at first."""

    def setUp(self):
        self.machine = Machine(keep=False)
        self.machine.__enter__()
        self.addCleanup(self.machine.__exit__, None, None, None)
        port, target_port = free_ports(2)
        self.address, self.target = ("127.0.0.1", port), ("127.0.0.1", target_port)
        self.relays = Relays(self.machine, [Link(self.address, self.target, 1, 0, mirrors_target=True)])
        self.addCleanup(self.relays.channel.close)

    def listen(self):
        server = socket.create_server(self.target)
        server.settimeout(LIMIT_S)
        self.addCleanup(server.close)
        return server

    def connect(self):
        client = socket.create_connection(self.address, timeout=LIMIT_S)
        self.addCleanup(client.close)
        return client

    def connect_when_listening(self):
        """A new connection, as soon as the link listens."""
        end = time.monotonic() + LIMIT_S
        while True:
            try:
                return self.connect()
            except ConnectionRefusedError:
                self.assertLess(time.monotonic(), end)
                time.sleep(POLL_S)

    def wait_until_refused(self):
        """Until the relay detects that the target is closed, it may accept a connection and then reset it."""
        end = time.monotonic() + LIMIT_S
        while True:
            try:
                self.connect().close()
            except ConnectionRefusedError:
                return
            except ConnectionResetError:
                # The connection was reset while it was being accepted.
                pass
            self.assertLess(time.monotonic(), end)
            time.sleep(POLL_S)

    def assert_refused(self):
        with self.assertRaises(ConnectionRefusedError):
            self.connect()

    def assert_silent(self, receiver):
        receiver.settimeout(SILENCE_S)
        with self.assertRaises(TimeoutError):
            receiver.recv(1)
        receiver.settimeout(LIMIT_S)

    def assert_reset(self, receiver):
        with self.assertRaises(ConnectionResetError):
            receiver.recv(1)

    def test_the_link_refuses_until_the_target_listens_and_after_it_has_stopped(self):
        self.assert_refused()
        for _ in range(2):
            server = self.listen()
            client = self.connect_when_listening()
            accepted, _ = server.accept()
            self.addCleanup(accepted.close)
            client.sendall(b"x")
            self.assertEqual(accepted.recv(1), b"x")
            server.close()
            self.wait_until_refused()
            # The connection outlives the listening socket, as it does without a relay.
            accepted.sendall(b"y")
            self.assertEqual(client.recv(1), b"y")

    def test_a_cut_link_is_silent_also_if_the_target_does_not_listen(self):
        self.relays.isolate(1)
        client = self.connect()
        client.sendall(b"lost")
        self.assert_silent(client)
        self.relays.rejoin()
        self.assert_reset(client)
        self.assert_refused()

    def test_a_target_that_stops_during_the_cut_is_refused_only_after_it(self):
        server = self.listen()
        self.connect_when_listening()
        self.relays.isolate(0)
        server.close()
        client = self.connect()
        self.assert_silent(client)
        self.relays.rejoin()
        self.assert_reset(client)
        self.assert_refused()

    def test_a_target_that_starts_during_the_cut_is_reached_after_it(self):
        self.relays.isolate(1)
        server = self.listen()
        self.assert_silent(self.connect())
        self.relays.rejoin()
        client = self.connect()
        accepted, _ = server.accept()
        self.addCleanup(accepted.close)
        accepted.sendall(b"x")
        self.assertEqual(client.recv(1), b"x")

    def test_a_link_between_other_nodes_mirrors_its_target_during_the_cut(self):
        self.relays.isolate(2)
        self.assert_refused()
        self.listen()
        self.connect_when_listening()

    def test_a_link_without_a_source_is_silent_during_any_cut(self):
        (port,) = free_ports(1)
        with Machine(keep=False) as machine:
            relays = Relays(machine, [Link(("127.0.0.1", port), self.target, 1, mirrors_target=True)])
            self.addCleanup(relays.channel.close)
            relays.identify([os.getpid()])
            relays.isolate(0)
            client = socket.create_connection(("127.0.0.1", port), timeout=LIMIT_S)
            self.addCleanup(client.close)
            self.assert_silent(client)


class ListeningTests(unittest.TestCase):
    def test_the_kernel_tells_who_listens(self):
        listening = sockets.ListeningSockets()
        self.addCleanup(listening.channel.close)
        with socket.socket() as server:
            server.bind(("127.0.0.1", 0))
            self.assertFalse(listening.has(*server.getsockname()))
            server.listen()
            self.assertTrue(listening.has(*server.getsockname()))
            self.assertFalse(listening.has("127.0.1.2", server.getsockname()[1]))

    def test_java_listens_with_sockets_of_ipv6(self):
        listening = sockets.ListeningSockets()
        self.addCleanup(listening.channel.close)
        try:
            server = socket.socket(socket.AF_INET6)
            self.addCleanup(server.close)
            server.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
            server.bind(("::ffff:127.0.0.1", 0))
        except OSError:
            self.skipTest("no IPv6")
        server.listen()
        self.assertTrue(listening.has("127.0.0.1", server.getsockname()[1]))


def attempts(kind, begin_s, end_s, step_s=0.01, code=None):
    count = round((end_s - begin_s) / step_s)
    return [Attempt(begin_s + n * step_s, begin_s + n * step_s + 0.001, kind, code) for n in range(count)]


class BypassTests(unittest.TestCase):
    def test_a_direct_connection_between_nodes_is_found(self):
        with socket.create_server(("127.0.0.1", 0)) as server:
            addresses = [[], [server.getsockname()]]
            self.assertEqual(list(sockets.direct_connections([os.getpid(), 0], addresses)), [])
            with socket.create_connection(server.getsockname(), timeout=LIMIT_S):
                self.assertEqual(list(sockets.direct_connections([os.getpid(), 0], addresses)), [(0, 1)])


class FigureTests(unittest.TestCase):
    def setUp(self):
        """A leader is lost: the majority serves after 1.5 s, the isolated node refuses after 0.5 s, back at 10.4 s."""
        waiting = [Attempt(0.005, 1.005, UNANSWERED, "no answer")]
        majority = attempts(SERVED, -1, 0) + waiting + attempts(SERVED, 1.5, 15)
        alone = attempts(SERVED, -1, 0) + [Attempt(0, 0.5, REFUSED, "no_quorum")]
        alone += attempts(REFUSED, 0.51, 10.4, code="no_quorum") + attempts(SERVED, 10.4, 15)
        self.timelines = [timeline.Timeline(each, 0, -1, 15) for each in (majority, alone, majority)]
        self.figures = timeline.figures(self.timelines, 1, 10)

    def test_the_longest_time_without_any_success_is_found(self):
        self.assertAlmostEqual(self.figures["nobody_s"], 1.51, places=1)
        self.assertAlmostEqual(self.figures["majority_gap_s"], 1.51, places=1)
        self.assertAlmostEqual(self.figures["majority_first_s"], 1.5, places=1)

    def test_what_nobody_gets_after_the_return_is_not_of_the_cut(self):
        """No node serves for 3 s after the return, in an election. The gap counts for the return, not for the cut."""
        served = attempts(SERVED, -1, 0) + attempts(SERVED, 0.5, 10.2) + attempts(SERVED, 13.2, 15)
        timelines = [timeline.Timeline(each, 0, -1, 15) for each in (served, [], served)]
        figures = timeline.figures(timelines, 1, 10)
        self.assertAlmostEqual(figures["nobody_s"], 0.5, places=1)
        self.assertAlmostEqual(figures["majority_return_gap_s"], 3, places=1)

    def test_nobody_is_served_at_most_as_long_as_the_cut_lasts(self):
        served = attempts(SERVED, -1, 0) + attempts(SERVED, 13, 15)
        timelines = [timeline.Timeline(each, 0, -1, 15) for each in (served, [], served)]
        figures = timeline.figures(timelines, 1, 10)
        self.assertAlmostEqual(figures["nobody_s"], 10, places=1)
        self.assertAlmostEqual(figures["majority_gap_s"], 13, places=1)

    def test_the_isolated_node_refuses_and_comes_back(self):
        self.assertLess(self.figures["isolated_served_share"], 0.02)
        self.assertAlmostEqual(self.figures["isolated_refuses_after_s"], 0.51, places=1)
        self.assertAlmostEqual(self.figures["isolated_refusal_ms"], 1, places=3)
        self.assertAlmostEqual(self.figures["isolated_return_gap_s"], 0.4, places=1)

    def test_every_attempt_is_in_one_bucket(self):
        for each in self.timelines:
            buckets = each.buckets()
            self.assertEqual(sum(map(sum, buckets.values())), len(each.attempts))
            self.assertEqual({len(counts) for counts in buckets.values()}, {160})

    def test_a_node_that_never_serves_again_has_a_gap_until_the_end(self):
        self.assertEqual(timeline.longest_gap([-1, -0.5], 0, 10), 10)

    def test_a_gap_belongs_to_the_time_in_which_it_began(self):
        successes = [1, 9, 14, 15, 16]
        self.assertEqual(timeline.longest_gap(successes, 0, 17, 10), 8)
        self.assertEqual(timeline.gap_after_return(successes, 10, 17), 1)
        self.assertEqual(timeline.longest_gap([1, 14], 0, 17, 10), 13)

    def test_states_show_success_before_refusal(self):
        buckets = {SERVED: [1, 0, 0], REFUSED: [1, 2, 0]}
        self.assertEqual(timeline.states(buckets), "sr.")

    def result(self):
        writers = [
            {"node": node + 1, "is_isolated": node == 1, "states": timeline.states(each.buckets())}
            for node, each in enumerate(self.timelines)]
        return {
            "title": "etcd <3", "keys": "own", "role": "leader", "figures": self.figures, "start_s": -1, "held_s": 10,
            "end_s": 15, "writers": writers}

    def test_the_table_shows_ranges(self):
        other = self.result() | {"figures": self.figures | {"nobody_s": 2.04}}
        row = table.table([self.result(), other], "own").splitlines()[2]
        self.assertIn("| 1.5 to 2.0 s |", row)
        self.assertIn("no_quorum", row)

    def test_the_drawing_is_well_formed(self):
        document = xml.dom.minidom.parseString(lanes.drawing([self.result()]))
        self.assertEqual(len(document.getElementsByTagName("path")) > 6, True)


class WireTests(unittest.TestCase):
    def test_an_answer_is_complete_with_its_body(self):
        answer = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"
        self.assertEqual(http_length(answer), len(answer))
        self.assertEqual(http_length(answer[:-1]), 0)

    def test_a_chunked_answer_is_complete_with_its_trailers(self):
        body = b"3\r\n{\"a\r\n5\r\n\": 1}\r\n0\r\nGrpc-Trailer: x\r\n\r\n"
        answer = b"HTTP/1.1 503 Unavailable\r\nTransfer-Encoding: chunked\r\n\r\n" + body
        self.assertEqual(http_length(answer + b"HTTP/1.1"), len(answer))
        self.assertEqual(http_length(answer[:-1]), 0)
        self.assertEqual(unchunked(body), b'{"a": 1}')

    def test_a_message_of_zookeeper_is_complete_with_its_length(self):
        message = struct.pack(">i", 3) + b"abc"
        self.assertEqual(zookeeper.frame_length(message + b"x"), 7)
        self.assertEqual(zookeeper.frame_length(message[:-1]), 0)


if __name__ == "__main__":
    unittest.main()
