"""Acknowledged means kept: traffic to sessions that are mostly absent, while the server is killed (SIGKILL) again and
again at random moments. Each message arrives at least once and in order, and one published at QoS 2 is queued once.

`ADIT_CRASH_ROUNDS` says how often (30), `ADIT_CRASH_SEED` repeats a run as far as the moments go.
"""

import os
import random
import threading
import time
from collections import deque

import harness
import pytest
from mqttwire import PUBACK, PUBCOMP, PUBLISH, PUBREC, PUBREL, V4, V5, Closed, Wire

ROUNDS = int(os.environ.get("ADIT_CRASH_ROUNDS", "30"))
SEED = int(os.environ.get("ADIT_CRASH_SEED", time.time_ns() % 1_000_000))

# Publishes of one publisher without an acknowledgement, and at most in one round.
WINDOW, BURST = 20, 400

KEPT_TOPICS = 5
LOST_LINK = (Closed, ConnectionError, TimeoutError, OSError)


class Publisher(threading.Thread):
    """Publishes numbers to two topics, and every 20th retained; what is not acknowledged is sent again, in order."""

    def __init__(self, port, name):
        super().__init__(daemon=True)
        self.port, self.name = port, name
        self.budget, self.done, self.broken = 0, False, None
        self.number, self.acked, self.waiting = 0, set(), deque()
        self.kept = {}

    def run(self):
        try:
            while not (self.done and not self.waiting):
                try:
                    self.connection()
                except LOST_LINK:
                    time.sleep(0.02)
        except BaseException as error:
            self.broken = error
            raise

    def connection(self):
        with Wire(self.port, V4) as wire:
            wire.welcome(self.name)
            flying = deque()
            for number in self.waiting:
                flying.append((self.send(wire, number), number))
            while not (self.done and not flying):
                while self.budget > 0 and len(flying) < WINDOW and not self.done:
                    self.budget -= 1
                    self.number += 1
                    self.waiting.append(self.number)
                    flying.append((self.send(wire, self.number), self.number))
                if not flying:
                    time.sleep(0.01)
                    wire.ping()
                    continue
                packet_id, number = flying.popleft()
                wire.expect(PUBACK, id=packet_id)
                assert self.waiting.popleft() == number
                self.acked.add(number)
                if number % 20 == 0:
                    self.kept[self.kept_topic(number)] = number
            wire.disconnect()

    def kept_topic(self, number):
        return f"kept/{self.name}/{number // 20 % KEPT_TOPICS}"

    def send(self, wire, number):
        if number % 20 == 0:
            return wire.publish(self.kept_topic(number), f"{self.name} {number}", 1, retain=True)
        return wire.publish(f"crash/{self.name}/{number % 2}", f"{self.name} {number}", 1)


class ExactPublisher(Publisher):
    """The same at QoS 2: the handshake goes on where it was."""

    def __init__(self, port, name):
        super().__init__(port, name)
        self.ids, self.flights = 0, {}

    def connection(self):
        with Wire(self.port, V4) as wire:
            wire.welcome(self.name, clean=False)
            for packet_id, (number, is_released) in self.flights.items():
                if is_released:
                    wire.ack(PUBREL, packet_id)
                else:
                    self.send(wire, number, packet_id, dup=True)
            while not (self.done and not self.flights):
                while self.budget > 0 and len(self.flights) < WINDOW and not self.done:
                    self.budget -= 1
                    self.number += 1
                    self.ids = self.ids % 65535 + 1
                    self.flights[self.ids] = (self.number, False)
                    self.send(wire, self.number, self.ids)
                if self.flights:
                    self.step(wire, wire.next())
                else:
                    time.sleep(0.01)
                    wire.ping()
            wire.disconnect()

    def step(self, wire, packet):
        number, _ = self.flights[packet.id]
        if packet.kind == PUBREC:
            self.flights[packet.id] = (number, True)
            wire.ack(PUBREL, packet.id)
        else:
            assert packet.kind == PUBCOMP
            del self.flights[packet.id]
            self.acked.add(number)

    def send(self, wire, number, packet_id, dup=False):
        wire.publish(f"crash/{self.name}/{number % 2}", f"{self.name} {number}", 2, packet_id=packet_id, dup=dup)


class Session:
    """A persistent session and everything it ever got, in order."""

    def __init__(self, port, name, version):
        self.port, self.name, self.version = port, name, version
        self.got, self.broken = [], None

    def open(self):
        more = {"session_expiry": 3600} if self.version == V5 else {}
        wire = Wire(self.port, self.version)
        return wire, wire.welcome(self.name, clean=False, **more)

    def begin(self):
        wire, connack = self.open()
        assert not connack.present
        assert wire.subscribe("crash/#") == [1]
        wire.disconnect()

    def drain(self, most=10**9, quiet=0.3):
        """Takes what is there, `most` messages at most. A server that goes away is no mistake."""
        try:
            wire, connack = self.open()
        except LOST_LINK:
            return False
        try:
            with wire:
                assert connack.present, f"the session of {self.name} is gone"
                for _ in range(most):
                    self.step(wire, wire.next(quiet))
        except TimeoutError:
            return True
        except LOST_LINK:
            pass
        except AssertionError as error:
            self.broken = error
            raise
        return False

    def step(self, wire, packet):
        assert packet.kind == PUBLISH
        publisher, number = packet.payload.decode().split()
        self.got.append((publisher, packet.topic, int(number)))
        wire.ack(PUBACK, packet.id)

    def check(self, publishers, retained):
        seen, heights = set(), {}
        for publisher, topic, number in self.got:
            assert number <= publishers[publisher].number and topic == f"crash/{publisher}/{number % 2}"
            if (publisher, number) not in seen:
                seen.add((publisher, number))
                height = heights.get(topic, 0)
                assert number > height, f"{self.name}: {number} of {topic} came after {height}"
                heights[topic] = number
        for publisher in publishers.values():
            lost = {n for n in publisher.acked if (n % 20 or not retained) and (publisher.name, n) not in seen}
            runs = [n for n in sorted(lost) if n - 1 not in lost]
            assert not lost, f"{self.name} lost {len(lost)} of {len(publisher.acked)}, from {runs[:10]} on"


class Collector(threading.Thread):
    """Keeps subscribing to one more topic, in a persistent session."""

    def __init__(self, port):
        super().__init__(daemon=True)
        self.port, self.topics, self.done = port, [], False
        self.session = Session(port, "collector", V5)

    def run(self):
        while not self.done:
            try:
                wire, _ = self.session.open()
                with wire:
                    while not self.done and len(self.topics) < 45:
                        topic = f"collected/{len(self.topics)}"
                        assert wire.subscribe(topic) == [1]
                        self.topics.append(topic)
                        time.sleep(0.2)
                    time.sleep(0.05)
            except LOST_LINK:
                time.sleep(0.02)


def make_server(folder, profile):
    server = harness.Server(
        folder,
        **{
            "test.plain-mqtt": True,
            "mqtt.profile": profile,
            "mqtt.queue-messages": 1_000_000,
            "mqtt.queue-bytes": "1GiB",
            "log.level": "info",
        },
    )
    server.mqtt_port = harness.free_port()
    server.listen.append({"address": f"127.0.0.1:{server.mqtt_port}", "tls": False, "serve": ["mqtt"]})
    return server.start()


@pytest.mark.timeout(120 + 10 * ROUNDS)
def test_what_was_acknowledged_survives(binaries, tmp_path):
    server = make_server(tmp_path / "server", "aws")
    sessions, publishers, collector = run(server, Publisher)
    try:
        finish(server, sessions, publishers, collector)
    finally:
        server.kill()


@pytest.mark.timeout(120 + 10 * ROUNDS)
def test_a_qos_2_handshake_survives(binaries, tmp_path):
    server = make_server(tmp_path / "server", "standard")
    sessions, publishers, _ = run(server, ExactPublisher)
    try:
        for session in sessions:
            assert session.drain(quiet=2.0)
            session.check(publishers, retained=False)
        # The last one slept all the time: nothing was sent to it twice.
        twice = len(session.got) - len(set(session.got))
        assert twice == 0, f"{twice} of {len(session.got)} were queued twice"
    finally:
        server.kill()


def run(server, kind):
    """Kills the server under load; in the end it runs, the publishers are done, and the sessions have not been emptied."""
    print(f"ADIT_CRASH_SEED={SEED}")
    dice, port = random.Random(SEED), server.mqtt_port
    sessions = [Session(port, f"session-{at}", version) for at, version in enumerate((V4, V5, V4, V5))]
    publishers = {name: kind(port, name) for name in ("p0", "p1")}
    collector = Collector(port)
    try:
        for session in sessions:
            session.begin()
        for each in (*publishers.values(), collector):
            each.start()
        for _ in range(ROUNDS):
            for publisher in publishers.values():
                publisher.budget = BURST
            round_of(server, sessions, dice)
        collector.done = True
        for publisher in publishers.values():
            publisher.done = True
        for each in (*publishers.values(), collector):
            each.join(60)
            assert not each.is_alive() and not getattr(each, "broken", None)
        assert all(session.broken is None for session in sessions)
        assert "panicked" not in server.logs()
        total = sum(len(publisher.acked) for publisher in publishers.values())
        assert total > 20 * ROUNDS
        print(f"{total} acknowledged in {ROUNDS} rounds")
    except BaseException:
        server.kill()
        raise
    return sessions, publishers, collector


def round_of(server, sessions, dice):
    """A while of traffic, with some of the sessions at home (the last one never), then a kill."""
    readers = [
        threading.Thread(target=session.drain, args=(dice.choice((5, 200, 10**9)),))
        for session in sessions[:-1]
        if dice.random() < 0.4
    ]
    for reader in readers:
        reader.start()
    time.sleep(dice.uniform(0.02, 0.7))
    server.kill()
    for reader in readers:
        reader.join()
    server.start()


def finish(server, sessions, publishers, collector):
    for session in sessions:
        assert session.drain(quiet=2.0)
        session.check(publishers, retained=True)
    with Wire(server.mqtt_port, V5) as wire:
        wire.welcome("reader")
        for publisher in publishers.values():
            for topic, number in publisher.kept.items():
                wire.subscribe(topic)
                message = wire.take()
                assert message.retain
                assert message.payload.decode() == f"{publisher.name} {number}", topic
    with Wire(server.mqtt_port, V5) as wire:
        wire.welcome("asker")
        for topic in collector.topics:
            wire.published(topic, topic)
    wire, connack = collector.session.open()
    with wire:
        assert connack.present
        assert sorted(wire.payload() for _ in collector.topics) == sorted(collector.topics)
