#!/usr/bin/env python3
"""Requests a second and the 99th percentile when as much is asked as can be answered: two threads each, nothing pinned.

Load generator, origin and proxy share the machine's cores, the same for all: what a proxy does not use, the others have. 1 KiB,
keep-alive on both sides, access log on, rounds alternate.
"""
import sys

import peers
from lib import Row, arguments, interleaved, median, run, wrk


def body(options, started):
    def start(server):
        started.append(server)
        return server.start()

    origin = start(peers.origin(options.size, workers=options.threads))
    servers = [] if options.peers_only else [start(peers.genkan(origin.port, options.threads))]
    servers += [start(peers.nginx(origin.port, options.threads)), start(peers.haproxy(origin.port, options.threads))]
    rows = []
    for clients in (int(n) for n in options.clients.split(",")):
        p99 = {s.name: [] for s in servers}

        def once(server):
            done = wrk(f"http://127.0.0.1:{server.port}/", options.seconds, clients, threads=options.threads)  # noqa: B023
            if done.errors:
                raise SystemExit(f"bench: {server.name}: {done.errors} errors: nothing to compare")
            p99[server.name].append(done.p99_ms)  # noqa: B023
            return done.per_second

        for s in servers:
            once(s)
            p99[s.name].clear()
        rate = {name: median(values) for name, values in interleaved(servers, options.rounds, once).items()}
        late = {name: median(values) for name, values in p99.items()}
        case = f"{options.size // 1024} KiB, {clients} clients, {options.threads} threads"
        theirs = [name for name in rate if name != "genkan"]
        quickest, soonest = max(theirs, key=rate.get), min(theirs, key=late.get)
        ours = "genkan" in rate
        rows += [Row(case, "requests/s", rate.get("genkan", 0.0), name, rate[name], 1.0 if ours and name == quickest else None,
                     at_most=False) for name in theirs]
        rows += [Row(f"{case}, p99", "ms", late.get("genkan", 0.0), name, late[name], 1.0 if ours and name == soonest else None)
                 for name in theirs]
    return rows


if __name__ == "__main__":
    o = arguments(__doc__, rounds=5, seconds=2, threads=2, clients="64,512", size=1024)
    sys.exit(run("saturation", body, o))
