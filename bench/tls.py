#!/usr/bin/env python3
"""TLS 1.3 against nginx: CPU of a request on kept connections, and handshakes for each second of CPU, full and resumed.

Both have the same ECDSA P-256 certificate, the same suites and tickets without state. Handshakes come from `openssl s_time`,
several at once, one small fixed answer on each connection, so that every handshake is a whole one; what is counted is the
server's CPU alone. That the sessions were resumed is counted too, not assumed. Both as they come: nginx gives two tickets, we one.
"""
import re
import subprocess
import sys

import peers
from lib import Row, arguments, cpu_per_request, folder, interleaved, median, run, wrk

SUITES = "TLS_AES_128_GCM_SHA256"


def make_certificate():
    cert, key = folder() / "bench.crt", folder() / "bench.key"
    if not cert.exists():
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "30",
                        "-subj", "/CN=bench.example", "-addext", "subjectAltName=DNS:bench.example", "-keyout", str(key),
                        "-out", str(cert)], check=True, capture_output=True)
    return cert, key


def genkan(origin_port, threads, cpus):
    cert, key = make_certificate()
    server = peers.genkan(origin_port, threads, cpus, top=f'''
[[certificate]]
cert = "{cert}"
key = "{key}"
[tls]
cipher_suites = "{SUITES}"
''')
    conf = folder() / "genkan.toml"
    text = conf.read_text().replace(f'address = ["127.0.0.1:{server.port}"]', f'address = ["127.0.0.1:{server.port}"]\ntls = true\nprotocols = ["http/1.1"]')
    conf.write_text(text.replace('[[route]]', '[[route]]\npath = "/small"\nstatus = 200\nbody = "small"\n[[route]]', 1))
    return server


def nginx(origin_port, threads, cpus):
    cert, key = make_certificate()
    server = peers.nginx(origin_port, threads, cpus)
    conf = folder() / "nginx" / "nginx.conf"
    text = conf.read_text().replace(f"listen 127.0.0.1:{server.port} reuseport", f"listen 127.0.0.1:{server.port} ssl reuseport")
    text = text.replace("location / {\n            proxy_pass", f"""ssl_certificate {cert}; ssl_certificate_key {key};
          ssl_protocols TLSv1.2 TLSv1.3; ssl_conf_command Ciphersuites {SUITES}; ssl_session_cache off; ssl_session_tickets on;
          location = /small {{ return 200 small; }}
          location / {{\n            proxy_pass""")
    assert "ssl_certificate" in text and " ssl reuseport" in text
    conf.write_text(text)
    return server


def haproxy(origin_port, threads, cpus):
    cert, key = make_certificate()
    both = folder() / "bench.pem"
    both.write_text(cert.read_text() + key.read_text())
    server = peers.haproxy(origin_port, threads, cpus)
    conf = folder() / "haproxy.cfg"
    text = conf.read_text().replace(f"bind 127.0.0.1:{server.port}",
                                    f"bind 127.0.0.1:{server.port} ssl crt {both} alpn http/1.1 ciphersuites {SUITES}")
    assert " ssl crt " in text
    conf.write_text(text)
    return server


def handshakes(server, seconds, resumed, clients, cpus):
    """Handshakes for each second of the server's CPU."""
    argv = ["openssl", "s_time", "-connect", f"127.0.0.1:{server.port}", "-www", "/small", "-tls1_3", "-time", str(seconds),
            "-reuse" if resumed else "-new"]
    if cpus is not None:
        argv = ["taskset", "-c", cpus, *argv]
    before = server.cpu()
    running = [subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) for _ in range(clients)]
    texts = [one.communicate()[0] for one in running]
    used = server.cpu() - before
    done = sum(int(re.search(r"(\d+) connections in \d+ real seconds", text).group(1)) for text in texts)
    marks = "".join(mark for text in texts for mark in re.findall(r"^[rt*]+$", text, re.M))  # one for each: r resumed, * not
    reused = marks.count("r") / max(1, len(marks))
    if not done or (resumed and reused < 0.95) or (not resumed and reused > 0):
        raise SystemExit(f"bench: {server.name}: {done} handshakes, {reused:.0%} of them resumed: nothing to compare")
    return done / used


def body(options, started):
    pinned = options.threads == 1
    ours_cpu, rest_cpu = ("1", "0") if pinned else (None, None)

    def start(server):
        started.append(server)
        return server.start()

    origin = start(peers.origin(options.size, cpus=rest_cpu))
    servers = [start(nginx(origin.port, options.threads, ours_cpu))]
    if not options.peers_only:
        servers.insert(0, start(genkan(origin.port, options.threads, ours_cpu)))

    def load(server, seconds):
        return wrk(f"https://127.0.0.1:{server.port}/", seconds, options.connections, rest_cpu)

    for s in servers:
        load(s, 1)
    cost = interleaved(servers, options.rounds, lambda s: cpu_per_request(s, lambda: load(s, options.seconds)))
    # A fifth of the rounds, of s_time's whole seconds: a handshake costs so much that few tell enough.
    rounds = max(3, options.rounds // 5)
    full = interleaved(servers, rounds, lambda s: handshakes(s, options.seconds, False, options.clients, rest_cpu))
    again = interleaved(servers, rounds, lambda s: handshakes(s, options.seconds, True, options.clients, rest_cpu))
    rows = []
    for case, unit, values, goal, at_most in (
            (f"TLS 1.3 kept, {options.size // 1024} KiB, {options.connections} clients", "us/request", cost, 0.92, True),
            ("full handshakes, ECDSA P-256", "a CPU second", full, 1.0, False),
            ("resumed handshakes", "a CPU second", again, 1.0, False)):
        us = {name: median(v) for name, v in values.items()}
        ours = us.get("genkan", us["nginx"])
        rows.append(Row(case, unit, ours, "nginx", us["nginx"], None if options.peers_only else goal, at_most))
    return rows


if __name__ == "__main__":
    o = arguments(__doc__, rounds=15, seconds=1, threads=1, connections=64, clients=4, size=16384)
    sys.exit(run("tls", body, o))
