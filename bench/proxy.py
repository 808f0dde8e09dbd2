#!/usr/bin/env python3
"""Plain proxying, HTTP/1.1 on both sides, keep-alive, access log on, the same number of threads: 1 KiB and 16 KiB, 8, 64 and 512 clients.

With one thread the proxy has CPU 1 to itself and the load generator and the origin share CPU 0; with more nothing is pinned.
Many short rounds: on a shared machine one round may cost a fifth more than the next, and medians of few tell nothing. The case that
most is promised about, 1 KiB with 64 clients, has --rounds of them, the others --other-rounds. --sizes and --clients pick.
The last row is the growth of our memory over a million requests.
"""
import sys

import peers
from lib import Row, arguments, cpu_per_request, h2load, interleaved, median, run, wrk

MAIN = (1024, 64)


def goals(clients):
    """(to nginx, to HAProxy): few clients leave more of the cost to the kernel, which is everybody's."""
    return (0.90, 0.90) if clients < 64 else (0.80, 0.65)


def one_size(options, started, size, clients):
    pinned = options.threads == 1
    ours_cpu, rest_cpu = ("1", "0") if pinned else (None, None)

    def start(server):
        started.append(server)
        return server.start()

    origin = start(peers.origin(size, cpus=rest_cpu))
    servers = [start(peers.nginx(origin.port, options.threads, ours_cpu)),
               start(peers.haproxy(origin.port, options.threads, ours_cpu))]
    if not options.peers_only:
        servers.insert(0, start(peers.genkan(origin.port, options.threads, ours_cpu)))
    rows = []
    for count in clients:
        def load(server, seconds):
            return wrk(f"http://127.0.0.1:{server.port}/", seconds, count, rest_cpu)  # noqa: B023

        for s in servers:  # pools filled, code and files in memory
            load(s, 1)
        rounds = options.rounds if (size, count) == MAIN else options.other_rounds
        cost = interleaved(servers, rounds, lambda s: cpu_per_request(s, lambda: load(s, options.seconds)))  # noqa: B023
        case = f"{size // 1024} KiB, {count} clients, {options.threads} thread{'s' * (options.threads > 1)}"
        us = {name: median(values) for name, values in cost.items()}
        if options.peers_only:
            rows.append(Row(case, "us/request", us["nginx"], "haproxy", us["haproxy"]))
            continue
        to_nginx, to_haproxy = goals(count)
        rows += [Row(case, "us/request", us["genkan"], "nginx", us["nginx"], to_nginx),
                 Row(case, "us/request", us["genkan"], "haproxy", us["haproxy"], to_haproxy)]
    if MAIN[0] == size and MAIN[1] in clients and not options.peers_only and options.requests > 0:
        rows.append(growth(options, servers[0], rest_cpu))
    for s in reversed(servers):
        s.stop()
    origin.stop()
    return rows


def growth(options, ours, rest_cpu):
    before = ours.memory()
    done = h2load(f"http://127.0.0.1:{ours.port}/", options.requests, MAIN[1], cpus=rest_cpu)
    if done.errors:
        raise SystemExit(f"bench: {done.errors} requests failed")
    # Pages of buffers first touched by a deeper burst than the rounds had are no growth: 256 KiB is 0.27 bytes a request.
    return Row(f"memory growth over {done.requests} requests", "KiB", max(0, ours.memory() - before) / 1024, goal=256)


def body(options, started):
    clients = [int(n) for n in options.clients.split(",")]
    rows = []
    for size in options.sizes.split(","):
        rows += one_size(options, started, int(size), clients)
    return rows


if __name__ == "__main__":
    o = arguments(__doc__, rounds=21, seconds=1, threads=1, other_rounds=5, clients="8,64,512", sizes="1024,16384", requests=1_000_000)
    sys.exit(run("proxy", body, o))
