"""WebSocket through Genkan, by an upgrade of HTTP/1.1 and over HTTP/2 (RFC 8441), with a real WebSocket server and client."""
import asyncio
import socket
import threading

import pytest
import websockets
from h2wire import CANCEL, DATA, END_HEADERS, END_STREAM, GOAWAY, H2, HEADERS, RST, SETTINGS, frame, setting
from harness import free_port, http_get, wait_until
from wire import raw_http, read_all


class Echo:
    """A WebSocket server (python3-websockets) that sends back what it gets; "/push" sends three messages first."""

    def __init__(self):
        self.port, self.loop, self.live, self.paths = None, asyncio.new_event_loop(), 0, []
        ready = threading.Event()
        threading.Thread(target=self.run, args=(ready,), daemon=True).start()
        assert ready.wait(10)

    def run(self, ready):
        asyncio.set_event_loop(self.loop)

        async def serve():
            self.server = await websockets.serve(self.echo, "127.0.0.1", 0, ping_interval=None, max_size=None)
            self.port = self.server.sockets[0].getsockname()[1]
            ready.set()
        self.loop.run_until_complete(serve())
        self.loop.run_forever()

    async def echo(self, ws, *_):
        self.live += 1
        self.paths.append(ws.path)
        try:
            if ws.path == "/push":
                for i in range(3):
                    await ws.send(f"push {i}")
            async for message in ws:
                await ws.send(message)
        except websockets.ConnectionClosed:
            pass
        finally:
            self.live -= 1

    def stop(self):
        self.loop.call_soon_threadsafe(self.loop.stop)


@pytest.fixture
def echo():
    one = Echo()
    yield one
    one.stop()


def conf(port, backend, more="", tls=None):
    secure = f'[[certificate]]\nnames = ["localhost"]\nself_signed = true\n[[listen]]\naddress = ["127.0.0.1:{tls}"]\ntls = true\n' if tls else ""
    return (f'{secure}[[listen]]\naddress = ["127.0.0.1:{port}"]\n[http]\nbody_timeout = "1s"\n{more}\n[[pool]]\nname = "o"\n[pool.health]\nenabled = false\n'
            f'[[pool.backend]]\naddress = "127.0.0.1:{backend}"\n[[route]]\npath = "/here"\nstatus = 200\nbody = "here"\n[[route]]\npool = "o"\n')


def run(task):
    return asyncio.run(asyncio.wait_for(task, 40))


def test_websocket_by_upgrade(genkan, echo):
    port = free_port()
    genkan(conf(port, echo.port))

    async def talk():
        async with websockets.connect(f"ws://127.0.0.1:{port}/chat?x=1", ping_interval=None, max_size=None) as ws:
            for message in ("hello", b"\0\1\2", "x" * 300_000, "y" * 3_000_000):
                await ws.send(message)
                assert await ws.recv() == message
        async with websockets.connect(f"ws://127.0.0.1:{port}/push", ping_interval=None) as ws:
            assert [await ws.recv() for _ in range(3)] == ["push 0", "push 1", "push 2"]
    run(talk())
    assert echo.paths == ["/chat?x=1", "/push"]
    wait_until(lambda: echo.live == 0, what="the backend's side to end")


def test_websocket_over_tls(genkan, echo):
    from wire import insecure_tls
    port, tls = free_port(), free_port()
    genkan(conf(port, echo.port, tls=tls))

    async def talk():
        async with websockets.connect(f"wss://127.0.0.1:{tls}/", ssl=insecure_tls(["http/1.1"]), ping_interval=None, max_size=None) as ws:
            for message in ("hello", "x" * 300_000):
                await ws.send(message)
                assert await ws.recv() == message
    run(talk())


def test_a_silent_tunnel_outlives_the_body_timeout_and_ends_after_its_own(genkan, echo):
    port = free_port()
    genkan(conf(port, echo.port, more='tunnel_timeout = "3s"'))

    async def talk():
        async with websockets.connect(f"ws://127.0.0.1:{port}/", ping_interval=None) as ws:
            await ws.send("a")
            assert await ws.recv() == "a"
            began = asyncio.get_event_loop().time()
            with pytest.raises(websockets.ConnectionClosed):
                await ws.recv()
            return asyncio.get_event_loop().time() - began
    assert run(talk()) >= 2.5, "body_timeout is 1 s: it must not count"
    wait_until(lambda: echo.live == 0, what="the backend's side to end")


def test_a_tunnel_survives_a_reload_and_counts_in_a_drain(genkan, echo):
    port = free_port()
    g = genkan(conf(port, echo.port))

    async def talk():
        ws = await websockets.connect(f"ws://127.0.0.1:{port}/", ping_interval=None)
        await ws.send("before")
        assert await ws.recv() == "before"
        g.reload(conf(port, echo.port).replace('body = "here"', 'body = "there"'))
        assert http_get(port, "/here").text == "there"
        await ws.send("after")
        assert await ws.recv() == "after"
        g.signal(15)
        g.wait_log("draining")
        await ws.send("in the drain")
        assert await ws.recv() == "in the drain"
        await ws.close()
    run(talk())
    wait_until(lambda: not g.running(), what="the end, as soon as the tunnel has ended")
    assert not g.log_lines("drain timeout passed")


def test_a_tunnel_that_does_not_end_is_cut_when_the_drain_is_over(genkan, echo):
    port = free_port()
    g = genkan(conf(port, echo.port), start=False)
    g.write(conf(port, echo.port) + f'[node]\nname = "t"\nstate_dir = "{g.state}"\nworkers = 1\ndrain_timeout = "1s"\n')
    g.start()

    async def talk():
        ws = await websockets.connect(f"ws://127.0.0.1:{port}/", ping_interval=None)
        g.signal(15)
        with pytest.raises(websockets.ConnectionClosed):
            await ws.recv()
    run(talk())
    wait_until(lambda: not g.running() and g.log_lines("drain timeout passed"), what="the end")


UPGRADE = "GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: MDEyMzQ1Njc4OWFiY2RlZg==\r\n\r\n"
SWITCH = b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"


@pytest.mark.parametrize("request_head, answer, status", [
    ("GET / HTTP/1.1\r\nHost: a\r\n\r\n", SWITCH, 502),
    ("GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\n\r\n", SWITCH, 502),
    ("GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n\r\n", SWITCH, 502),
    (UPGRADE, b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n", 502),
    (UPGRADE, b"HTTP/1.1 101 Switching Protocols\r\n\r\n", 502),
    (UPGRADE, b"HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno", 403),
], ids=["nobody asked", "Upgrade not named in Connection", "h2c", "another protocol", "no protocol", "refused"])
def test_101_is_taken_only_if_it_was_asked_for(genkan, origin, request_head, answer, status):
    o = origin(lambda c, _: c.sendall(answer) is None)
    port = free_port()
    genkan(conf(port, o.port))
    raw = raw_http(port, request_head.replace("\r\n\r\n", "\r\nConnection: close\r\n\r\n") if "Connection" not in request_head else request_head, timeout=3)
    assert raw.startswith(f"HTTP/1.1 {status} ".encode())
    if "h2c" in request_head:
        assert all(b"h2c" not in seen.lower() for seen in o.seen), "a way around all that is checked"


def test_bytes_right_behind_the_switch_arrive_in_order(genkan, origin):
    def handler(connection, data):
        assert b"connection: upgrade\r\n" in data.lower() and b"upgrade: websocket\r\n" in data.lower()
        connection.sendall(SWITCH + b"first")
        got = data.partition(b"\r\n\r\n")[2]
        while len(got) < 6:
            got += connection.recv(100)
        connection.sendall(got.upper())
        connection.shutdown(socket.SHUT_WR)
        return False
    o = origin(handler)
    port = free_port()
    genkan(conf(port, o.port))
    with socket.create_connection(("127.0.0.1", port), timeout=10) as s:
        s.sendall(UPGRADE.encode() + b"eager!")
        answer = read_all(s)
    head, _, rest = answer.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 101 ") and b"upgrade: websocket" in head.lower() and b"connection: upgrade" in head.lower()
    assert rest == b"firstEAGER!"


def connect(c, path="/", more=(), protocol="websocket"):
    stream = c.next_stream
    c.next_stream += 2
    fields = [(":method", "CONNECT"), (":protocol", protocol), (":scheme", "http"), (":path", path), (":authority", "a"),
              ("sec-websocket-version", "13"), *more]
    c.send(frame(HEADERS, END_HEADERS, stream, c.block(fields)))
    return stream


def head_of(c, stream):
    c.until(lambda f: f.kind == GOAWAY or (f.kind == RST and f.stream == stream) or c.got.get(stream, {}).get("status"))
    return c.got[stream]


def ws_frame(opcode, payload):
    mask = b"\1\2\3\4"
    size = bytes([0x80 | len(payload)]) if len(payload) < 126 else bytes([0x80 | 126]) + len(payload).to_bytes(2, "big")
    return bytes([0x80 | opcode]) + size + mask + bytes(b ^ mask[i % 4] for i, b in enumerate(payload))


def test_websocket_over_http_2(genkan, echo):
    """RFC 8441: several tunnels and plain requests on one connection."""
    port = free_port()
    genkan(conf(port, echo.port))
    with H2(port) as c:
        assert c.until(lambda f: f.kind == SETTINGS and setting((8, 1)) in f.payload), "SETTINGS_ENABLE_CONNECT_PROTOCOL"
        one, two = connect(c, "/push"), connect(c, "/b")
        got = head_of(c, one)
        assert got["status"] == 200 and not any(k in ("sec-websocket-accept", "upgrade", "connection") for k, _ in got["fields"])
        assert head_of(c, two)["status"] == 200
        c.send(frame(DATA, 0, two, ws_frame(1, b"hello")))
        assert c.until(lambda f: c.got[two]["body"] == b"\x81\x05hello")
        assert c.got[one]["body"].count(b"push") == 3 or c.until(lambda f: c.got[one]["body"].count(b"push") == 3)
        assert c.request(path="/here")["body"] == b"here"
        c.send(frame(DATA, 0, one, ws_frame(8, b"\x03\xe8")))
        assert c.answer(one)["reset"] in (None, 0) and c.got[one]["body"].endswith(b"\x88\x02\x03\xe8")
        c.send(frame(RST, 0, two, CANCEL.to_bytes(4, "big")))
        wait_until(lambda: echo.live == 0, what="both tunnels to end at the backend")
    assert sorted(echo.paths) == ["/b", "/push"]


def test_what_is_no_tunnel_is_not_taken_for_one(genkan, origin):
    answers = {b"/plain": b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nno", b"/no": b"HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno"}
    o = origin(lambda c, d: c.sendall(answers[d.split(b" ")[1]]) is None)
    port = free_port()
    genkan(conf(port, o.port))
    with H2(port) as c:
        assert head_of(c, connect(c, "/plain"))["status"] == 502
        assert head_of(c, connect(c, "/no"))["status"] == 403
        assert head_of(c, connect(c, "/plain", protocol="connect-udp"))["status"] == 501
    assert len(o.seen) == 2


def test_a_tunnel_over_http_2_ends_both_ways(genkan, origin):
    """END_STREAM of the client becomes the end of its bytes for the backend, and the other way round."""
    got = []

    def handler(connection, data):
        connection.sendall(SWITCH)
        text = data.partition(b"\r\n\r\n")[2]
        while part := connection.recv(100):
            text += part
        got.append(text)
        connection.sendall(b"bye")
        return False
    o = origin(handler)
    port = free_port()
    genkan(conf(port, o.port))
    with H2(port) as c:
        stream = connect(c)
        assert head_of(c, stream)["status"] == 200
        c.send(frame(DATA, 0, stream, b"one ") + frame(DATA, END_STREAM, stream, b"two"))
        end = c.answer(stream)
        assert end["body"] == b"bye" and end["reset"] is None
    assert got == [b"one two"]
