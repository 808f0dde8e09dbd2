"""HTTP/2 used as a weapon: each flood is cut off (GOAWAY, ENHANCE_YOUR_CALM), counted, and harms nobody else."""
import pytest
from h2wire import (CALM, CANCEL, CONTINUATION, DATA, END_HEADERS, END_STREAM, GOAWAY, H2, HEADERS, PING, PRIORITY, PRIORITY_UPDATE,
                    RST, SETTINGS, WINDOW, frame, room, setting, u32)
from harness import free_port, http_get, wait_until

ALL = END_HEADERS | END_STREAM


@pytest.fixture
def site(genkan, origin):
    """A site whose backend never answers /wait and answers all else, with a short patience for clients that stand still."""
    def handler(connection, data):
        if b" /wait" in data.split(b"\r\n")[0]:
            connection.recv(1)  # until it goes away
            return False
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n" + b"x" * 100_000)
        return True
    o = origin(handler)
    port = free_port()
    g = genkan(f'''
        [[listen]]
        address = ["127.0.0.1:{port}"]
        [http]
        body_timeout = "1s"
        [[pool]]
        name = "o"
        response_timeout = "60s"
        [pool.health]
        enabled = false
        [[pool.backend]]
        address = "127.0.0.1:{o.port}"
        [[route]]
        path = "/here"
        status = 200
        body = "here"
        [[route]]
        pool = "o"
    ''')
    return g, port, o


def counted(g, name, kind=None):
    label = f'side="public",kind="{kind}"' if kind else 'side="public"'
    return g.metrics()[f"{name}{{{label}}}"]


def sent_away(g, port, kind, flood, or_else=None):
    """Runs flood(connection) against a server that goes on to serve others. `or_else`: another kind that it may be counted as."""
    with H2(port) as c:
        flood(c)
        one = c.until(lambda f: f.kind == GOAWAY)
        assert one is None or one.code == CALM, f"{one} {one.code}"
    wait_until(lambda: sum(counted(g, "genkan_http2_floods_total", k) for k in (kind, or_else) if k) == 1,
               what=f"the flood of {kind} to be counted")
    assert http_get(port, "/here").text == "here"


def test_rapid_reset_is_cut_off_and_leaves_no_work_behind(site):
    """CVE-2023-44487: requests that are given up at once."""
    g, port, o = site

    def flood(c):
        for i in range(3000):
            c.send(frame(HEADERS, ALL, 2 * i + 1, c.block(c.get("/wait"))) + frame(RST, 0, 2 * i + 1, u32(CANCEL)))
    # Streams that still unwind make the server refuse more of them, with resets of its own: those may be the last straw.
    sent_away(g, port, "reset", flood, or_else="made_reset")
    assert o.connections <= 1200, "each cost a token of the 1,000, and 100 come back in a second"
    wait_until(lambda: not o.open, what="the backend's connections to be given up")


@pytest.mark.parametrize("how", ["window overflow", "content beyond its length"])
def test_made_you_reset_is_cut_off(site, how):
    """CVE-2025-8671: the client provokes that the server itself resets, so that no limit on its own resets counts."""
    g, port, o = site

    def one(c, s):
        if how == "window overflow":
            return frame(HEADERS, ALL, s, c.block(c.get("/wait"))) + frame(WINDOW, 0, s, u32((1 << 31) - 1))
        return (frame(HEADERS, END_HEADERS, s, c.block(c.get("/wait", method="PUT", more=[("content-length", "1")]))) +
                frame(DATA, END_STREAM, s, b"test"))
    with H2(port) as c:
        for i in range(3000):
            c.send(one(c, 2 * i + 1))
        end = c.until(lambda f: f.kind == GOAWAY)
        assert end is None or end.code == CALM
    wait_until(lambda: sum(counted(g, "genkan_http2_floods_total", k) for k in ("made_reset", "window")) == 1,
               what="the flood to be counted")
    assert o.connections <= 1200  # of 3,000
    assert http_get(port, "/here").text == "here"
    wait_until(lambda: not o.open, what="the backend's connections to be given up")


@pytest.mark.parametrize("tail", [frame(WINDOW, 0, 1, u32(0)), frame(PRIORITY, 0, 1, bytes(4)), frame(WINDOW, 0, 1, bytes(3))],
                         ids=["window of 0", "priority of a wrong length", "window of a wrong length"])
def test_other_ways_to_provoke_a_reset_end_the_connection_at_once(site, tail):
    _, port, o = site
    with H2(port) as c:
        c.send(frame(HEADERS, ALL, 1, c.block(c.get("/wait"))) + tail)
        c.until(lambda f: f.kind == GOAWAY)
        assert c.read() is None
    wait_until(lambda: not o.open, what="the backend's connection to be given up")


def test_a_flood_of_continuation_is_cut_off(site):
    """CVE-2024-27316 and its kin: a header block without an end."""
    g, port, _ = site
    before = g.memory()

    def flood(c):
        c.send(frame(HEADERS, END_STREAM, 1, c.block(c.get())))
        for _ in range(2000):
            c.send(frame(CONTINUATION, 0, 1, c.block([("x-a", "b" * 4000)])))
    sent_away(g, port, "continuation", flood)
    assert g.memory() - before < room(4)


def test_a_flood_of_empty_continuation_is_cut_off(site):
    g, port, _ = site

    def flood(c):
        c.send(frame(HEADERS, END_STREAM, 1, c.block(c.get())) + frame(CONTINUATION, 0, 1) * 5000)
    sent_away(g, port, "continuation", flood)


@pytest.mark.parametrize("kind, one", [
    ("settings", frame(SETTINGS, payload=setting((4, 65535)))),
    ("ping", frame(PING, 0, 0, bytes(8))),
    ("empty", frame(DATA, 0, 1)),
    ("empty", frame(DATA, 8, 1, b"\x08" + bytes(8))),
    ("empty", frame(0x77, 0, 0, b"?")),
    ("priority", frame(PRIORITY, 0, 1, u32(0) + b"\x10")),
    ("priority", frame(PRIORITY_UPDATE, 0, 0, u32(1) + b"u=1")),
    ("window", frame(WINDOW, 0, 0, u32(1))),
], ids=["settings", "ping", "empty data", "padding only", "unknown", "priority", "priority update", "window"])
def test_a_flood_of_frames_that_carry_nothing_is_cut_off(site, kind, one):
    g, port, _ = site

    def flood(c):
        c.send(frame(HEADERS, END_HEADERS, 1, c.block(c.get("/wait", method="POST"))))
        for _ in range(100):
            c.send(one * 100)
    sent_away(g, port, kind, flood)


def test_a_client_that_reads_nothing_while_it_pings_makes_nothing_grow(site):
    g, port, _ = site
    before = g.memory()
    with H2(port) as c:
        c.socket.settimeout(2)
        for _ in range(200):
            c.send(frame(PING, 0, 0, bytes(8)) * 500)
    assert g.memory() - before < room(8)
    assert http_get(port, "/here").text == "here"


def test_closed_windows_hold_a_response_only_so_long(site):
    """A client that asks for much and opens no window: the responses are given up, and counted."""
    g, port, o = site
    with H2(port, settings=setting((4, 0))) as c:
        streams = [c.open(path="/much") for _ in range(20)]
        got = [c.until(lambda f: f.kind == RST) for _ in streams]
        assert {f.code for f in got} == {CANCEL}
        assert c.ping(), "the connection itself has done nothing wrong"
    assert counted(g, "genkan_http2_streams_stalled_total") == 20


def test_windows_opened_by_single_bytes_are_no_progress(site):
    _, port, _ = site
    with H2(port, settings=setting((4, 1))) as c:
        stream = c.open(path="/much")
        for _ in range(100):
            one = c.until(lambda f: f.kind in (DATA, RST))
            if one.kind == RST:
                break
            c.send(frame(WINDOW, 0, stream, u32(1)))
        if one.kind != RST:
            one = c.until(lambda f: f.kind == RST)
        assert one.code == CANCEL
        assert len(c.got[stream]["body"]) <= 101


def test_a_header_bomb_is_not_unpacked(site):
    """HPACK: one large field in the table, then thousands of references to it, a byte each."""
    g, port, _ = site
    before = g.memory()
    with H2(port) as c:
        big = c.block([*c.get(), ("x-bomb", "b" * 3900)])
        c.send(frame(HEADERS, ALL, 1, big + b"\xbe" * 12_000))
        one = c.until(lambda f: f.kind == GOAWAY)
        assert one is not None and one.code == CALM
    assert counted(g, "genkan_http2_header_bombs_total") == 1
    assert g.memory() - before < room(4)
    assert http_get(port, "/here").text == "here"


def test_a_little_too_much_is_answered_and_the_connection_stays(site):
    _, port, _ = site
    with H2(port) as c:
        assert c.request(path="/here", more=[(f"x-{i}", "1") for i in range(150)])["status"] == 431
        stream = c.next_stream
        c.next_stream += 2
        block = c.block([*c.get("/here"), *[("x-big", "b" * 8000)] * 9])
        c.send(frame(HEADERS, END_STREAM, stream, block[:16000]))
        rest = [block[i:i + 16000] for i in range(16000, len(block), 16000)]
        for i, part in enumerate(rest):
            c.send(frame(CONTINUATION, END_HEADERS if i == len(rest) - 1 else 0, stream, part))
        assert c.answer(stream)["status"] == 431
        assert c.request(path="/here")["body"] == b"here"


def test_a_useful_client_may_reset_as_often_as_it_likes(site):
    """What was served fills the budget again: a busy client that cancels much is no attacker."""
    g, port, _ = site
    with H2(port) as c:
        for _ in range(60):
            for s in [c.open(path="/here") for _ in range(40)]:
                assert c.answer(s)["body"] == b"here", "sent away"
            for _ in range(20):
                stream = c.open(path="/wait")
                c.send(frame(RST, 0, stream, u32(CANCEL)))
        assert c.request(path="/here")["body"] == b"here"
    assert counted(g, "genkan_http2_floods_total", "reset") == 0
