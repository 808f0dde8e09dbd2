"""The queue: what operators do with it, delays and expiry, concurrency that adapts, and a power cut."""
import json
import shutil
import signal
import subprocess

import pytest

from harness import free_port, run_genkan, wait_until
from mail_hop import Hop
from mail_peers import Load, Talk, marks, smtp_source
from peers import SmtpSink
from test_smtp import GO, depth, site, wait_empty


@pytest.fixture
def hop():
    started = []

    def make(*args, **more):
        started.append(Hop(*args, **more))
        return started[-1]
    yield make
    for one in started:
        one.stop()


def with_back(conf, back):
    return conf + f"""
        [[smtp.route]]
        domains = ["client.example"]
        relay = "back"
        [[smtp.relay]]
        name = "back"
        [[smtp.relay.member]]
        address = "127.0.0.1:{back.port}"
    """


def queue(g, *words):
    done = run_genkan("queue", *words, "-c", g.file)
    assert done.returncode == 0, done.stderr
    return done.stdout


def listed(g, *words):
    return [(row["sender"], row["recipients"][0]["address"]) for row in json.loads(queue(g, "list", "--json", *words))["items"]]


def test_filters_choose_what_is_listed_and_changed(genkan, hop):
    back, port = hop(), free_port()
    g = genkan(with_back(site(port, [(free_port(), 10)], more='retry_first = "1h"'), back).replace('retry_first = "1s"\n', ""))
    for sender, to in (("a@one.example", "x@next.example"), ("b@one.example", "y@next.example"), ("c@client.example", "x@next.example"),
                       ("", "x@next.example")):
        with Talk(port) as talk:
            assert talk.message(to, GO, sender=sender).startswith("250")
    assert len(listed(g)) == 4
    assert listed(g, "--sender", "a@one.example") == [("a@one.example", "x@next.example")]
    assert {s for s, _ in listed(g, "--sender", "@one.example")} == {"a@one.example", "b@one.example"}
    assert listed(g, "--sender", "<>") == [("", "x@next.example")]
    assert [r for _, r in listed(g, "--recipient", "Y@next.example")] == ["y@next.example"]
    assert len(listed(g, "--destination", "relay:next")) == 4 and listed(g, "--destination", "relay:other") == []
    assert listed(g, "--older", "1h") == [] and len(listed(g, "--older", "0s")) == 4
    assert queue(g, "hold", "--sender", "@one.example") == "2 changed\n"
    assert len(listed(g, "--state", "held")) == 2
    assert queue(g, "delete", "--state", "held", "--sender", "b@one.example") == "1 changed\n"
    wait_until(lambda: depth(g) == 3, 10, "one is deleted")
    assert run_genkan("queue", "delete", "-c", g.file).returncode != 0, "deleting without saying what"
    assert run_genkan("queue", "list", "--state", "odd", "-c", g.file).returncode != 0
    assert queue(g, "bounce", "--sender", "@client.example") == "1 changed\n"
    text = back.wait()[0].content.decode()
    assert "returned by an operator" in text and "Action: failed" in text and "x@next.example" in text
    wait_until(lambda: depth(g) == 2, 10, "what was given back is gone")
    wait_until(lambda: "relay:next" in queue(g, "shape"), 20, "ages are counted")
    row = wait_until(lambda: [r for r in g.api("/api/v1/queue").json()["destinations"] if r["name"] == "relay:next" and sum(r["ages"]) == 2],
                     20, "two wait")[0]
    assert row["ages"][0] == 2, "both younger than five minutes"


def test_the_sender_is_told_of_a_delay_once_and_then_that_time_is_over(genkan, hop):
    back, port = hop(), free_port()
    conf = with_back(site(port, [(free_port(), 10)], more='delay_notice = "1s"\nexpire = "8s"\nretry_max = "2s"'), back)
    g = genkan(conf)
    with Talk(port) as talk:
        assert talk.message("u@next.example", GO + b"the text\r\n").startswith("250")
    first = back.wait(1, 30)[0].content.decode()
    assert "Action: delayed" in first and "Will-Retry-Until:" in first and "Status: 4." in first
    second = back.wait(2, 60)[1].content.decode()
    assert "Action: failed" in second and "Status: 5.4.7" in second and "the text" in second
    wait_empty(g)
    assert len(back.mails) == 2


def test_concurrency_grows_while_all_is_well_and_shrinks_when_the_next_hop_says_421(genkan, hop):
    busy = {"on": False}

    def data(line, self):
        return "421 4.3.2 too busy" if busy["on"] else None
    one, port = hop(["PIPELINING", "8BITMIME"], answers={"MAIL": data}), free_port()
    g = genkan(site(port, [(one.port, 10)], more='retry_max = "2s"'))
    smtp_source(port, "u@next.example", 300, sessions=20)
    one.wait(300, 60)
    assert one.most > 8, f"more than the first 2 x 4 connections, not {one.most}"
    busy["on"] = True
    smtp_source(port, "u@next.example", 60, sessions=20)
    wait_until(lambda: one.open <= 4, 30, "few connections are left")
    one.most = one.open
    smtp_source(port, "u@next.example", 60, sessions=20)
    assert one.most <= 8
    busy["on"] = False
    wait_empty(g, 60)
    assert len(one.mails) == 420


IMAGE = 192 << 20


class Disk:
    """ext4 in a file, on a loop device. A copy of the file is what a power cut would leave: un-synced data is not in it."""

    def __init__(self, folder):
        self.image, self.at = folder / "disk.img", folder / "disk"
        self.at.mkdir()
        with open(self.image, "wb") as f:
            f.truncate(IMAGE)
        subprocess.run(["mkfs.ext4", "-q", "-F", "-E", "lazy_itable_init=0", self.image], check=True)
        self.mounted = []
        self.mount(self.image, self.at)

    def mount(self, image, at):
        # commit=300: the file system must not sync by itself what the program did not.
        subprocess.run(["mount", "-o", "loop,commit=300", image, at], check=True)
        self.mounted.append(at)

    def cut(self, copy, at):
        at.mkdir()
        shutil.copyfile(self.image, copy)
        self.mount(copy, at)

    def close(self):
        for at in reversed(self.mounted):
            subprocess.run(["umount", "-l", at], check=False)


@pytest.mark.root
@pytest.mark.parametrize("round", [1, 2, 3])
def test_a_power_cut_loses_nothing_that_was_answered_250(genkan, tmp_path, round):
    disk = Disk(tmp_path)
    sink = SmtpSink(tmp_path)
    try:
        sink.start()

        def conf(at, next_port):
            node = f'[node]\nname = "cut"\nstate_dir = "{at}/state"\nworkers = 2\ndrain_timeout = "5s"\n'
            return node + site(port, [(next_port, 10)])
        port = free_port()
        (disk.at / "state").mkdir()
        subprocess.run(["sync", "-f", disk.at], check=True)
        g = genkan(conf(disk.at, free_port()))
        load = Load(port, "u@next.example", size=2000 * round).start()
        wait_until(lambda: load.count() >= 150 * round, 90, "the load runs")
        (disk.at / "control").write_bytes(b"never synced" * 1000)
        g.signal(signal.SIGSTOP)
        with load.lock:
            acknowledged = list(load.acknowledged)
        at = tmp_path / "after"
        disk.cut(tmp_path / "copy.img", at)
        g.kill()
        load.stop()
        control = at / "control"
        assert not control.exists() or control.stat().st_size == 0, "this cut drops nothing: it proves nothing"
        second = genkan(conf(at, sink.port), name="second")
        wait_empty(second, 90)
        seen = marks(sink.messages())
        lost = [mark for mark in acknowledged if mark not in seen]
        assert not lost, f"{len(lost)} of {len(acknowledged)} lost"
        assert all(count == 1 for count in seen.values()), "none came twice: the first life had no next hop"
        assert not second.log_lines("damaged"), second.log()[-2000:]
        second.stop()
    finally:
        sink.stop()
        disk.close()
