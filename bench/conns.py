#!/usr/bin/env python3
"""Memory of an idle keep-alive connection: 10,000 of them, each after one proxied request, in clear, over TLS and over HTTP/2.

What is counted is the proportional share (PSS) of all processes of a server, before and after: the difference, for each connection, is
the goal's measure. Kernel memory of the sockets is everybody's and not counted. The whole process with its 10,000 connections is
shown too, since a server may have taken room for connections at its start (nginx does).
"""
import contextlib
import re
import socket
import ssl
import sys
import time
from pathlib import Path

import h2
import peers
import tls
from lib import Row, allow_files, arguments, folder, process_tree, progress, run

QUIET = 3  # seconds that the last connection has been idle for
WARM = 64  # connections that came and went before the first look: code, pools and free lists are in memory then


def share(server):
    """KiB that the server's processes have in memory; pages shared by n processes count 1/n each."""
    total = 0
    for pid in process_tree(server.child.pid):
        text = Path(f"/proc/{pid}/smaps_rollup").read_text()
        total += int(re.search(r"^Pss:\s+(\d+)", text, re.MULTILINE).group(1))
    return total


def settled(server):
    """The share after some idleness, once two looks half a second apart agree to 1 %."""
    time.sleep(QUIET)
    last = share(server)
    for _ in range(20):
        time.sleep(0.5)
        now = share(server)
        if abs(now - last) <= last / 100:
            return now
        last = now
    return last


def trust_all():
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context


def receive_http1(s):
    data = b""
    while b"\r\n\r\n" not in data:
        got = s.recv(65536)
        if not got:
            raise SystemExit("bench: a connection was closed")
        data += got
    head, _, rest = data.partition(b"\r\n\r\n")
    left = int(re.search(rb"(?i)content-length: (\d+)", head).group(1)) - len(rest)
    while left > 0:
        left -= len(s.recv(65536))
    return head.split(b" ")[1]


# HPACK (RFC 7541), static table alone: GET, http, "/", and :authority as a literal that is not indexed.
HEADERS = b"\x82\x86\x84\x01\x09bench.one"


def frame(kind, flags, stream, payload=b""):
    return len(payload).to_bytes(3, "big") + bytes((kind, flags)) + stream.to_bytes(4, "big") + payload


def receive_h2(s):
    """Until the end of stream 1; SETTINGS are acknowledged. Returns the first octet of the answer's fields."""
    data, status = b"", b""
    while True:
        while len(data) >= 9 and len(data) >= 9 + int.from_bytes(data[:3], "big"):
            size, kind, flags = int.from_bytes(data[:3], "big"), data[3], data[4]
            stream, payload = int.from_bytes(data[5:9], "big"), data[9:9 + size]
            data = data[9 + size:]
            if kind == 4 and not flags & 1:
                s.sendall(frame(4, 1, 0))
            if kind == 1 and stream == 1:
                status = payload[:1]
            if kind in (3, 7):
                raise SystemExit("bench: a stream was reset")
            if kind in (0, 1) and flags & 1 and stream == 1:
                return status
        got = s.recv(65536)
        if not got:
            raise SystemExit("bench: a connection was closed")
        data += got


def connect(server, kind, context):
    s = socket.create_connection(("127.0.0.1", server.port), timeout=20)
    if kind == "tls":
        s = context.wrap_socket(s)
    if kind == "h2":
        s.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + frame(4, 0, 0) + frame(1, 5, 1, HEADERS))
        if receive_h2(s) != b"\x88":  # ":status: 200" of the static table; a size update would be no answer of these
            raise SystemExit(f"bench: {server.name} did not answer 200")
    else:
        s.sendall(b"GET / HTTP/1.1\r\nHost: bench.one\r\n\r\n")
        if receive_http1(s) != b"200":
            raise SystemExit(f"bench: {server.name} did not answer 200")
    return s


def measure(server, kind, count):
    context = trust_all() if kind == "tls" else None
    with contextlib.ExitStack() as stack:
        for _ in range(WARM):
            stack.enter_context(contextlib.closing(connect(server, kind, context)))
    before = settled(server)
    with contextlib.ExitStack() as stack:
        for n in range(count):
            if n % 500 == 0:
                progress(f"{server.name}: {kind} {n}/{count}")
            stack.enter_context(contextlib.closing(connect(server, kind, context)))
        after = settled(server)
    progress("")
    return (after - before) / count, after / 1024


def replaced(path, *pairs):
    text = path.read_text()
    for old, new in pairs:
        assert old in text, (path, old)
        text = text.replace(old, new)
    path.write_text(text)


def servers_for(kind, origin, options):
    """Room for all connections in each; the rest as in the other benchmarks."""
    room = options.connections + 1000
    make = {"clear": (peers.genkan, peers.nginx, peers.haproxy), "tls": (tls.genkan, tls.nginx, tls.haproxy),
            "h2": (peers.genkan, h2.nginx, h2.haproxy)}[kind]
    out = []
    for maker in make if not options.peers_only else make[1:]:
        server = maker(origin.port, 1, None)
        if server.name == "nginx":
            replaced(folder() / "nginx" / "nginx.conf", ("worker_connections 8192", f"worker_connections {2 * room}"))
        elif server.name == "haproxy":
            replaced(folder() / "haproxy.cfg", ("maxconn 8000", f"maxconn {room}\n  no strict-limits"))
        else:
            replaced(folder() / "genkan.toml", ("[http]\n", f"[http]\nmax_connections = {room}\nmax_connections_per_address = 0\n"))
        out.append(server)
    return out


def body(options, started):
    allow_files(2 * options.connections + 4096)
    origin = peers.origin(1024)
    started.append(origin)
    origin.start()
    rows = []
    for kind in options.kinds.split(","):
        each, whole = {}, {}
        for server in servers_for(kind, origin, options):
            started.append(server)
            server.start()
            each[server.name], whole[server.name] = measure(server, kind, options.connections)
            server.stop()
        case = f"{options.connections} idle, {kind}"
        theirs = [name for name in each if name != "genkan"]
        best = min(theirs, key=each.get)
        for name in theirs:
            goal = 1.0 if name == best and "genkan" in each else None
            rows.append(Row(case, "KiB each", each.get("genkan", 0.0), name, each[name], goal))
        rows += [Row(f"{case}, whole process", "MiB", whole.get("genkan", 0.0), name, whole[name]) for name in theirs]
    return rows


if __name__ == "__main__":
    o = arguments(__doc__, rounds=1, connections=10_000, kinds="clear,tls,h2")
    sys.exit(run("conns", body, o))
