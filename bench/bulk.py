#!/usr/bin/env python3
"""Large bodies: 10 MiB from the backend through the proxy to clients, and from clients to the backend; bytes for each second of the
proxy's CPU, against nginx and HAProxy.

Load generator and the uploads' origin are small programs of their own (this file with --role) that read into 1 MiB, so that the
kernel's queues and not they decide how much is moved at once; downloads come from an nginx that sends a file. nginx streams uploads
(no file in between) and has 64 KiB buffers, which of 16, 32, 64, 128 and 256 KiB cost it least, and writes no temporary files;
HAProxy is as it comes, and once more with `option splice-auto`.
"""
import json
import os
import socket
import subprocess
import sys
import threading
import time

import peers
from lib import Row, Server, arguments, folder, free_port, interleaved, median, run

MIB = 1024 * 1024
PIECE = memoryview(bytes(MIB))


def receive_head(s, buffer, end=b"\r\n\r\n"):
    """The head, and how much of the content came with it; the buffer holds both."""
    at = 0
    while True:
        n = s.recv_into(buffer[at:])
        if n == 0:
            return b"", 0
        at += n
        head, found, rest = bytes(buffer[:min(at, 65536)]).partition(end)
        if found:
            return head, at - len(head) - len(end)


def length_of(head):
    for line in head.split(b"\r\n")[1:]:
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            return int(value)
    return 0


def serve_uploads(port):
    """The origin of uploads: reads a content whole, then answers."""
    listener = socket.create_server(("127.0.0.1", port), backlog=512)

    def serve(s):
        buffer = memoryview(bytearray(MIB))
        s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        while True:
            head, have = receive_head(s, buffer)
            if not head:
                return s.close()
            left = length_of(head) - have
            while left > 0:
                n = s.recv_into(buffer, min(left, MIB))
                if n == 0:
                    return s.close()
                left -= n
            s.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
    while True:
        threading.Thread(target=serve, args=(listener.accept()[0],), daemon=True).start()


def transfer(port, seconds, clients, size, upload):
    """`clients` connections, one transfer after the other, for so many seconds. Prints the bytes of content that went through."""
    end = time.monotonic() + seconds
    done, errors = [0] * clients, [0] * clients

    def client(i):
        buffer = memoryview(bytearray(MIB))
        s = socket.create_connection(("127.0.0.1", port), timeout=60)
        method = b"POST" if upload else b"GET"
        extra = b"Content-Length: %d\r\n" % size if upload else b""
        while time.monotonic() < end:
            s.sendall(method + b" / HTTP/1.1\r\nHost: bench.example\r\n" + extra + b"\r\n")
            left = size if upload else 0
            while left > 0:
                left -= s.send(PIECE[:min(left, MIB)])
            head, have = receive_head(s, buffer)
            expected = 2 if upload else size
            if b" 200 " not in head[:20] or length_of(head) != expected:
                errors[i] += 1
                return
            while have < expected:
                n = s.recv_into(buffer, min(expected - have, MIB))
                if n == 0:
                    errors[i] += 1
                    return
                have += n
            done[i] += size
    threads = [threading.Thread(target=client, args=(i,)) for i in range(clients)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    print(json.dumps({"bytes": sum(done), "errors": sum(errors)}))


def sink(cpus=None):
    port = free_port()
    return Server("sink", [sys.executable, __file__, "--role", "sink", "--port", port], port, cpus)


def load(port, seconds, options, upload, cpus):
    argv = [sys.executable, __file__, "--role", "client", "--port", str(port), "--seconds", str(seconds),
            "--connections", str(options.connections), "--size", str(options.size), "--upload", str(int(upload))]
    if cpus is not None:
        argv = ["taskset", "-c", cpus, *argv]
    out = json.loads(subprocess.run(argv, capture_output=True, text=True, check=True).stdout)
    if out["errors"] or not out["bytes"]:
        raise SystemExit(f"bench: {out['errors']} transfers failed, {out['bytes']} bytes: nothing to compare")
    return out["bytes"]


def changed(server, path, old, new):
    text = path.read_text()
    assert old in text, (path, old)
    path.write_text(text.replace(old, new))
    return server


def nginx(origin_port, options, cpus):
    server = peers.nginx(origin_port, 1, cpus)
    return changed(server, folder() / "nginx" / "nginx.conf", "proxy_http_version 1.1;",
                   f"proxy_http_version 1.1; client_max_body_size 0; proxy_request_buffering off; proxy_max_temp_file_size 0; "
                   f"client_body_buffer_size {options.nginx_buffer}k; proxy_buffer_size {options.nginx_buffer}k; "
                   f"proxy_buffers 8 {options.nginx_buffer}k; proxy_busy_buffers_size {2 * options.nginx_buffer}k;")


def haproxy(origin_port, name, cpus, splice):
    server = peers.haproxy(origin_port, 1, cpus)
    plain = folder() / "haproxy.cfg"
    mine = folder() / f"bulk-{name.replace(chr(32), chr(45))}.cfg"
    mine.write_text(plain.read_text().replace("maxconn 8000", "maxconn 2000").replace("  option httplog\n", "  option httplog\n" + ("  option splice-auto\n" if splice else "")))
    server.name = name
    server.argv = [str(mine) if a == str(plain) else a for a in server.argv]
    return server


def direction(options, started, upload):
    pinned = ("1", "0")

    def start(server):
        started.append(server)
        return server.start()

    origin = start(sink(pinned[1]) if upload else peers.origin(options.size, cpus=pinned[1]))
    servers = [] if options.peers_only else [start(peers.genkan(origin.port, 1, pinned[0]))]
    servers += [start(nginx(origin.port, options, pinned[0])), start(haproxy(origin.port, "haproxy", pinned[0], False)),
                start(haproxy(origin.port, "haproxy splice", pinned[0], True))]

    def once(server):
        before = server.cpu()
        moved = load(server.port, options.seconds, options, upload, pinned[1])
        used = server.cpu() - before
        return moved / MIB / used

    for s in servers:
        load(s.port, 1, options, upload, pinned[1])
    rates = interleaved(servers, options.rounds, once)
    for s in servers:
        s.stop()
    mib = {name: median(values) for name, values in rates.items()}
    case = f"{'upload' if upload else 'download'}, {options.size // MIB} MiB, {options.connections} clients"
    best = max(("nginx", "haproxy"), key=mib.get)
    return [Row(case, "MiB/CPU second", mib.get("genkan", 0.0), name, mib[name],
                1.0 if name == best and "genkan" in mib else None, at_most=False) for name in mib if name != "genkan"]


def body(options, started):
    rows = []
    for way in options.ways.split(","):
        rows += direction(options, started, way == "upload")
    return rows


if __name__ == "__main__":
    o = arguments(__doc__, rounds=5, seconds=2, connections=8, size=10 * MIB, nginx_buffer=64, ways="download,upload",
                  role="", port=0, upload=0)
    if o.role == "sink":
        serve_uploads(o.port)
    elif o.role == "client":
        transfer(o.port, o.seconds, o.connections, o.size, bool(o.upload))
    else:
        sys.exit(run("bulk", body, o))
