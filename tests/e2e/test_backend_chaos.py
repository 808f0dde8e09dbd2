"""Backends that die, pause and come back while there is load, and all the ways in which one can be ill.

$GENKAN_CHAOS_SECONDS: how long (20); $GENKAN_CHAOS_SEED: repeats a run whose seed was printed.
"""
import http.client
import os
import random
import signal
import socket
import struct
import threading
import time

import pytest
from harness import SLOW, Http, free_port, http_get, wait_until
from mail_dns import Names

SECONDS = float(os.environ.get("GENKAN_CHAOS_SECONDS", "20"))
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


def conf(port, rows, more="", health="enabled = false", top=""):
    return f'{top}\n[[listen]]\naddress = ["127.0.0.1:{port}"]\n[[pool]]\nname = "o"\n{more}\n[pool.health]\n{health}\n{rows}\n[[route]]\npool = "o"\n'


def rows(*ports):
    return "".join(f'[[pool.backend]]\naddress = "127.0.0.1:{p}"\n' for p in ports)


class Load:
    """Clients that ask over kept connections, one request after the other; what was not 200 and whole is kept."""

    def __init__(self, port, clients, paths):
        self.port, self.paths, self.bad, self.good, self.stop, self.slowest = port, paths, [], 0, threading.Event(), 0.0
        self.lock = threading.Lock()
        self.threads = [threading.Thread(target=self.run, args=(i,), daemon=True) for i in range(clients)]
        for t in self.threads:
            t.start()

    def run(self, number):
        chance = random.Random(number)
        connection = None
        while not self.stop.is_set():
            path, size = chance.choice(self.paths)
            start = time.monotonic()
            try:
                if connection is None:
                    connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30 * SLOW)
                connection.request("GET", path)
                answer = connection.getresponse()
                body = answer.read()
                wrong = None if answer.status == 200 and (size is None or len(body) == size) else f"{path}: {answer.status}, {len(body)} bytes"
                if answer.getheader("Connection", "").lower() == "close":
                    connection = None
            except (OSError, http.client.HTTPException) as error:
                wrong, connection = f"{path}: {error!r}", None
            with self.lock:
                self.slowest = max(self.slowest, time.monotonic() - start)
                if wrong:
                    self.bad.append((round(time.monotonic(), 3), wrong))
                else:
                    self.good += 1

    def end(self):
        self.stop.set()
        for t in self.threads:
            t.join(60 * SLOW)


@pytest.mark.parametrize("protocol, share", [("http/1.1", 0.6), ("h2", 0.4)])
def test_no_get_fails_while_at_least_one_backend_lives(genkan, nginx, tmp_path, protocol, share):
    seconds = SECONDS * share
    seed = int(os.environ.get("GENKAN_CHAOS_SEED", random.randrange(1 << 30)))
    print(f"{protocol}, seed: {seed}")
    chance = random.Random(seed)
    http2 = "" if protocol == "http/1.1" else " http2"
    ports = [free_port() for _ in range(3)]
    backends = [nginx(f"n{i}", main=f'''server {{ listen 127.0.0.1:{ports[i]}{http2}; location / {{ return 200 "n{i}\\n"; }}
        location = /1k {{ alias FOLDER{i}/1k; }} }}'''.replace(f"FOLDER{i}", str(tmp_path / f"n{i}.nginx"))) for i in range(3)]
    state = ["up"] * 3
    port = free_port()
    g = genkan(conf(port, rows(*ports),
                    f'protocol = "{protocol}"\n'
                    'retries = 8\nretry_on = ["connect", "broken", "timeout"]\nretry_budget = 100\nresponse_timeout = "500ms"\nconnect_timeout = "500ms"\n'
                    'eject_for = "200ms"', 'path = "/health"\ninterval = "200ms"\ntimeout = "200ms"\nrise = 1\nfall = 1'))
    load = Load(port, 8, [("/", None), ("/a/b?c", None), ("/1k", 1 << 10)])
    events = []
    try:
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            time.sleep(chance.uniform(0.1, 0.8))  # the pace of the trouble, not a wait for anything
            i = chance.randrange(3)
            healthy = [k for k in range(3) if state[k] == "up" and k != i]
            if state[i] == "up" and healthy:
                what = chance.choice(["kill", "pause"])
                backends[i].child.kill() if what == "kill" else backends[i].signal(signal.SIGSTOP)
                if what == "kill":
                    backends[i].child.wait()
                state[i] = what
            elif state[i] == "kill":
                what = "start"
                backends[i].start()
                state[i] = "up"
            elif state[i] == "pause":
                what = chance.choice(["continue", "kill paused"])
                if what == "continue":
                    backends[i].signal(signal.SIGCONT)
                    state[i] = "up"
                else:
                    backends[i].child.kill()
                    backends[i].child.wait()
                    state[i] = "kill"
            else:
                continue
            events.append((round(time.monotonic(), 3), i, what))
            # Who has come back is found by its check before another one goes: "at least one lives" means that it is known.
            if state[i] == "up":
                name = f"127.0.0.1:{ports[i]}"
                wait_until(lambda: {b["name"]: b["state"] for b in g.api("/api/v1/pools").json()[0]["backends"]}[name] == "up", 20)
    finally:
        load.end()
        for b, s in zip(backends, state):
            if s == "pause":
                b.signal(signal.SIGCONT)
            elif s == "kill":
                b.child = None
    print(f"{load.good} good, slowest {load.slowest:.2f} s, {len(events)} events, {g.metrics()['genkan_proxy_retries_total']:.0f} retries")
    assert not load.bad, f"seed {seed}: {load.bad[:5]} of {len(load.bad)}; {events}"
    assert load.good > 20 * seconds / SLOW and len(events) > seconds / 2
    assert g.metrics()["genkan_proxy_retries_total"] > 0


# --- one illness each: the second backend is well, and no GET may fail ---

def ill_rst(connection, data):
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def ill_garbage(connection, data):
    connection.sendall(b"\x00\x01\x02 what is this\r\n\r\n")


def ill_half_head(connection, data):
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Le")


def ill_silent(connection, data):
    connection.settimeout(20)
    try:
        connection.recv(1)
    except OSError:
        pass


def ill_close(connection, data):
    return False


@pytest.mark.parametrize("illness", [ill_rst, ill_garbage, ill_half_head, ill_silent, ill_close])
def test_an_ill_backend_costs_no_get(genkan, nginx, origin, illness):
    ill, well = origin(illness), nginx("well")
    port = free_port()
    g = genkan(conf(port, rows(ill.port, well.port), 'retry_on = ["connect", "broken", "timeout"]\nresponse_timeout = "200ms"\neject_after = 0'), workers=1)
    with Http(port) as client:
        answers = [client.get(f"/{i}") for i in range(8)]
    assert [a.status for a in answers] == [200] * 8 and {a.text.split()[0] for a in answers} == {"well"}
    assert ill.connections >= 3
    assert g.metrics()["genkan_proxy_retries_total"] >= 3


def test_a_kept_connection_that_is_closed_at_once_is_opened_anew(genkan, origin):
    """Every second request finds its kept connection closed just when it is sent: the race that every keep-alive has."""
    served = {}

    def once(connection, data):
        served[connection] = served.get(connection, 0) + 1
        if served[connection] > 1:
            return False  # was read, gets no answer
        connection.sendall(OK)
        return True
    o = origin(once)
    port = free_port()
    g = genkan(conf(port, rows(o.port), "eject_after = 1"), workers=1)
    with Http(port) as client:
        assert [client.get("/").status for _ in range(20)] == [200] * 20
    assert o.connections >= 10
    assert not g.log_lines("backend changed state")  # nobody's fault


def test_a_short_answer_that_comes_slowly_is_passed_on_as_it_comes(genkan, origin):
    go = threading.Event()

    def slow(connection, data):
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nab")
        assert go.wait(30)
        connection.sendall(b"cd")
        return True
    one = origin(slow)
    port = free_port()
    genkan(conf(port, rows(one.port)), workers=1)
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    connection.request("GET", "/")
    answer = connection.getresponse()
    assert answer.read(2) == b"ab"
    go.set()
    assert answer.read() == b"cd"
    connection.close()


def test_a_broken_answer_is_never_taken_for_a_whole_one(genkan, origin):
    def cut(connection, data):
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\nonly this")
    one, two = origin(cut), origin(cut)
    port = free_port()
    genkan(conf(port, rows(one.port, two.port)), workers=1)
    with pytest.raises((OSError, http.client.HTTPException)):
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
        connection.request("GET", "/")
        connection.getresponse().read()


def test_a_name_that_vanishes_takes_its_backend_out_and_the_other_serves(genkan, nginx, tmp_path):
    one, two = nginx("one"), nginx("two")
    names = Names({"a.example": [("A", "127.0.0.1")], "b.example": [("A", "127.0.0.1")]}, ttl=1)
    port = free_port()
    try:
        g = genkan(conf(port, f'[[pool.backend]]\naddress = "a.example:{one.port}"\n[[pool.backend]]\naddress = "b.example:{two.port}"\n',
                        top=f'[node]\nname = "front"\nstate_dir = "{tmp_path}/state"\nname_servers = ["127.0.0.1:{names.port}"]\n'))

        def served():
            answers = [http_get(port, "/") for _ in range(8)]
            assert all(a.status == 200 for a in answers)
            return {a.text.split()[0] for a in answers}
        wait_until(lambda: served() == {"one", "two"}, 15)
        load = Load(port, 2, [("/", None)])
        names.zone.pop("a.example")
        wait_until(lambda: served() == {"two"}, 20, "who has no name any more gets nothing")
        wait_until(lambda: {b["name"]: b["state"] for b in g.api("/api/v1/pools").json()[0]["backends"]}.get(f"a.example:{one.port}") == "down", 5)
        names.zone["a.example"] = [("A", "127.0.0.1")]
        wait_until(lambda: served() == {"one", "two"}, 20, "it is back")
        load.end()
        assert not load.bad and load.good > 0, load.bad[:5]
    finally:
        names.stop()
