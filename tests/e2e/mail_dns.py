"""A small authoritative name server for tests: what it is told, and nothing else. UDP and TCP; can lie and be silent."""
import socket
import socketserver
import struct
import threading

from harness import free_port

TYPES = {"A": 1, "CNAME": 5, "PTR": 12, "MX": 15, "TXT": 16, "AAAA": 28, "SRV": 33, "TLSA": 52}


def encode_name(name):
    out = b""
    for label in name.rstrip(".").split("."):
        if label:
            out += bytes([len(label)]) + label.encode()
    return out + b"\0"


def encode_data(kind, value):
    if kind == "A":
        return socket.inet_pton(socket.AF_INET, value)
    if kind == "AAAA":
        return socket.inet_pton(socket.AF_INET6, value)
    if kind == "MX":
        preference, host = value.split(" ")
        return struct.pack(">H", int(preference)) + encode_name(host)
    if kind == "TLSA":
        usage, selector, matching, data = value.split(" ")
        return bytes([int(usage), int(selector), int(matching)]) + bytes.fromhex(data)
    if kind == "SRV":
        priority, weight, port, host = value.split(" ")
        return struct.pack(">HHH", int(priority), int(weight), int(port)) + encode_name(host)
    if kind == "TXT":
        parts = [value[i:i + 255].encode() for i in range(0, len(value), 255)] or [b""]
        return b"".join(bytes([len(p)]) + p for p in parts)
    return encode_name(value)


class Names:
    """`zone`: {"example.org": [("MX", "10 mx.example.org"), ("A", "127.0.0.1")]}. A name's value may also be "servfail", "silent",
    or absent: NXDOMAIN. `secure`: names (or endings such as ".example.org") that it vouches for, to whom asks whether it does."""

    def __init__(self, zone, secure=(), ttl=60):
        self.ttl = ttl
        self.zone, self.asked = {k.lower(): v for k, v in zone.items()}, []
        self.secure = tuple(secure)
        self.failing = set()  # (name, type) that it fails to answer
        names = self

        class Udp(socketserver.BaseRequestHandler):
            def handle(self):
                data, sock = self.request
                answer = names.answer(data)
                if answer:
                    sock.sendto(answer, self.client_address)

        class Tcp(socketserver.BaseRequestHandler):
            def handle(self):
                size = self.request.recv(2)
                if len(size) == 2:
                    answer = names.answer(self.request.recv(struct.unpack(">H", size)[0]))
                    if answer:
                        self.request.sendall(struct.pack(">H", len(answer)) + answer)
        self.port = free_port()  # free for both; one that the system gives for UDP may be taken for TCP
        self.udp = socketserver.ThreadingUDPServer(("127.0.0.1", self.port), Udp)
        socketserver.TCPServer.allow_reuse_address = True
        self.tcp = socketserver.ThreadingTCPServer(("127.0.0.1", self.port), Tcp)
        for server in (self.udp, self.tcp):
            server.daemon_threads = True
            threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    @property
    def address(self):
        return f"127.0.0.1:{self.port}"

    def answer(self, query):
        labels, at = [], 12
        while query[at]:
            labels.append(query[at + 1:at + 1 + query[at]].decode(errors="replace"))
            at += 1 + query[at]
        question = query[12:at + 5]
        kind = struct.unpack(">H", query[at + 1:at + 3])[0]
        name = ".".join(labels).lower()
        self.asked.append((name, kind))
        found = self.zone.get(name)
        if found == "silent":
            return None
        failing = found == "servfail" or any(name == n and kind == TYPES[k] for n, k in self.failing)
        code, records = (2, []) if failing else (3, []) if found is None else (0, self.follow(name, kind, found))
        body = b"".join(encode_name(owner) + struct.pack(">HHIH", TYPES[k], 1, self.ttl, len(encode_data(k, v))) + encode_data(k, v)
                        for owner, k, v in records)
        vouched = any(name == s or (s.startswith(".") and name.endswith(s)) for s in self.secure) and query[3] & 0x20
        return query[:2] + struct.pack(">HHHHH", 0x8580 | code | (0x20 if vouched else 0), 1, len(records), 0, 0) + question + body

    def follow(self, name, kind, found):
        """The records of this type, through at most eight CNAMEs (a loop of them is handed out as it is)."""
        out = []
        for _ in range(8):
            wanted = [(name, k, v) for k, v in found if TYPES[k] == kind]
            if wanted:
                return out + wanted
            alias = next((v for k, v in found if k == "CNAME"), None)
            if alias is None:
                return out
            out.append((name, "CNAME", alias))
            name = alias.lower()
            found = self.zone.get(name)
            if not isinstance(found, list):
                return out
        return out

    def stop(self):
        for server in (self.udp, self.tcp):
            server.shutdown()
            server.server_close()
