"""HTTP/2 to backends: gRPC end to end with a real client and server, and backends that refuse, leave and break."""
import socket
import subprocess
import threading
from concurrent import futures

import grpc
import pytest
from h2wire import CANCEL, DATA, END_HEADERS, END_STREAM, GOAWAY, H2, HEADERS, NO_ERROR, REFUSED, RST, SETTINGS, WINDOW, frame, u32
from harness import free_port, wait_until
from hpack import Decoder, Encoder



def conf(port, backends, more="", http="", health="false"):
    rows = "".join(f'[[pool.backend]]\naddress = "127.0.0.1:{b}"\n' for b in backends)
    return (f'[[listen]]\naddress = ["127.0.0.1:{port}"]\n[http]\n{http}\n[[pool]]\nname = "o"\nprotocol = "h2"\n{more}\n[pool.health]\nenabled = {health}\n{rows}'
            f'[[route]]\npool = "o"\n')


class Service(grpc.GenericRpcHandler):
    """A gRPC server without a schema: bytes in, bytes out."""

    def __init__(self):
        self.cancelled, self.waiting = threading.Event(), threading.Event()

    def service(self, call):
        name = call.method.rsplit("/", 1)[1]
        return {
            "Echo": grpc.unary_unary_rpc_method_handler(self.echo),
            "Count": grpc.unary_stream_rpc_method_handler(self.count),
            "Sum": grpc.stream_unary_rpc_method_handler(self.sum),
            "Chat": grpc.stream_stream_rpc_method_handler(self.chat),
            "Wait": grpc.unary_unary_rpc_method_handler(self.wait),
            "Fail": grpc.unary_unary_rpc_method_handler(self.fail),
        }.get(name)

    def echo(self, request, context):
        context.set_trailing_metadata((("x-sum", str(len(request))), ("x-asked", dict(context.invocation_metadata()).get("x-test", ""))))
        return request

    def count(self, request, context):
        for i in range(int(request)):
            yield str(i).encode() * 100

    def sum(self, requests, context):
        return str(sum(len(r) for r in requests)).encode()

    def chat(self, requests, context):
        for r in requests:
            yield r.upper()

    def wait(self, request, context):
        context.add_callback(self.cancelled.set)
        self.waiting.set()
        self.cancelled.wait(30)
        return b""

    def fail(self, request, context):
        context.abort(grpc.StatusCode.FAILED_PRECONDITION, "not now")


@pytest.fixture
def service():
    handler = Service()
    server = grpc.server(futures.ThreadPoolExecutor(8))
    server.add_generic_rpc_handlers((handler,))
    handler.port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    yield handler
    handler.cancelled.set()
    server.stop(0)


@pytest.fixture
def channel(genkan, service):
    port = free_port()
    genkan(conf(port, [service.port]))
    with grpc.insecure_channel(f"127.0.0.1:{port}") as c:
        yield c


def test_grpc_unary_with_metadata_and_status(channel):
    reply, call = channel.unary_unary("/t.T/Echo").with_call(b"hello" * 1000, timeout=20, metadata=(("x-test", "yes"),))
    assert reply == b"hello" * 1000
    trailing = dict(call.trailing_metadata())
    assert trailing["x-sum"] == "5000" and trailing["x-asked"] == "yes" and call.code() == grpc.StatusCode.OK
    with pytest.raises(grpc.RpcError) as error:
        channel.unary_unary("/t.T/Fail")(b"", timeout=20)
    assert error.value.code() == grpc.StatusCode.FAILED_PRECONDITION and error.value.details() == "not now"
    with pytest.raises(grpc.RpcError) as error:
        channel.unary_unary("/t.T/Unknown")(b"", timeout=20)
    assert error.value.code() == grpc.StatusCode.UNIMPLEMENTED


def test_grpc_streams_both_ways(channel):
    assert b"".join(channel.unary_stream("/t.T/Count")(b"300", timeout=20)) == b"".join(str(i).encode() * 100 for i in range(300))
    assert channel.stream_unary("/t.T/Sum")(iter([b"x" * 10_000] * 100), timeout=20) == b"1000000"
    turn = threading.Semaphore(1)

    def speak():
        for i in range(20):
            assert turn.acquire(timeout=20), "the answer to the last message did not come"
            yield f"message {i}".encode()
    got = []
    for reply in channel.stream_stream("/t.T/Chat")(speak(), timeout=30):
        got.append(reply)
        turn.release()
    assert got == [f"MESSAGE {i}".encode() for i in range(20)]


def test_grpc_large_messages_keep_their_bytes(channel):
    big = bytes(range(256)) * 12_000
    assert channel.unary_unary("/t.T/Echo")(big, timeout=30) == big


def test_grpc_deadline_and_cancellation_reach_the_backend(channel, service):
    with pytest.raises(grpc.RpcError) as error:
        channel.unary_unary("/t.T/Wait")(b"", timeout=1)
    assert error.value.code() == grpc.StatusCode.DEADLINE_EXCEEDED
    assert service.cancelled.wait(20)
    service.cancelled.clear()
    service.waiting.clear()
    call = channel.unary_unary("/t.T/Wait").future(b"", timeout=60)
    assert service.waiting.wait(20)
    call.cancel()
    assert service.cancelled.wait(20)


class Backend:
    """An HTTP/2 server by hand: handler(connection, stream, fields, body) for each whole request, which sends frames."""

    def __init__(self, handler, settings=b""):
        self.handler, self.settings = handler, settings
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.port = self.listener.getsockname()[1]
        self.connections, self.seen, self.resets, self.open = 0, [], [], []
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                s, _ = self.listener.accept()
            except OSError:
                return
            self.connections += 1
            self.open.append(s)
            threading.Thread(target=self.serve, args=(Peer(s, self.connections),), daemon=True).start()

    def serve(self, c):
        try:
            assert c.exactly(24).startswith(b"PRI * HTTP/2.0")
            c.send(frame(SETTINGS, payload=self.settings))
            while True:
                one = c.frame()
                if one is None:
                    return
                kind, flags, stream, payload = one
                if kind == SETTINGS and not flags & 1:
                    c.send(frame(SETTINGS, 1))
                if kind == HEADERS:
                    fields = [(k, v) for k, v in c.decoder.decode(payload)]
                    if stream in c.requests:
                        c.requests[stream][2] = fields
                    else:
                        c.requests[stream] = [fields, b"", None]
                if kind == DATA:
                    c.requests[stream][1] += payload
                    if payload:
                        c.send(frame(WINDOW, 0, 0, u32(len(payload))) + frame(WINDOW, 0, stream, u32(len(payload))))
                if kind == RST:
                    self.resets.append((stream, int.from_bytes(payload, "big")))
                if kind in (HEADERS, DATA) and flags & END_STREAM:
                    request = c.requests[stream]
                    self.seen.append(request)
                    if self.handler(c, stream, *request) == "close":
                        return
        except OSError:
            pass
        finally:
            c.socket.close()

    def stop(self):
        for s in [self.listener, *self.open]:
            try:
                s.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
        self.listener.close()


class Peer:
    def __init__(self, s, number):
        self.socket, self.number, self.decoder, self.encoder, self.requests = s, number, Decoder(), Encoder(), {}

    def send(self, data):
        self.socket.sendall(data)

    def exactly(self, n):
        data = b""
        while len(data) < n:
            part = self.socket.recv(n - len(data))
            if not part:
                return None
            data += part
        return data

    def frame(self):
        head = self.exactly(9)
        if head is None:
            return None
        return head[3], head[4], int.from_bytes(head[5:], "big") & 0x7fffffff, self.exactly(int.from_bytes(head[:3], "big"))

    def head(self, stream, fields, end=False):
        self.send(frame(HEADERS, END_HEADERS | (END_STREAM if end else 0), stream, self.encoder.encode(fields)))

    def answer(self, stream, body=b"ok", trailers=None):
        self.head(stream, [(":status", "200")])
        self.send(frame(DATA, 0 if trailers else END_STREAM, stream, body))
        if trailers:
            self.head(stream, trailers, end=True)


@pytest.fixture
def backend():
    started = []

    def make(handler, **more):
        started.append(Backend(handler, **more))
        return started[-1]
    yield make
    for b in started:
        b.stop()


def get(port, path="/", *more):
    done = subprocess.run(["curl", "-s", "--max-time", "20", "-w", " %{http_code}", *more, f"http://127.0.0.1:{port}{path}"], capture_output=True, text=True)
    return done.stdout


def test_requests_of_many_clients_share_one_connection_of_the_worker(genkan, backend):
    b = backend(lambda c, s, *_: c.answer(s))
    port = free_port()
    genkan(conf(port, [b.port]), workers=1)
    load = subprocess.run(["h2load", "-n", "300", "-c", "5", "-m", "10", f"http://127.0.0.1:{port}/"], capture_output=True, text=True).stdout
    assert "300 succeeded" in load, load
    assert b.connections == 1
    assert get(port, "/a?b", "-H", "Connection: X-Gone", "-H", "X-Gone: 1") == "ok 200"
    fields = dict(b.seen[-1][0])
    assert fields[":path"] == "/a?b" and fields[":authority"] == f"127.0.0.1:{port}" and fields[":scheme"] == "http"
    assert "connection" not in fields and "x-gone" not in fields and "host" not in fields and fields["via"] == "1.1 genkan"


def test_trailers_and_interim_answers_cross_from_h2_to_h1(genkan, backend):
    def handler(c, stream, fields, body, trailers):
        c.head(stream, [(":status", "103"), ("link", "</x>")])
        c.answer(stream, body + repr(trailers).encode(), [("x-sum", "42"), ("set-cookie", "evil=1")])
    b = backend(handler)
    port = free_port()
    genkan(conf(port, [b.port]))
    from wire import raw_http
    raw = raw_http(port, "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n3\r\nabc\r\n0\r\nX-Up: 7\r\n\r\n")
    assert raw.startswith(b"HTTP/1.1 103 ") and b"abc" in raw and b"('x-up', '7')" in raw
    assert b"x-sum: 42\r\n" in raw and raw.endswith(b"\r\n\r\n") and b"evil" not in raw


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_what_a_backend_did_not_touch_is_sent_again_whatever_the_method(genkan, backend, method):
    """RFC 9113 8.7: REFUSED_STREAM, and streams above GOAWAY's last."""
    def refuse_first(c, stream, *_):
        if c.number == 1:
            c.send(frame(RST, 0, stream, u32(REFUSED)))
        else:
            c.answer(stream, b"second")

    def leave(c, stream, *_):
        if c.number == 1 and stream > 1:
            c.send(frame(GOAWAY, 0, 0, u32(1) + u32(NO_ERROR)))
        else:
            c.answer(stream, f"connection {c.number}".encode())
    more = ["-X", method] + (["-d", "content"] if method == "POST" else [])
    for handler in (refuse_first, leave):
        one, two = backend(handler), backend(lambda c, s, *_: c.answer(s, b"second"))
        port = free_port()
        genkan(conf(port, [one.port, two.port], more='scheduler = "round_robin"'), workers=1, name=handler.__name__)
        for _ in range(6):
            assert get(port, "/", *more).endswith(" 200")


def test_a_post_that_may_have_been_done_is_not_sent_twice(genkan, backend):
    one, two = backend(lambda c, s, *_: "close"), backend(lambda c, s, *_: "close")
    port = free_port()
    genkan(conf(port, [one.port, two.port], more="retries = 2"), workers=1)
    assert get(port, "/", "-d", "x").endswith(" 502")
    assert len(one.seen) + len(two.seen) == 1


@pytest.mark.parametrize("how", ["reset", "closed", "shorter than its length"])
def test_content_that_breaks_is_not_ended_cleanly(genkan, backend, how):
    def handler(c, stream, *_):
        c.head(stream, [(":status", "200"), ("content-length", "100")])
        c.send(frame(DATA, END_STREAM if how.startswith("shorter") else 0, stream, b"part"))
        if how == "reset":
            c.send(frame(RST, 0, stream, u32(2)))
        return "close" if how == "closed" else None
    b = backend(handler)
    port = free_port()
    genkan(conf(port, [b.port]))
    # Broken on its way; or 502 when all of it was here before the head went out.
    done = subprocess.run(["curl", "-s", "-w", "%{http_code}", "--max-time", "20", f"http://127.0.0.1:{port}/"], capture_output=True)
    assert done.returncode != 0 or done.stdout.endswith(b"502"), done.stdout
    with H2(port) as c:
        got = c.request()
        assert got["reset"] is not None or got["status"] == 502


def test_a_silent_backend_is_answered_504_and_its_stream_reset(genkan, backend):
    b = backend(lambda *_: None)
    port = free_port()
    genkan(conf(port, [b.port], more='response_timeout = "300ms"\nretries = 0'))
    assert get(port).endswith(" 504")
    wait_until(lambda: b.resets and b.resets[0][1] == CANCEL, what="RST_STREAM at the backend")


def test_a_client_that_leaves_resets_only_its_own_stream(genkan, backend):
    go_on = threading.Event()

    def handler(c, stream, fields, *_):
        if dict(fields)[":path"] != "/wait":
            c.answer(stream)
    b = backend(handler)
    port = free_port()
    genkan(conf(port, [b.port]), workers=1)
    with H2(port) as c:
        stream = c.open(path="/wait")
        wait_until(lambda: b.seen, what="the request at the backend")
        c.send(frame(RST, 0, stream, u32(CANCEL)))
        wait_until(lambda: b.resets == [(1, CANCEL)], what="RST_STREAM at the backend")
        assert c.request()["body"] == b"ok"
    assert b.connections == 1
    go_on.set()


def test_a_stop_does_not_wait_for_idle_backend_connections(genkan, backend, tmp_path):
    """With this drain_timeout the fixture would lose its patience, if the idle connection held up the stop."""
    b = backend(lambda c, s, *_: c.answer(s))
    port = free_port()
    g = genkan(conf(port, [b.port]) + f'[node]\nname = "t"\nstate_dir = "{tmp_path}/state"\nworkers = 1\ndrain_timeout = "120s"\n')
    assert get(port).endswith(" 200") and b.connections == 1
    g.stop()


def test_a_check_of_such_a_pool_opens_a_connection(genkan, service):
    port, dead = free_port(), free_port()
    g = genkan(conf(port, [service.port, dead], health='true\ninterval = "100ms"\nfall = 1\nrise = 1'))
    wait_until(lambda: {b["state"] for b in g.api("/api/v1/pools").json()[0]["backends"]} == {"up", "down"}, what="the dead backend to be seen")
    with grpc.insecure_channel(f"127.0.0.1:{port}") as c:
        for _ in range(10):
            assert c.unary_unary("/t.T/Echo")(b"x", timeout=20) == b"x"
