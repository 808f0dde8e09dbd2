"""`genkan upgrade`: the program is replaced while it serves. No request fails, what is open lives on, and a new one that does not
start changes nothing."""
import os
import re
import shutil
import signal
import smtplib
import socket
import subprocess
import threading

import pytest

import harness
from harness import free_port, http_get, run_genkan, wait_until
from load import Load, alive


def pid_of(g):
    file = g.state / "run" / "genkan.pid"
    return int(file.read_text()) if file.exists() else 0


@pytest.fixture
def upgrade():
    """upgrade(g) -> the new process id. What still runs afterwards is ended as an operator would."""
    seen = []

    def make(g, timeout=60):
        before = pid_of(g)
        done = run_genkan("upgrade", "-c", g.file, timeout=timeout)
        assert done.returncode == 0, done.stderr + g.log()[-3000:]
        now = pid_of(g)
        assert now != before and alive(now), g.log()[-3000:]
        seen.append((g, now))
        return now
    yield make
    for g, pid in seen:
        if alive(pid):
            os.kill(pid, signal.SIGTERM)
    for _, pid in seen:
        wait_until(lambda p=pid: not alive(p), 20, f"process {pid} has ended")


def conf(port, backend, more=""):
    return f'''
        {more}
        [[listen]]
        address = ["127.0.0.1:{port}"]
        [[pool]]
        name = "web"
        [[pool.backend]]
        address = "127.0.0.1:{backend}"
        [[route]]
        path = "/which"
        status = 200
        body = "one"
        [[route]]
        pool = "web"
    '''


def test_no_request_fails_and_the_new_configuration_is_in_force(genkan, nginx, upgrade):
    port, one = free_port(), nginx("one")
    g = genkan(conf(port, one.port))
    old = g.pid
    with Load(port) as load:
        wait_until(lambda: load.served > 50, 10, "load")
        g.write(conf(port, one.port).replace('"one"', '"two"'))
        new = upgrade(g)
        reached = load.served
        wait_until(lambda: load.served > reached + 50, 10, "load on the new process")
        wait_until(lambda: not alive(old), 20, "the old process has ended")
        reached = load.served
        second = upgrade(g)
        wait_until(lambda: load.served > reached + 50, 10, "load on the third process")
        wait_until(lambda: not alive(new), 20, "the second process has ended")
    assert load.failures == [], load.failures[:5]
    assert http_get(port, "/which").text == "two"
    assert g.api("/readyz").status == 200 and pid_of(g) == second
    assert g.child.wait(5) == 0
    assert "the old process has ended" in g.log() and not g.log_lines(r" error "), g.log()


def test_many_idle_and_new_connections_at_once(genkan, nginx, upgrade):
    port, one = free_port(), nginx("one")
    g = genkan(conf(port, one.port))
    idle = [socket.create_connection(("127.0.0.1", port)) for _ in range(50)]  # accepted by the old one, nothing asked yet
    with Load(port, kept=2, fresh=4) as load:
        wait_until(lambda: load.served > 20, 10, "load")
        upgrade(g)
        for s in idle:
            s.settimeout(10)
            s.sendall(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        for s in idle:
            head = s.recv(65536)
            assert head.startswith(b"HTTP/1.1 200") and b"Connection: close" in head, head[:300]
            s.close()
    assert load.failures == [], load.failures[:5]


def test_a_tunnel_lives_on_in_the_old_process(genkan, origin, upgrade):
    def echo(connection, data):
        if b"Upgrade: websocket" not in data:
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
            return True
        connection.sendall(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n")
        while part := connection.recv(65536):
            connection.sendall(part)
        return False
    port, o = free_port(), origin(echo)
    g = genkan(conf(port, o.port))
    old = g.pid
    with socket.create_connection(("127.0.0.1", port), timeout=10) as s:
        s.sendall(b"GET /ws HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
                  b"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n")
        assert s.recv(65536).startswith(b"HTTP/1.1 101")
        for round in range(2):
            upgrade(g)
            assert http_get(port, "/").text == "ok"
            s.sendall(b"still here %d" % round)
            assert s.recv(100) == b"still here %d" % round
        assert alive(old)
    wait_until(lambda: not alive(old), 20, "the old process has ended after its last connection")


def test_a_bad_configuration_changes_nothing(genkan, nginx):
    port, one = free_port(), nginx("one")
    g = genkan(conf(port, one.port))
    good = g.file.read_text()
    with Load(port) as load:
        wait_until(lambda: load.served > 20, 10, "load")
        g.file.write_text(good.replace("[[route]]", "[[ruote]]"))
        done = run_genkan("upgrade", "-c", g.file)
        assert done.returncode != 0 and "ruote" in done.stderr and pid_of(g) == g.pid
        # by signal, nobody checks before
        g.signal(signal.SIGUSR2)
        line = g.wait_log("the upgrade failed")[0]
        assert "ruote" in line, line
        reached = load.served
        wait_until(lambda: load.served > reached + 50, 10, "it serves on")
    assert load.failures == [], load.failures[:5]
    assert g.running() and pid_of(g) == g.pid
    g.file.write_text(good)
    g.reload()
    assert http_get(port, "/which").text == "one"


def test_an_address_that_is_taken_changes_nothing(genkan, nginx):
    port, one, taken = free_port(), nginx("one"), socket.create_server(("127.0.0.1", 0))
    g = genkan(conf(port, one.port))
    g.write(conf(port, one.port).replace(f'address = ["127.0.0.1:{port}"]', f'address = ["127.0.0.1:{port}", "127.0.0.1:{taken.getsockname()[1]}"]'))
    with Load(port) as load:
        done = run_genkan("upgrade", "-c", g.file)
        assert done.returncode != 0 and str(taken.getsockname()[1]) in done.stderr, done.stderr
    assert load.failures == [] and load.served > 0 and pid_of(g) == g.pid
    taken.close()


def test_a_broken_program_changes_nothing(genkan, nginx, tmp_path, monkeypatch, upgrade):
    binary = tmp_path / "genkan-program"
    shutil.copy(harness.program(), binary)
    monkeypatch.setenv("GENKAN_BIN", str(binary))
    port, one = free_port(), nginx("one")
    g = genkan(conf(port, one.port))
    working = binary.read_bytes()

    def install(data):
        fresh = tmp_path / "fresh"
        fresh.write_bytes(data)
        fresh.chmod(0o755)
        fresh.replace(binary)  # as a package manager does
    monkeypatch.delenv("GENKAN_BIN")
    with Load(port) as load:
        for broken in (b"\x7fELF nonsense", b"#!/bin/sh\nexit 3\n", b"#!/bin/sh\nkill -SEGV $$\n", b"#!/no/such/interpreter\n"):
            install(broken)
            done = run_genkan("upgrade", "-c", g.file)
            assert done.returncode != 0 and "the old process serves on" in done.stderr, (broken, done.stderr)
            assert g.running() and pid_of(g) == g.pid
        install(working)
        upgrade(g)
    assert load.failures == [] and load.served > 50, load.failures[:5]


def test_mail_goes_on_and_the_spool_has_one_owner_at_a_time(genkan, nginx, smtp_sink, upgrade):
    port, mail, one, sink = free_port(), free_port(), nginx("one"), smtp_sink()
    g = genkan(conf(port, one.port) + f'''
        [smtp]
        enabled = true
        hostname = "mx.example"
        min_free = "1MiB"
        retry_first = "1s"
        [[smtp.listen]]
        address = ["127.0.0.1:{mail}"]
        [[smtp.route]]
        domains = ["next.example"]
        relay = "next"
        [[smtp.relay]]
        name = "next"
        [[smtp.relay.member]]
        address = "127.0.0.1:{sink.port}"
    ''')
    accepted, failures, ending = [], [], threading.Event()

    def send(name):
        count = 0
        while not ending.is_set():
            count += 1
            mark = f"mark-{name}-{count}-end"
            try:
                with smtplib.SMTP("127.0.0.1", mail, timeout=30) as client:
                    client.sendmail("a@example.org", ["b@next.example"], f"Subject: {mark}\r\n\r\nhello\r\n")
                    accepted.append(mark)
            except smtplib.SMTPResponseException as error:
                if error.smtp_code != 421:  # "try again" is an answer that a mail host understands
                    failures.append(repr(error))
            except smtplib.SMTPRecipientsRefused as error:
                if any(code != 421 for code, _ in error.recipients.values()):
                    failures.append(repr(error))
            except smtplib.SMTPServerDisconnected:
                pass  # with the 421
            except OSError as error:
                failures.append(repr(error))
    senders = [threading.Thread(target=send, args=(i,)) for i in range(3)]
    for t in senders:
        t.start()
    wait_until(lambda: len(accepted) > 10, 10, "mail")
    upgrade(g)
    reached = len(accepted)
    wait_until(lambda: len(accepted) > reached + 10, 20, "mail at the new process")
    ending.set()
    for t in senders:
        t.join()
    assert failures == [], failures[:5]
    wait_until(lambda: g.api("/api/v1/queue").json()["depth"] == 0, 30, "the queue is empty")

    def delivered():
        return re.findall(r"mark-\d+-\d+-end", "\n".join(sink.messages()))
    wait_until(lambda: set(delivered()) >= set(accepted), 20, "all that was answered 250 is delivered")
    assert len(delivered()) == len(set(delivered())), "each once: never two owners"


def test_mail_is_taken_up_again_when_the_new_process_dies_at_the_last_moment(genkan, nginx, tmp_path, upgrade):
    """The greylist is unreadable: found out only when the spool was handed over already."""
    port, mail, one = free_port(), free_port(), nginx("one")
    g = genkan(conf(port, one.port) + f'''
        [smtp]
        enabled = true
        hostname = "mx.example"
        min_free = "1MiB"
        [[smtp.listen]]
        address = ["127.0.0.1:{mail}"]
        [[smtp.route]]
        domains = ["next.example"]
        relay = "next"
        [[smtp.relay]]
        name = "next"
        [[smtp.relay.member]]
        address = "127.0.0.1:1"
    ''')

    def send():
        with smtplib.SMTP("127.0.0.1", mail, timeout=30) as client:
            client.sendmail("a@example.org", ["b@next.example"], "Subject: x\r\n\r\nhello\r\n")
    send()
    log = g.state / "mail.log"
    log.mkdir()  # no file can be opened there
    g.write(g.file.read_text().replace('hostname = "mx.example"', f'hostname = "mx.example"\nlog = "{log}"'))
    with Load(port) as load:
        done = run_genkan("upgrade", "-c", g.file)
        assert done.returncode != 0 and "mail.log" in done.stderr, done.stderr
        send()
    assert load.failures == [], load.failures[:5]
    assert g.api("/api/v1/queue").json()["depth"] == 2 and pid_of(g) == g.pid


def test_the_cluster_hears_one_node_that_never_fell_silent(genkan, upgrade):
    here, there = free_port(), free_port()

    def node(listen, peer):
        return f'''
            [cluster]
            enabled = true
            key = "a-shared-secret-of-the-cluster"
            listen = "127.0.0.1:{listen}"
            peers = ["127.0.0.1:{peer}"]
            interval = "200ms"
            max_age = "3s"
        '''
    a = genkan(node(here, there), name="a", workers=1)
    b = genkan(node(there, here), name="b", workers=1)

    def seen():
        return {n["name"]: n for n in b.api("/api/v1/nodes").json()}.get("a")
    wait_until(lambda: seen() and seen()["live"], 10, "the other node is heard")
    upgrade(a)
    for _ in range(2):
        before = seen()["records"]
        wait_until(lambda: seen()["records"] > before + 5, 10, "it is heard on")
        assert seen()["live"]
    assert a.api("/readyz").status == 200
    wait_until(lambda: {n["name"]: n for n in a.api("/api/v1/nodes").json()}.get("b", {}).get("live"), 10, "the new process hears the other")
    assert not b.log_lines("warning (?!fewer)"), b.log()


def test_the_service_manager_hears_of_the_new_main_process(genkan, nginx, tmp_path, upgrade):
    port, one, path = free_port(), nginx("one"), tmp_path / "notify"
    heard = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    heard.bind(str(path))
    heard.settimeout(20)
    g = genkan(conf(port, one.port), env={"NOTIFY_SOCKET": str(path)})
    new = upgrade(g)
    words = b""
    while f"MAINPID={new}".encode() not in words or words.count(b"READY=1") < 2:
        words += heard.recv(4096) + b"\n"
    assert b"STOPPING=1" not in words, words


def test_a_stop_meanwhile_wins(genkan, nginx, tmp_path, monkeypatch):
    binary = tmp_path / "genkan-program"
    shutil.copy(harness.program(), binary)
    monkeypatch.setenv("GENKAN_BIN", str(binary))
    port, one = free_port(), nginx("one")
    g = genkan(conf(port, one.port))
    monkeypatch.delenv("GENKAN_BIN")
    fresh = tmp_path / "fresh"
    fresh.write_text("#!/bin/sh\nexec sleep 100\n")  # says nothing and does not end
    fresh.chmod(0o755)
    fresh.replace(binary)
    g.signal(signal.SIGUSR2)
    g.wait_log("an upgrade begins")
    g.signal(signal.SIGTERM)
    assert g.child.wait(20 * harness.SLOW) == 0
    assert "a stop was asked for meanwhile" in g.log()


def test_upgrade_without_a_running_genkan_says_so(tmp_path):
    file = tmp_path / "a.toml"
    file.write_text(f'[node]\nstate_dir = "{tmp_path}"\n')
    done = run_genkan("upgrade", "-c", file)
    assert done.returncode != 0 and "no genkan runs" in done.stderr
