"""A judge of HTTP/1.1: a client and a backend of raw octets, with a parser of its own that forgives nothing (RFC 9110, 9112).

The two corpora (http_corpus_*.py) are tables of Request and Answer. Judge runs each row against one Genkan. A row has a backend and
a client address (127.64.x.y) of its own, so that rows run side by side and no octet can be laid at another row's door. Whatever
a row says: all that a backend gets and all that a client gets must be well-formed, and no connection may be out of step.
"""
import array
import fcntl
import re
import selectors
import socket
import struct
import termios
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from harness import SLOW, wait_until

TOKEN = rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
LINE = re.compile(rb"(" + TOKEN + rb") ([\x21-\x7e]+) (HTTP/1\.[01])\Z")
STATUS = re.compile(rb"HTTP/1\.1 ([1-5][0-9][0-9]) [\t \x21-\x7e\x80-\xff]*\Z")
FIELD = re.compile(rb"(" + TOKEN + rb"):[ \t]*([\x21-\x7e\x80-\xff](?:[\t \x21-\x7e\x80-\xff]*[\x21-\x7e\x80-\xff])?|)[ \t]*\Z")
HOST = re.compile(rb"(?:\[[0-9A-Fa-f:.%A-Za-z]+\]|[A-Za-z0-9._~!$&'()*+,;=%-]*)(?::[0-9]*)?\Z")
CHUNK = re.compile(rb"[0-9A-Fa-f]{1,16}(?:[ \t]*;[\t \x21-\x7e\x80-\xff]*)?\Z")
HOP = {b"proxy-connection", b"keep-alive", b"te", b"upgrade", b"transfer-encoding", b"connection"}
PATIENCE = 5 * SLOW

HALF = "the client sends no more"    # steps in Request.send and Answer.send, beside octets
PAUSE = "a moment, so that the next octets come in a segment of their own"
CLOSE = "the connection is closed"
RESET = "the connection is reset"
WAIT = "until the other side has sent something"


class Malformed(Exception):
    pass


class Truncated(Exception):
    """The connection ended in the middle of a message."""


@dataclass
class Message:
    first: bytes
    fields: list = field(default_factory=list)
    head: bytes = b""
    body: bytes = b""
    trailers: list = field(default_factory=list)
    framing: str = "none"  # none, length, chunked, close
    connection: int = 0    # backend: which connection it came on
    interim: list = field(default_factory=list)

    def all(self, name):
        return [v for k, v in self.fields if k.lower() == name.lower()]

    def items(self, name):
        return [one.strip(b" \t").lower() for v in self.all(name) for one in v.split(b",") if one.strip(b" \t")]

    @property
    def status(self):
        return int(self.first.split(b" ")[1])


class Wire:
    """A socket, read in pieces of the protocol. `seen` is every octet that came."""

    def __init__(self, sock):
        self.sock, self.buffer, self.seen, self.ended, self.was_reset = sock, b"", b"", False, False

    def more(self):
        try:
            part = self.sock.recv(65536)
        except socket.timeout:
            raise TimeoutError("nothing came") from None
        except ConnectionError:
            part, self.was_reset = b"", True
        if not part:
            self.ended = True
            raise Truncated(self.buffer[-80:])
        self.buffer += part
        self.seen += part

    def take(self, count):
        while len(self.buffer) < count:
            self.more()
        out, self.buffer = self.buffer[:count], self.buffer[count:]
        return out

    def line(self):
        while b"\n" not in self.buffer:
            self.more()
        line, self.buffer = self.buffer.split(b"\n", 1)
        if not line.endswith(b"\r") or b"\r" in line[:-1]:
            raise Malformed(f"a line without CRLF, or with a bare CR: {line[:80]!r}")
        return line[:-1]

    def rest(self):
        try:
            while True:
                self.more()
        except Truncated:
            out, self.buffer = self.buffer, b""
            return out

    def fields(self):
        out = []
        while line := self.line():
            found = FIELD.match(line)
            if not found:
                raise Malformed(f"no field line: {line[:80]!r}")
            out.append((found[1], found[2]))
        return out

    def head(self):
        start = len(self.seen) - len(self.buffer)
        message = Message(self.line())
        message.fields = self.fields()
        message.head = self.seen[start:len(self.seen) - len(self.buffer)]
        return message

    def body(self, message, until_close=False):
        """Reads the content as the fields say."""
        lengths, codings = message.all(b"Content-Length"), message.all(b"Transfer-Encoding")
        if len(lengths) > 1 or (lengths and codings) or len(codings) > 1:
            raise Malformed(f"conflicting lengths: {lengths} {codings}")
        if lengths and not re.fullmatch(rb"[0-9]{1,18}", lengths[0]):
            raise Malformed(f"Content-Length: {lengths[0]!r}")
        if codings and codings[0].lower() != b"chunked":
            raise Malformed(f"Transfer-Encoding: {codings[0]!r}")
        if codings:
            message.framing = "chunked"
            self.chunks(message)
        elif lengths:
            message.framing = "length"
            message.body = self.take(int(lengths[0]))
        elif until_close:
            message.framing = "close"
            message.body = self.rest()
            if self.was_reset:
                raise Truncated("a reset")

    def chunks(self, message):
        while True:
            line = self.line()
            if not CHUNK.match(line):
                raise Malformed(f"no chunk size: {line[:80]!r}")
            size = int(re.match(rb"[0-9A-Fa-f]+", line)[0], 16)
            if not size:
                break
            message.body += self.take(size)
            if self.take(2) != b"\r\n":
                raise Malformed("no CRLF behind a chunk")
        message.trailers = self.fields()

    def request(self, before_content=None):
        message = self.head()
        found = LINE.match(message.first)
        if not found:
            raise Malformed(f"no request line: {message.first[:80]!r}")
        method, target = found[1], found[2]
        if not target.startswith(b"/") and not (target == b"*" and method == b"OPTIONS"):
            raise Malformed(f"an origin gets the origin-form, or * for OPTIONS: {target[:80]!r}")
        if b"#" in target:
            raise Malformed("a fragment in the target")
        if len(message.all(b"Host")) != 1 or not HOST.match(message.all(b"Host")[0]):
            raise Malformed(f"Host: {message.all(b'Host')}")
        if not message.all(b"Via"):
            raise Malformed("no Via (RFC 9110 7.6.3)")
        options = message.items(b"Connection")
        for name, value in message.fields:
            low = name.lower()
            if low in HOP - {b"connection", b"transfer-encoding"} and low not in options:
                raise Malformed(f"a field of one hop is passed on: {name!r}: {value!r}")
            if low in options and low not in (b"upgrade", b"te"):
                raise Malformed(f"a field that Connection names is passed on: {name!r}")
        if before_content:
            before_content(message)
        self.body(message)
        return message

    def response(self, method=b"GET", version=b"HTTP/1.1"):
        """The next answer with the interim ones before it."""
        interim = []
        while True:
            message = self.head()
            if not STATUS.match(message.first):
                raise Malformed(f"no status line: {message.first[:80]!r}")
            if message.status >= 200 or message.status == 101:
                break
            if version == b"HTTP/1.0":
                raise Malformed("an interim answer to HTTP/1.0 (RFC 9110 15.2)")
            if message.all(b"Content-Length") or message.all(b"Transfer-Encoding"):
                raise Malformed("a length in an interim answer (RFC 9110 8.6)")
            interim.append(message)
        message.interim = interim
        status, codings = message.status, message.all(b"Transfer-Encoding")
        if codings and (version == b"HTTP/1.0" or status in (101, 204)):
            raise Malformed(f"Transfer-Encoding in {status} to {version!r} (RFC 9112 6.1)")
        if status in (101, 204) and message.all(b"Content-Length"):
            raise Malformed(f"Content-Length in {status} (RFC 9110 8.6)")
        if status < 500 and status != 101 and not message.all(b"Date"):
            raise Malformed(f"no Date in {status} (RFC 9110 6.6.1)")
        if status == 405 and not message.all(b"Allow"):
            raise Malformed("no Allow in 405 (RFC 9110 15.5.6)")
        options = message.items(b"Connection")
        for name, value in message.fields:
            low = name.lower()
            if (low in HOP - {b"connection", b"transfer-encoding"} and low not in options and status != 426) or \
                    (low in options and low not in (b"upgrade", b"keep-alive")):
                raise Malformed(f"a field of one hop is passed on: {name!r}: {value!r}")
        if method == b"HEAD" or status in (101, 204, 304):
            if len(message.all(b"Content-Length")) > 1:
                raise Malformed("two Content-Length")
            return message
        self.body(message, until_close=True)
        return message


@dataclass
class Request:
    """A row of the requests' corpus."""
    name: str
    send: tuple              # octets (each a segment) and the steps above
    want: tuple              # the final answers: a status, or a tuple of those that are right
    rfc: str
    closed: object = None    # True: closed afterwards. False: in step, shown by one more request. None: either
    gets: tuple = ()         # patterns (bytes) that must be found in what the backend got; those in `never` must not
    never: tuple = ()
    reaches: object = None   # how many whole requests the backend gets; None: one for each 2xx
    partial: bool = False    # the backend may get the begin of one more, never its end
    sees: tuple = ()         # patterns in what the client got
    unseen: tuple = ()
    answer: bytes = None     # what the backend answers instead of 200
    level: str = "MUST"


@dataclass
class Answer:
    """A row of the answers' corpus. The backend answers /bad with `send`, anything else with 200."""
    name: str
    send: tuple
    want: object             # a status (a tuple of those that are right), or "cut": 502, or an answer that is visibly not whole
    rfc: str
    body: object = None      # the content that the client must get, when want is a status of the backend
    reused: object = None    # whether the next request may come on the same backend connection: True must, False must not
    request: bytes = b"GET /bad HTTP/1.1\r\nHost: a\r\n\r\n"
    sees: tuple = ()
    unseen: tuple = ()
    interim: object = None   # the statuses of the interim answers
    framing: object = None   # how the content must end: length, chunked, close
    level: str = "MUST"


def octets(text):
    return text if isinstance(text, bytes) else text.encode("latin-1")


def ask(line="GET / HTTP/1.1", *fields, host="Host: a", content=b""):
    """A request: its line, Host, further field lines, content. Text stands for octets (latin-1)."""
    lines = [line, *([host] if host is not None else []), *fields]
    return b"\r\n".join(octets(one) for one in lines) + b"\r\n\r\n" + octets(content)


def pieces(data, size):
    """`data` in segments of `size` octets; what is long would take too long."""
    if not size or len(data) > 2000:
        return [data]
    return [data[at:at + size] for at in range(0, len(data), size)]


def arrived(connection):
    """Whether the other end has acknowledged everything, or is gone."""
    waiting = array.array("i", [0])
    fcntl.ioctl(connection, termios.TIOCOUTQ, waiting)
    return waiting[0] == 0 or connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1)[0] == 7  # TCP_CLOSE


class Backends:
    """One listening socket for each row; what comes is kept in got[row]: whole requests, faults, unfinished octets."""

    def __init__(self, rows, size=0):
        self.size = size
        self.rows, self.ports, self.got = rows, [], [[] for _ in rows]
        self.faults = [[] for _ in rows]
        self.rests = [[] for _ in rows]
        self.connections = [0 for _ in rows]
        self.saying = [0 for _ in rows]  # scripts of the row that run
        self.open, self.lock, self.stopped = set(), threading.Lock(), False
        self.selector = selectors.DefaultSelector()
        for number in range(len(rows)):
            s = socket.create_server(("127.0.0.1", 0), backlog=16)
            self.ports.append(s.getsockname()[1])
            self.selector.register(s, selectors.EVENT_READ, number)
        self.thread = threading.Thread(target=self.accept, daemon=True)
        self.thread.start()

    def accept(self):
        while not self.stopped:
            for key, _ in self.selector.select(0.1):
                connection, _ = key.fileobj.accept()
                with self.lock:
                    self.connections[key.data] += 1
                    self.open.add(connection)
                threading.Thread(target=self.serve, args=(connection, key.data, self.connections[key.data]), daemon=True).start()

    def serve(self, connection, number, which):
        connection.settimeout(60 * SLOW)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        wire = Wire(connection)
        row = self.rows[number]
        in_script = False
        try:
            while True:
                start = len(wire.seen) - len(wire.buffer)
                if isinstance(row, Answer) and row.name.startswith("early"):
                    while b"\r\n\r\n" not in wire.buffer:
                        wire.more()
                    if b" /bad" in wire.buffer.split(b"\r\n")[0]:
                        in_script = self.note(number, 1)
                        self.script(connection, row.send, wire)
                        in_script = self.note(number, -1)
                        continue
                message = wire.request(lambda head: self.invite(connection, row, head))
                message.connection = which
                with self.lock:
                    self.got[number].append(message)
                    place = len(self.got[number])
                if isinstance(row, Answer) and message.first.split(b" ")[1].startswith(b"/bad"):
                    in_script = self.note(number, 1)
                    self.script(connection, row.send, wire)
                    in_script = self.note(number, -1)
                elif isinstance(row, Request) and row.answer is not None and place == 1:
                    connection.sendall(row.answer)
                else:
                    self.echo(connection, message, place)
        except Truncated:
            if wire.seen[start:]:
                self.rests[number].append(wire.seen[start:])
        except Malformed as fault:
            self.faults[number].append(f"the backend gets what is malformed: {fault}")
        except AssertionError as fault:
            self.faults[number].append(str(fault))
        except (OSError, TimeoutError, StopIteration):
            pass
        finally:
            with self.lock:
                self.open.discard(connection)
            connection.close()
            if in_script:
                self.note(number, -1)

    def note(self, number, change):
        with self.lock:
            self.saying[number] += change
        return change > 0

    def said(self, number):
        """Waits until all that the row's scripts say has arrived: nothing on the wire tells that an answer has more behind it."""
        wait_until(lambda: not self.saying[number], 10, "the backend has said everything", every=0.002)

    def invite(self, connection, row, head):
        """100-continue, unless the row has an answer of its own."""
        if b"100-continue" in head.items(b"Expect") and getattr(row, "answer", None) is None and isinstance(row, Request):
            connection.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
        elif b"100-continue" in head.items(b"Expect"):
            connection.sendall(row.answer)
            raise StopIteration

    def echo(self, connection, message, place):
        method = message.first.split(b" ")[0]
        content = b"#%d " % place + message.first + b"\n"
        head = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\nX-Place: %d\r\n\r\n" % (len(content), place)
        connection.sendall(head if method == b"HEAD" else head + content)

    def script(self, connection, steps, wire):
        for step in steps:
            if step is PAUSE:
                time.sleep(0.02 * SLOW)
            elif step is WAIT:
                wire.more()
            elif step is CLOSE:
                raise StopIteration
            elif step is RESET:
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                raise StopIteration
            else:
                for piece in pieces(step, self.size):
                    connection.sendall(piece)
        wait_until(lambda: arrived(connection), 10, "what the backend said has arrived", every=0.002)

    def stop(self):
        self.stopped = True
        self.thread.join()
        for key in list(self.selector.get_map().values()):
            key.fileobj.close()
        with self.lock:
            for connection in self.open:
                connection.close()


def address(number):
    return f"127.64.{number // 200}.{number % 200 + 1}"


def site(port, ports, more=""):
    """A configuration with a pool and a route for each backend."""
    parts = [f'[http]\nmax_fields = 100\nmax_head = "32KiB"\nmax_target = "8KiB"\nmax_body = "1MiB"\n{more}',
             f'[[listen]]\naddress = ["127.0.0.1:{port}"]']
    for number, backend in enumerate(ports):
        parts.append(f'[[pool]]\nname = "p{number}"\neject_after = 0\nresponse_timeout = "3s"\n[[pool.backend]]\n'
                     f'address = "127.0.0.1:{backend}"\n[pool.health]\nenabled = false\n'
                     f'[[route]]\nfrom = ["{address(number)}/32"]\npool = "p{number}"')
    return "\n".join(parts)


class Judge:
    def __init__(self, rows, port, size=0):
        self.rows, self.port, self.size = rows, port, size
        self.backends = Backends(rows, size)
        self.faults = [[] for _ in rows]
        self.talks = [b"" for _ in rows]

    def run(self):
        with ThreadPoolExecutor(12) as pool:
            list(pool.map(self.one, range(len(self.rows))))
        self.backends.stop()
        for number, row in enumerate(self.rows):
            self.faults[number] += self.backends.faults[number]
            if isinstance(row, Request):
                self.judge_backend(number, row)
        return [f"{row.name} [{row.level} {row.rfc}]: {fault}" for row, faults in zip(self.rows, self.faults) for fault in faults]

    def connect(self, number):
        s = socket.create_connection(("127.0.0.1", self.port), timeout=PATIENCE, source_address=(address(number), 0))
        s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return Wire(s)

    def one(self, number):
        row = self.rows[number]
        try:
            if isinstance(row, Request):
                self.request(number, row)
            else:
                self.answer(number, row)
        except (Malformed, Truncated, TimeoutError, OSError, AssertionError) as fault:
            self.faults[number].append(f"{type(fault).__name__}: {fault}; the client got {self.talks[number][-300:]!r}")

    # --- requests ---

    def request(self, number, row):
        wire = self.connect(number)
        try:
            self.exchange(number, row, wire)
        finally:
            self.talks[number] = wire.seen
            wire.sock.close()
        for pattern in row.sees:
            assert re.search(pattern, wire.seen, re.S), f"the client does not see {pattern!r}"
        for pattern in row.unseen:
            assert not re.search(pattern, wire.seen, re.S), f"the client sees {pattern!r}"

    def steps(self, wire, steps):
        for step in steps:
            try:
                if step is PAUSE:
                    time.sleep(0.02 * SLOW)
                elif step is HALF:
                    wire.sock.shutdown(socket.SHUT_WR)
                elif step is WAIT:
                    wire.more()
                elif step is RESET:
                    wire.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                    wire.sock.close()
                    return
                else:
                    for piece in pieces(step, self.size):
                        wire.sock.sendall(piece)
            except (BrokenPipeError, ConnectionResetError, Truncated):
                return  # it has answered and closed already; what it said is read by who called

    def exchange(self, number, row, wire):
        self.steps(wire, row.send)
        if RESET in row.send:
            return
        octets = b"".join(step for step in row.send if isinstance(step, bytes)).lstrip(b"\r\n")
        method = octets.split(b" ")[0]
        version = b"HTTP/1.0" if re.match(rb"[^\r\n]* HTTP/1\.0\r?\n", octets) else b"HTTP/1.1"
        last = None
        for place, want in enumerate(row.want):
            self.talks[number] = wire.seen
            last = wire.response(method if place == 0 else b"GET", version if place == 0 else b"HTTP/1.1")
            right = want if isinstance(want, tuple) else (want,)
            assert last.status in right, f"answer {place + 1} is {last.first!r}, not {want}: {last.body[:80]!r}"
        if row.closed is True or (last and last.framing == "close"):
            extra = wire.rest() if not wire.ended else b""
            assert not extra, f"more came than it should: {extra[:120]!r}"
            assert row.closed is not False, "it is closed"
            if last and last.framing != "close" and version == b"HTTP/1.1" and last.status != 101:
                assert b"close" in last.items(b"Connection"), "it closes without having said so (RFC 9112 9.6)"
        elif row.closed is False:
            wire.sock.sendall(b"GET /probe HTTP/1.1\r\nHost: probe\r\nConnection: close\r\n\r\n")
            last = wire.response()
            assert last.status == 200 and b"GET /probe HTTP/1.1" in last.body, f"out of step: {last.first!r} {last.body[:80]!r}"
            extra = wire.rest()
            assert not extra, f"more came than it should: {extra[:120]!r}"

    def judge_backend(self, number, row):
        got = [m for m in self.backends.got[number] if not m.first.startswith(b"GET /probe")]
        count = row.reaches
        if count is None:
            count = sum(1 for want in row.want if isinstance(want, int) and 200 <= want < 300)
        count = count if isinstance(count, tuple) else (count,)
        faults = self.faults[number]
        if len(got) not in count:
            faults.append(f"{len(got)} requests reached the backend, not {count}: {[m.first for m in got]}")
        rests = self.backends.rests[number]
        if rests and not row.partial:
            faults.append(f"a part of a request reached the backend: {rests[0][:200]!r}")
        everything = b"".join(m.head + b"<body>" + m.body + b"</body>" + b"".join(b"<%s=%s>" % t for t in m.trailers)
                              + b"<%s>" % m.framing.encode() for m in got)
        for pattern in row.gets:
            if not re.search(pattern, everything, re.S):
                faults.append(f"the backend does not get {pattern!r} but {everything[:400]!r}")
        for pattern in row.never:
            if re.search(pattern, everything + b"".join(rests), re.S):
                faults.append(f"the backend gets {pattern!r}: {everything[:400]!r}")

    # --- answers ---

    def answer(self, number, row):
        wire = self.connect(number)
        octets = row.request
        method = octets.split(b" ")[0]
        version = b"HTTP/1.0" if b" HTTP/1.0\r\n" in octets else b"HTTP/1.1"
        message, cut = None, False
        try:
            wire.sock.sendall(octets)
            try:
                message = wire.response(method, version)
            except Truncated:
                cut = True
            self.talks[number] = wire.seen
            self.judge_answer(row, message, cut, wire)
            if message and message.status == 101:
                return
            self.second(number, row, wire, message)
        finally:
            self.talks[number] = wire.seen
            wire.sock.close()

    def judge_answer(self, row, message, cut, wire):
        if row.want == "cut":
            assert cut or message.status in (502, 504), f"a broken answer ends as if it were whole: {message.first!r} {message.body[:80]!r}"
        else:
            right = row.want if isinstance(row.want, tuple) else (row.want,)
            assert not cut, "the answer is cut off"
            assert message.status in right, f"the answer is {message.first!r}, not {right}: {message.body[:80]!r}"
        if row.body is not None:
            assert message and message.body == row.body, f"the content is {message.body[:120] if message else None!r}, not {row.body[:120]!r}"
        if row.framing is not None:
            assert message.framing == row.framing, f"the content ends by {message.framing}, not {row.framing}"
        if row.interim is not None:
            assert [m.status for m in message.interim] == list(row.interim), f"interim answers: {[m.first for m in message.interim]}"
        for pattern in row.sees:
            assert re.search(pattern, wire.seen, re.S), f"the client does not see {pattern!r}"
        for pattern in row.unseen:
            assert not re.search(pattern, wire.seen, re.S), f"the client sees {pattern!r}"

    def second(self, number, row, wire, message):
        """The next request, on this connection while it lives, must get its own answer."""
        self.backends.said(number)
        octets = b"GET /next HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
        if wire.ended or not message or message.framing == "close" or b"close" in message.items(b"Connection") or \
                b" HTTP/1.0\r\n" in row.request or row.name.startswith("early"):
            if message and not wire.ended and not row.name.startswith("early"):
                extra = wire.rest()
                assert not extra, f"more came than it should: {extra[:120]!r}"
            wire.sock.close()
            wire = self.connect(number)
        wire.sock.sendall(octets)
        last = wire.response()
        self.talks[number] = wire.seen
        assert last.status == 200 and b"GET /next HTTP/1.1" in last.body, f"the next answer is out of step: {last.first!r} {last.body[:80]!r}"
        extra = wire.rest()
        assert not extra, f"more came than it should: {extra[:120]!r}"
        got = self.backends.got[number]
        next_one = [m.connection for m in got if m.first.startswith(b"GET /next")]
        bad = [m.connection for m in got if not m.first.startswith(b"GET /next")]
        if row.reused is False and bad:
            assert next_one[-1] not in bad, "a connection that is out of step is used again"
        if row.reused is True:
            assert next_one[-1] in bad, "a good connection is not used again"
