"""HTTP/2 by hand: frames as bytes, and a client that shows every frame that came. For tests of what no well-behaved client does."""
import os
import socket
import struct

from hpack import Decoder, Encoder
from wire import insecure_tls

DATA, HEADERS, PRIORITY, RST, SETTINGS, PUSH, PING, GOAWAY, WINDOW, CONTINUATION, PRIORITY_UPDATE = (0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 16)
END_STREAM = ACK = 1
END_HEADERS, PADDED, HAS_PRIORITY = 4, 8, 0x20
(NO_ERROR, PROTOCOL, INTERNAL, FLOW, SETTINGS_TIMEOUT, STREAM_CLOSED, FRAME_SIZE, REFUSED, CANCEL, COMPRESSION, CONNECT_ERROR,
 CALM) = range(12)
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"


def frame(kind, flags=0, stream=0, payload=b""):
    return struct.pack(">I", len(payload))[1:] + bytes([kind, flags]) + struct.pack(">I", stream) + payload


def setting(*pairs):
    return b"".join(struct.pack(">HI", k, v) for k, v in pairs)


def room(mib):
    """Bytes that a program may grow by; a sanitizer keeps what was freed for a while."""
    return (mib << 20) * (20 if os.environ.get("GENKAN_TEST_SLOW", "1") != "1" else 1)


def u32(n):
    return struct.pack(">I", n)


class Frame:
    def __init__(self, kind, flags, stream, payload):
        self.kind, self.flags, self.stream, self.payload = kind, flags, stream, payload

    @property
    def code(self):
        """Error code of a RST_STREAM or GOAWAY."""
        return struct.unpack(">I", self.payload[4:8] if self.kind == GOAWAY else self.payload[:4])[0]

    def __repr__(self):
        return f"<{self.kind} flags={self.flags:#x} stream={self.stream} {self.payload[:24]!r}>"


class H2:
    """A connection. send() takes bytes; frames come from read(), until() and request()."""

    def __init__(self, port, tls=False, settings=b"", start=True, timeout=20.0, name="localhost", context=None, source=None):
        raw = socket.create_connection(("127.0.0.1", port), timeout=timeout, source_address=(source, 0) if source else None)
        raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket = (context or insecure_tls(["h2"])).wrap_socket(raw, server_hostname=name) if tls else raw
        self.alpn = self.socket.selected_alpn_protocol() if tls else None
        self.encoder, self.decoder = Encoder(), Decoder()
        self.decoder.max_header_list_size = 1 << 20
        self.buffer, self.frames, self.closed, self.next_stream = b"", [], False, 1
        self.got, self.giving = {}, False  # by stream; whether windows are opened for what comes
        if start:
            self.send(PREFACE + frame(SETTINGS, payload=settings))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def send(self, data):
        try:
            self.socket.sendall(data)
        except (BrokenPipeError, ConnectionResetError, socket.timeout):
            pass  # the server has had enough: what it said is read

    def read(self):
        """The next frame, or None when the connection has ended. SETTINGS are acknowledged."""
        while True:
            if len(self.buffer) >= 9:
                size = int.from_bytes(self.buffer[:3], "big")
                if len(self.buffer) >= 9 + size:
                    head, payload = self.buffer[:9], self.buffer[9:9 + size]
                    self.buffer = self.buffer[9 + size:]
                    one = Frame(head[3], head[4], int.from_bytes(head[5:9], "big") & 0x7fffffff, payload)
                    self.frames.append(one)
                    self.note(one)
                    if self.giving and one.kind == DATA and one.payload:
                        self.send(frame(WINDOW, 0, 0, u32(len(one.payload))) +
                                  (b"" if one.flags & END_STREAM else frame(WINDOW, 0, one.stream, u32(len(one.payload)))))
                    if one.kind == SETTINGS and not one.flags & ACK:
                        self.send(frame(SETTINGS, ACK))
                    return one
            try:
                part = self.socket.recv(65536)
            except (ConnectionResetError, BrokenPipeError):
                part = b""
            if not part:
                self.closed = True
                return None
            self.buffer += part

    def until(self, wanted):
        """Reads until wanted(frame) is true, and returns that frame; None when the connection ended before."""
        while True:
            one = self.read()
            if one is None or wanted(one):
                return one

    def block(self, fields):
        return self.encoder.encode(fields, huffman=False)

    def get(self, path="/", method="GET", more=(), authority="a"):
        return [(":method", method), (":scheme", "http"), (":path", path), (":authority", authority), *more]

    def open(self, fields=None, end=True, **more):
        """Sends a request head on the next stream. Returns the stream."""
        stream = self.next_stream
        self.next_stream += 2
        self.send(frame(HEADERS, END_HEADERS | (END_STREAM if end else 0), stream, self.block(fields or self.get(**more))))
        return stream

    def note(self, one):
        """Keeps what comes for each stream, in whatever order: {'status', 'fields', 'body', 'trailers', 'interim', 'reset', 'ended'}."""
        if one.kind not in (HEADERS, DATA, RST):
            return
        out = self.got.setdefault(one.stream, {"status": 0, "fields": [], "body": b"", "trailers": [], "interim": [], "reset": None, "ended": False})
        if one.kind == RST:
            out["reset"] = out["reset"] if out["ended"] else one.code
            out["ended"] = True
            return
        if one.kind == HEADERS:
            fields = [tuple(part if isinstance(part, str) else part.decode("latin-1") for part in field) for field in self.decoder.decode(one.payload, raw=True)]
            if fields and fields[0][0] == ":status":
                status = int(fields[0][1])
                if status < 200:
                    out["interim"].append(status)
                else:
                    out["status"], out["fields"] = status, fields[1:]
            else:
                out["trailers"] = fields
        else:
            out["body"] += one.payload
        out["ended"] = out["ended"] or bool(one.flags & END_STREAM)

    def answer(self, stream):
        """Reads until the answer on this stream is whole, or never will be."""
        while True:
            out = self.got.get(stream)
            if out and out["ended"]:
                return out
            self.giving = True
            one = self.read()
            self.giving = False
            if one is None or (one.kind == GOAWAY and one.code != NO_ERROR):
                out = self.got.get(stream) or {"status": 0, "fields": [], "body": b"", "trailers": [], "interim": []}
                return {**out, "reset": "closed" if one is None else one.code}

    def request(self, **more):
        return self.answer(self.open(**more))

    def ping(self, data=b"12345678"):
        """True when the server still answers."""
        self.send(frame(PING, 0, 0, data))
        one = self.until(lambda f: (f.kind == PING and f.flags & ACK and f.payload == data) or f.kind == GOAWAY)
        return one is not None and one.kind == PING
