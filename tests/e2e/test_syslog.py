"""Syslog (RFC 5424) over UDP, TCP and TLS to a receiver that is killed and comes back: nothing is lost that the buffer holds."""
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from harness import Http, Process, free_port, http_get, run_genkan, wait_until
from mail_peers import Talk

MESSAGE = re.compile(r"<(\d+)>1 (\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z) (\S+) (\S+) (\d+) (access|mail|log) - (.*)")


class Receiver(Process):
    def __init__(self, folder, way, port, *files):
        super().__init__(f"receiver-{way}", folder)
        self.way, self.port, self.files = way, port, list(map(str, files))
        self.got = self.folder / f"{way}.messages"

    def start(self):
        before = len(self.log_lines("listening"))
        self.spawn([sys.executable, str(Path(__file__).parent / "syslog_receiver.py"), self.way, str(self.port), str(self.got), *self.files])
        self.wait_log("listening", count=before + 1)
        return self

    def messages(self):
        text = self.got.read_text() if self.got.exists() else ""
        out = [MESSAGE.fullmatch(line) for line in text.splitlines()]
        assert all(out), text[-2000:]
        return [m.groups() for m in out]

    def paths(self):
        return {m[6] for m in self.messages() if m[5] == "access"}

    def stop(self):
        if self.running():
            self.kill()


@pytest.fixture
def receiver(tmp_path):
    started = []

    def make(way, *files):
        one = Receiver(tmp_path, way, free_port(), *files)
        started.append(one)
        return one
    yield make
    for one in started:
        one.stop()


def certificate(folder, name="localhost"):
    cert, key = folder / f"{name}.pem", folder / f"{name}.key"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj", f"/CN={name}",
                    "-addext", f"subjectAltName=DNS:{name}", "-keyout", str(key), "-out", str(cert)], check=True, capture_output=True)
    return cert, key


def start(genkan, server, more="", line="{path}", **options):
    port = free_port()
    g = genkan(f'''
        [access_log]
        format = "{line}"
        [syslog]
        server = "{server}"
        {more}
        [[listen]]
        address = ["127.0.0.1:{port}"]
        [[route]]
        status = 204
    ''', **options)
    return port, g


def ask(port, *paths):
    with Http(port) as client:
        for path in paths:
            assert client.get(path).status == 204


def arrived(r, wanted, timeout=15):
    wait_until(lambda: set(wanted) <= r.paths(), timeout, f"{len(wanted)} lines at the receiver")


def state(g):
    return g.api("/api/v1/syslog").json()


@pytest.mark.parametrize("way", ["udp", "tcp", "tls"])
def test_lines_arrive_and_wait_while_the_receiver_is_away(genkan, receiver, tmp_path, way):
    files, more = (), 'facility = "local3"\napp_name = "front"'
    if way == "tls":
        files = certificate(tmp_path)
        more += f'\nca = "{files[0]}"\ntls_name = "localhost"'
    r = receiver(way, *files).start()
    port, g = start(genkan, f"{way}://127.0.0.1:{r.port}", more)
    first = [f"/first/{i}" for i in range(20)]
    ask(port, *first)
    arrived(r, first)
    row = [m for m in r.messages() if m[6] == "/first/0"][0]
    assert row[0] == str(19 * 8 + 6) and row[2] == "genkan" and row[3] == "front" and row[4] == str(g.pid)
    started = [m for m in r.messages() if "genkan serves" in m[6]]
    assert started and started[0][0] == str(19 * 8 + 5) and started[0][5] == "log"

    wait_until(lambda: state(g)["sent"] >= 20, 10, "the receiver's system has taken them")
    r.kill()
    away = [f"/away/{i}" for i in range(300)]
    ask(port, *away)
    wait_until(lambda: state(g)["state"] == "away" and state(g)["buffer_bytes"] > 0, 10, "lines wait on the disk")
    why = re.search(r'error="(.*)"', g.wait_log("the syslog receiver is away")[0]).group(1)
    assert re.fullmatch(r"Connection refused|Connection reset by peer|Broken pipe|the \w+ closed the connection( early)?|TLS.*", why), why
    r.start()
    last = [f"/last/{i}" for i in range(20)]
    ask(port, *last)
    arrived(r, away + last)
    wait_until(lambda: state(g)["buffer_bytes"] == 0 and state(g)["state"] == "connected", 10, "nothing waits any more")
    assert state(g)["dropped"] == 0
    assert g.metrics()["genkan_syslog_connected"] == 1
    order = [m[6] for m in r.messages() if m[6].startswith("/away/")]
    assert sorted(set(order), key=order.index) == away


def test_a_receiver_that_is_killed_under_load_costs_only_what_it_had_not_read(genkan, receiver):
    r = receiver("tcp").start()
    port, g = start(genkan, f"tcp://127.0.0.1:{r.port}")
    paths = []
    for round in range(3):
        some = [f"/r{round}/{i}" for i in range(200)]
        ask(port, *some[:100])
        wait_until(lambda: {some[0]} <= r.paths(), 10, "the flow")
        arrived(r, some[:100])
        r.kill()
        ask(port, *some[100:])
        r.start()
        paths += some
    arrived(r, paths)
    assert state(g)["dropped"] == 0


def test_what_waits_survives_a_restart(genkan, receiver):
    r = receiver("tcp")
    port, g = start(genkan, f"tcp://127.0.0.1:{r.port}")
    paths = [f"/before/{i}" for i in range(100)]
    ask(port, *paths)
    wait_until(lambda: state(g)["buffer_bytes"] > 0, 10, "lines wait on the disk")
    g.stop()
    segments = list((g.state / "syslog").glob("*.seg"))
    assert segments
    g.start()
    ask(port, "/after")
    r.start()
    arrived(r, paths + ["/after"])
    assert any("genkan has stopped" in m[6] for m in r.messages())
    wait_until(lambda: not list((g.state / "syslog").glob("*.seg")), 10, "the folder is empty")


def test_what_does_not_fit_is_dropped_and_counted(genkan, receiver):
    r = receiver("tcp")
    port, g = start(genkan, f"tcp://127.0.0.1:{r.port}", 'buffer = "64k"\nlog = false')
    long = "x" * 900
    paths = [f"/{i}/{long}" for i in range(200)]
    ask(port, *paths)
    wait_until(lambda: state(g)["dropped"] > 0 and state(g)["dropped"] + len(r.paths()) >= 1, 10, "lines are dropped")
    wait_until(lambda: state(g)["buffer_bytes"] > 50_000, 10, "the buffer is used")
    assert state(g)["buffer_bytes"] <= 64 * 1024
    g.wait_log("the syslog buffer is full")
    r.start()
    wait_until(lambda: len(r.paths()) + state(g)["dropped"] == 200 and state(g)["buffer_bytes"] == 0, 15, "every line has arrived or was counted")
    assert r.paths() == set(paths[:len(r.paths())])  # the oldest are kept
    assert g.metrics()["genkan_syslog_dropped_total"] == state(g)["dropped"]
    ask(port, "/again")
    arrived(r, ["/again"])


def test_a_receiver_with_a_wrong_certificate_gets_nothing(genkan, receiver, tmp_path):
    good, other = certificate(tmp_path), certificate(tmp_path, "other.example")
    r = receiver("tls", *other).start()
    port, g = start(genkan, f"tls://127.0.0.1:{r.port}", f'ca = "{good[0]}"\ntls_name = "localhost"')
    ask(port, "/secret")
    wait_until(lambda: "TLS" in state(g)["last_error"], 10, "the handshake fails")
    assert not r.paths() and state(g)["sent"] == 0
    r.stop()
    r.files = list(map(str, good))
    r.start()
    arrived(r, ["/secret"])


def test_a_certificate_for_another_name_is_refused(genkan, receiver, tmp_path):
    files = certificate(tmp_path, "other.example")
    r = receiver("tls", *files).start()
    port, g = start(genkan, f"tls://127.0.0.1:{r.port}", f'ca = "{files[0]}"\ntls_name = "localhost"')
    ask(port, "/secret")
    wait_until(lambda: "TLS" in state(g)["last_error"], 10, "the handshake fails")
    assert not r.paths()


def test_a_reload_changes_the_receiver_and_loses_nothing(genkan, receiver):
    one, two = receiver("tcp"), receiver("udp").start()
    port, g = start(genkan, f"tcp://127.0.0.1:{one.port}")
    ask(port, "/a", "/b")
    wait_until(lambda: state(g)["buffer_bytes"] > 0, 10, "lines wait on the disk")
    g.reload(g.file.read_text().replace(f"tcp://127.0.0.1:{one.port}", f"udp://127.0.0.1:{two.port}"))
    ask(port, "/c")
    arrived(two, ["/a", "/b", "/c"])


def test_the_mail_log_goes_there_too_unless_it_is_switched_off(genkan, receiver):
    r, port = receiver("tcp").start(), free_port()
    more = f"""
        [smtp]
        enabled = true
        hostname = "mx.example"
        min_free = "1MiB"
        log_format = "json"
        [[smtp.listen]]
        address = ["127.0.0.1:{port}"]
        [[smtp.route]]
        domains = ["next.example"]
        relay = "next"
        [[smtp.relay]]
        name = "next"
        [[smtp.relay.member]]
        address = "127.0.0.1:{free_port()}"
    """
    _, g = start(genkan, f"tcp://127.0.0.1:{r.port}", more)

    def refused(word):
        with Talk(port) as talk:
            talk.say("EHLO client.example")
            talk.say("MAIL FROM:<s@client.example>")
            assert talk.say(f"RCPT TO:<{word}@elsewhere.example>").startswith("550")

    def mail():
        return [json.loads(m[6]) for m in r.messages() if m[5] == "mail"]
    refused("stranger")
    row = wait_until(lambda: [m for m in mail() if m["message"] == "refused"], 15, "a line of the mail log")[0]
    assert "stranger@elsewhere.example" in row["command"] and row["client"] == "127.0.0.1"
    with Talk(port) as talk:
        accepted = talk.message("u@next.example", b"Subject: x\r\n\r\n").split()[-1]
    wait_until(lambda: any(m["message"] == "accepted" and m["id"] == accepted for m in mail()), 15, "what was accepted")
    g.reload(g.file.read_text().replace("[syslog]", "[syslog]\nmail_log = false"))
    refused("later")
    ask(_, "/after")
    arrived(r, ["/after"])
    assert not [m for m in mail() if "later@" in m.get("command", "")]


def test_lines_longer_than_a_datagram_are_cut(genkan, receiver):
    r = receiver("udp").start()
    port, g = start(genkan, f"udp://127.0.0.1:{r.port}", line="{path}{path}{path}")
    ask(port, "/" + "y" * 4000)
    wait_until(lambda: any(p.startswith("/yyy") for p in r.paths()), 10, "the long line")
    assert 8000 < max(len(p) for p in r.paths()) <= 8192


def test_a_wrong_server_is_named(tmp_path):
    conf = tmp_path / "bad.toml"
    conf.write_text('[syslog]\nserver = "syslog://a"\n')
    done = run_genkan("check", str(conf))
    assert done.returncode != 0 and "bad.toml:2:10" in done.stdout + done.stderr
