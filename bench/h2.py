#!/usr/bin/env python3
"""CPU of a request over HTTP/2 (prior knowledge, many streams on each connection) to a backend of HTTP/1.1, against nginx, HAProxy
and nghttpx, interleaved. Goal: at most 0.80 of the best of them."""
import os
import shutil
import sys

import peers
from lib import Row, Server, arguments, cpu_per_request, folder, free_port, h2load, interleaved, median, run, write

NGHTTPX = shutil.which("nghttpx") or "/usr/sbin/nghttpx"


def nginx(origin_port, threads, cpus=None):
    server = peers.nginx(origin_port, threads, cpus)
    conf = folder() / "nginx" / "nginx.conf"
    conf.write_text(conf.read_text().replace("reuseport backlog=4096;\n          location / {\n            proxy_pass",
                                             "reuseport http2 backlog=4096;\n          location / {\n            proxy_pass")
                    .replace("keepalive_requests 100000000; keepalive_timeout", "http2_max_concurrent_streams 256; keepalive_requests 100000000; keepalive_timeout"))
    assert "http2 backlog" in conf.read_text()
    return server


def haproxy(origin_port, threads, cpus=None):
    server = peers.haproxy(origin_port, threads, cpus)
    conf = folder() / "haproxy.cfg"
    conf.write_text(conf.read_text().replace(f"bind 127.0.0.1:{server.port}", f"bind 127.0.0.1:{server.port} proto h2"))
    return server


def nghttpx(origin_port, threads):
    port = free_port()
    log = folder() / "nghttpx-access.log"
    argv = [NGHTTPX, "--conf=/dev/null", f"--frontend=127.0.0.1,{port};no-tls", f"--backend=127.0.0.1,{origin_port}", f"--workers={threads}",
            f"--accesslog-file={log}", f"--errorlog-file={folder() / 'nghttpx-error.log'}", "--frontend-http2-max-concurrent-streams=256",
            "--backend-connections-per-host=4096", "--backend-connections-per-frontend=4096", "--no-ocsp"]
    return Server("nghttpx", argv, port)


def body(options, started):
    def up(server):
        started.append(server.start())
        return server
    origin = up(peers.origin(options.size))
    servers = [] if options.peers_only else [up(peers.genkan(origin.port, options.threads))]
    servers += [up(nginx(origin.port, options.threads)), up(haproxy(origin.port, options.threads))]
    if os.access(NGHTTPX, os.X_OK):
        servers.append(up(nghttpx(origin.port, options.threads)))

    def one(server):
        load = lambda: h2load(f"http://127.0.0.1:{server.port}/", options.requests, options.clients, options.streams, http1=False)  # noqa: E731
        return cpu_per_request(server, load)
    for server in servers:  # warm: connections to the origin, caches
        h2load(f"http://127.0.0.1:{server.port}/", options.requests // 10, options.clients, options.streams, http1=False)
    results = interleaved(servers, options.rounds, one)
    case = f"h2 {options.size} B, {options.clients} x {options.streams} streams"
    ours = median(results["genkan"]) if "genkan" in results else 0.0
    theirs = {name: median(values) for name, values in results.items() if name != "genkan"}
    best = min(theirs, key=theirs.get)
    return [Row(case, "us CPU/request", ours, name, value, 0.80 if name == best and ours else None) for name, value in theirs.items()]


if __name__ == "__main__":
    sys.exit(run("h2", body, arguments(__doc__, size=1024, clients=4, streams=100, threads=1, requests=100_000)))
