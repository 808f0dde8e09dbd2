"""Clients for the tests: raw bytes over a socket, and a small HTTP/1.1 client that hides nothing of the answer."""
import http.client
import json
import socket
import ssl
from dataclasses import dataclass, field


def raw_exchange(port, data, host="127.0.0.1", timeout=10.0, half_close=False, chunk=0):
    """Sends bytes, then reads until the other side closes (or nothing comes for `timeout` seconds). Returns all that came.

    chunk: send in pieces of that many bytes; half_close: shut the sending side down after the last byte.
    """
    with socket.create_connection((host, port), timeout=timeout) as s:
        s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            for at in range(0, len(data), chunk or max(1, len(data))):
                s.sendall(data[at:at + chunk] if chunk else data)
            if half_close:
                s.shutdown(socket.SHUT_WR)
        except (BrokenPipeError, ConnectionResetError):
            pass  # the other side has answered and closed already; what it said is read below
        return read_all(s)


def read_all(s):
    """What comes until the end, a reset, or the socket's timeout."""
    out = b""
    while True:
        try:
            part = s.recv(65536)
        except (socket.timeout, ConnectionResetError):
            return out
        if not part:
            return out
        out += part


def raw_http(port, data, **more):
    """Like raw_exchange; text is allowed, and a missing `Connection: close` costs the timeout: say it in the request."""
    return raw_exchange(port, data.encode() if isinstance(data, str) else data, **more)


def status_of(answer):
    """The status code of the first response in raw bytes; 0 when there is none."""
    head = answer.split(b"\r\n", 1)[0].split(b" ")
    return int(head[1]) if len(head) > 1 and head[0].startswith(b"HTTP/") and head[1].isdigit() else 0


@dataclass
class Answer:
    status: int
    fields: list = field(default_factory=list)  # [(name, value)] as they came
    body: bytes = b""
    peer_cert: bytes = b""                       # DER, over TLS

    def get(self, name, default=None):
        values = self.all(name)
        return values[0] if values else default

    def all(self, name):
        return [v for k, v in self.fields if k.lower() == name.lower()]

    @property
    def text(self):
        return self.body.decode(errors="replace")

    def json(self):
        return json.loads(self.body)


def insecure_tls(alpn=None):
    """A context that accepts any certificate: the tests' own are self-signed."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    if alpn:
        context.set_alpn_protocols(alpn)
    return context


class Http:
    """One kept connection. `with Http(port) as c: a = c.get("/")`."""

    def __init__(self, port, host="127.0.0.1", tls=False, name=None, timeout=20.0):
        self.port, self.host, self.tls, self.name = port, host, tls, name or host
        self.timeout = timeout
        self.conn = None

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        if self.conn:
            self.conn.close()
            self.conn = None

    def connect(self):
        self.conn = http.client.HTTPConnection(self.host, self.port, timeout=self.timeout)
        if self.tls:
            plain = socket.create_connection((self.host, self.port), timeout=self.timeout)
            self.conn.sock = insecure_tls().wrap_socket(plain, server_hostname=self.name)
        else:
            self.conn.connect()

    def request(self, method, path, body=None, fields=None):
        if not self.conn or not self.conn.sock:
            self.connect()
        fields = dict(fields or {})
        fields.setdefault("Host", self.name)
        self.conn.request(method, path, body=body, headers=fields)
        cert = self.conn.sock.getpeercert(binary_form=True) if self.tls else b""
        response = self.conn.getresponse()
        answer = Answer(response.status, response.getheaders(), response.read(), cert or b"")
        if response.will_close:
            self.close()
        return answer

    def get(self, path="/", **fields):
        return self.request("GET", path, fields={k.replace("_", "-"): v for k, v in fields.items()})


def http_get(port, path="/", fields=None, method="GET", body=None, **more):
    """One request on its own connection."""
    with Http(port, **more) as client:
        return client.request(method, path, body=body, fields={**{"Connection": "close"}, **(fields or {})})
