#!/usr/bin/env python3
"""Plain proxying of 1 KiB responses: keep-alive on both sides, 64 clients, access log on, the same number of threads.

With one thread the proxy has CPU 1 to itself and the load generator and the origin share CPU 0; with more nothing is pinned.
Many short rounds: on a shared machine one round may cost a fifth more than the next, and medians of few tell nothing.
The last row is the growth of our memory over a million requests.
"""
import sys

import peers
from lib import Row, arguments, cpu_per_request, h2load, interleaved, median, run, wrk


def body(options, started):
    pinned = options.threads == 1
    ours_cpu, rest_cpu = ("1", "0") if pinned else (None, None)

    def start(server):
        started.append(server)
        return server.start()

    origin = start(peers.origin(1024, cpus=rest_cpu))
    servers = [start(peers.nginx(origin.port, options.threads, ours_cpu)),
               start(peers.haproxy(origin.port, options.threads, ours_cpu))]
    if not options.peers_only:
        servers.insert(0, start(peers.genkan(origin.port, options.threads, ours_cpu)))

    def load(server, seconds):
        return wrk(f"http://127.0.0.1:{server.port}/", seconds, options.connections, rest_cpu)

    for s in servers:  # pools filled, code and files in memory
        load(s, 1)
    cost = interleaved(servers, options.rounds, lambda s: cpu_per_request(s, lambda: load(s, options.seconds)))
    case = f"1 KiB, {options.connections} clients, {options.threads} thread{'s' * (options.threads > 1)}"
    us = {name: median(values) for name, values in cost.items()}
    if options.peers_only:
        return [Row(case, "us/request", us["nginx"], "haproxy", us["haproxy"])]
    rows = [Row(case, "us/request", us["genkan"], "nginx", us["nginx"], 0.90),
            Row(case, "us/request", us["genkan"], "haproxy", us["haproxy"], 0.80)]
    ours = servers[0]
    before = ours.memory()
    done = h2load(f"http://127.0.0.1:{ours.port}/", options.requests, options.connections, cpus=rest_cpu)
    if done.errors:
        raise SystemExit(f"bench: {done.errors} requests failed")
    # Pages of buffers first touched by a deeper burst than the rounds had are no growth: 256 KiB is 0.27 bytes a request.
    rows.append(Row(f"memory growth over {done.requests} requests", "KiB", max(0, ours.memory() - before) / 1024, goal=256))
    return rows


if __name__ == "__main__":
    o = arguments(__doc__, rounds=31, seconds=1, threads=1, connections=64, requests=1_000_000)
    sys.exit(run("proxy", body, o))
