#!/usr/bin/env python3
"""What a large configuration costs: CPU per request with 10 and with 10,000 routes, with 1 and with 1,000 backends.

The requests go to the last row of the table, which a table that is asked row by row reaches last. Four tables are measured, each
of one kind of condition (exact path, prefix, pattern, host) and one with all of them mixed. The two configurations alternate, as
ours and a peer do elsewhere; the goal is that the large one costs at most 1.15 times the small one.
"""
import sys

import peers
from lib import Row, Server, arguments, cpu_per_request, folder, free_port, genkan_program, interleaved, median, run, wrk, write

KINDS = {
    "exact": 'path = "/exact/{i}"',
    "prefix": 'path_prefix = "/prefix/{i}/"',
    "pattern": "path_pattern = '^/pattern/{i}/[a-z]+$'",
    "host": 'hosts = ["h{i}.example"]',
}
ASKS = {"exact": "/exact/{i}", "prefix": "/prefix/{i}/x", "pattern": "/pattern/{i}/x", "host": "/", "mixed": "/last/x"}


def table(kind, count):
    """`count` rows, the last of which is the one that is asked for; and the path that asks."""
    rows = []
    names = list(KINDS)
    for i in range(count - 1 if kind == "mixed" else count):
        condition = KINDS[names[i % 4] if kind == "mixed" else kind].format(i=i)
        rows.append(f'[[route]]\n{condition}\npool = "web"\n')
    if kind == "mixed":
        rows.append('[[route]]\npath_prefix = "/last/"\npool = "web"\n')
    return "".join(rows), ASKS[kind].format(i=count - 1)


def genkan(name, backends, routes, cpus):
    port, admin = free_port(), free_port()
    state = folder() / name
    state.mkdir(exist_ok=True)
    made = "".join(f'[[pool.backend]]\nname = "b{n}"\naddress = "{address}"\n' for n, address in enumerate(backends))
    conf = write(f"{name}.toml", f"""
[node]
name = "bench"
state_dir = "{state}"
workers = 1
[log]
level = "warning"
[access_log]
path = "{folder()}/{name}-access.log"
[admin]
listen = "127.0.0.1:{admin}"
[[listen]]
address = ["127.0.0.1:{port}"]
[[pool]]
name = "web"
idle_connections = 4096
{made}
[pool.health]
enabled = false
{routes}
""")
    return Server(name, [genkan_program(), "run", "-c", conf], port, cpus)


def compare(options, started, case, small, large, path, host=None):
    for server in (small, large):
        started.append(server)
        server.start()
    extra = ("-H", f"Host: {host}") if host else ()

    def load(server, seconds):
        target = path(server) if callable(path) else path
        header = ("-H", f"Host: {host(server)}") if callable(host) else extra
        return wrk(f"http://127.0.0.1:{server.port}{target}", seconds, options.connections, "0", header)
    for server in (small, large):
        load(server, 1)
    cost = interleaved([large, small], options.rounds, lambda s: cpu_per_request(s, lambda: load(s, options.seconds)))
    for server in (small, large):
        server.stop()
    return Row(case, "us/request", median(cost[large.name]), small.name, median(cost[small.name]), 1.15)


def body(options, started):
    origin = peers.origin(1024, cpus="0")
    started.append(origin)
    origin.start()
    one = [f"127.0.0.1:{origin.port}"]
    rows = []
    for kind in (k for k in options.kinds.split(",") if k != "backends"):
        tables = {count: table(kind, count) for count in (10, options.routes)}
        servers = {count: genkan(f"{kind}-{count}", one, tables[count][0], "1") for count in tables}
        asks = {servers[count].name: tables[count][1] for count in tables}
        hosts = {servers[count].name: f"h{count - 1}.example" for count in tables}
        rows.append(compare(options, started, f"{options.routes} routes: {kind}", servers[10], servers[options.routes],
                            lambda s: asks[s.name], (lambda s: hosts[s.name]) if kind == "host" else None))
    if "backends" not in options.kinds.split(","):
        return rows
    # 127.0.0.0/8 is one interface: a thousand addresses of one origin that listens on all of them
    wide = peers.origin(1024, cpus="0", address="0.0.0.0")
    started.append(wide)
    wide.start()
    catch_all = '[[route]]\npool = "web"\n'
    many = [f"127.0.{n // 250}.{n % 250 + 1}:{wide.port}" for n in range(options.backends)]
    rows.append(compare(options, started, f"{options.backends} backends", genkan("backends-1", many[:1], catch_all, "1"),
                        genkan(f"backends-{options.backends}", many, catch_all, "1"), "/"))
    return rows


if __name__ == "__main__":
    o = arguments(__doc__, connections=64, routes=10_000, backends=1_000,
                  kinds="exact,prefix,pattern,host,mixed,backends")
    sys.exit(run("routes", body, o))
