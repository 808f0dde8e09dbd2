"""measure_vip.py [runs]: how long the client of a virtual address waits in each fault, in ms, and how many probes fail.

For docs/vip.md. A fault comes at a random phase of the advertisement interval; outage is from the first failing probe to the
first good one after the last failing one (one connection and GET every 10 ms, good within 200 ms).
"""
import random
import statistics
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "e2e"))
from vip_site import Keepalived, Ours, Site  # noqa: E402


def term(site):
    site.nodes["a"].term()


def kill(site):
    site.nodes["a"].kill_all()
    site.services["a"].kill()


def crash(site):
    (site.nodes["a"].kill_main if hasattr(site.nodes["a"], "kill_main") else site.nodes["a"].kill_all)()
    site.services["a"].kill()


def link(site):
    site.net.unplug("a")


def service(site):
    site.nodes["a"].level(0)
    site.services["a"].kill()


FAULTS = {"term": term, "crash": crash, "kill": kill, "link": link, "service": service}


def once(kind, priorities, interval_ms, fault):
    with tempfile.TemporaryDirectory() as folder, Site(folder) as site:
        for name, priority in zip("ab", priorities):
            site.node(name, kind, priority, interval_ms)
        site.wait_holder("a", 30)
        site.wait_answer("a")
        time.sleep(0.3 + random.random() * interval_ms / 1000)
        probes = site.fault(lambda: FAULTS[fault](site), settle=4 * interval_ms / 1000 + 0.7)
        return probes.outage_ms(), len(probes.failed)


def main():
    runs = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    only = sys.argv[2:]
    for kind in (Ours, Keepalived):
        for priorities in ((150, 100), (254, 253)):
            for interval_ms in (1000, 100, 10):
                for fault in FAULTS:
                    name = f"{kind.__name__} {priorities[0]}/{priorities[1]} {interval_ms}ms {fault}"
                    if (fault == "service" and kind is Keepalived) or (only and not all(o in name.split() for o in only)):
                        continue
                    got = [once(kind, priorities, interval_ms, fault) for _ in range(runs)]
                    outages = [g[0] for g in got]
                    print(f"{name}: median {statistics.median(outages):.0f} ms ({min(outages):.0f}-{max(outages):.0f}), "
                          f"failed probes {[g[1] for g in got]}", flush=True)


main()
