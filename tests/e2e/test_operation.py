"""Starting, reloading, draining, stopping, and what is said when something is wrong."""
import grp
import pwd
import shutil
import signal
import smtplib
import socket
import threading
from pathlib import Path

import pytest

from harness import ROOT, Http, free_port, http_get, run_genkan, wait_until


def front(port, *ports, body=None):
    if body is not None:
        return f'[[listen]]\naddress = ["127.0.0.1:{port}"]\n[[route]]\nstatus = 200\nbody = "{body}"\n'
    backends = "".join(f'[[pool.backend]]\naddress = "127.0.0.1:{p}"\n' for p in ports)
    return f'[[listen]]\naddress = ["127.0.0.1:{port}"]\n[[pool]]\nname = "web"\n{backends}[[route]]\npool = "web"\n'


@pytest.mark.parametrize("text, place, words", [
    ('[[listen]]\nadress = ["127.0.0.1:1"]\n', ":2:1", ["adress", "address"]),
    ('[[listen]]\naddress = 5\n', ":2:", ["address"]),
    ('[http]\nmax_fields = "many"\n', ":2:", ["max_fields"]),
    ('[http]\nhead_timeout = "10 parsecs"\n', ":2:", ["head_timeout"]),
    ('[node\n', ":1:", []),
    ('[[route]]\npool = "nowhere"\n', ":", ["nowhere"]),
    ('[[route]]\npath_pattern = "(["\npool = "x"\n', ":2:", ["path_pattern"]),
    ('[admin]\nlisten = "0.0.0.0:9070"\n', ":", ["token"]),
    ('include = ["missing.toml"]\n', ":1:", ["missing.toml"]),
], ids=["unknown", "type", "number", "duration", "syntax", "pool", "pattern", "token", "include"])
def test_a_mistake_in_the_configuration_is_named_with_its_place(tmp_path, text, place, words):
    path = tmp_path / "bad.toml"
    path.write_text(text)
    for argv in (["check", path], ["run", "-c", path]):
        done = run_genkan(*argv)
        assert done.returncode > 0, done
        said = done.stdout + done.stderr
        assert f"bad.toml{place}" in said, said
        assert all(word in said for word in words), said


def test_a_file_that_is_not_there_is_named(tmp_path):
    done = run_genkan("run", "-c", tmp_path / "none.toml")
    assert done.returncode > 0 and "none.toml" in done.stderr


@pytest.mark.parametrize("name", sorted(p.name for p in (ROOT / "conf").glob("*.toml")))
def test_every_shipped_configuration_is_well_formed(name):
    env = {"GENKAN_CLUSTER_KEY": "0123456789abcdef0123", "HOME": "/root"}
    done = run_genkan("check", ROOT / "conf" / name, env=env)
    said = done.stdout + done.stderr
    # On this machine certificates, users and secret files of the examples are missing: nothing else may be wrong.
    errors = [line for line in said.splitlines() if ": error: " in line]
    assert not [e for e in errors if not any(w in e for w in ("cannot", "no such", "not exist", "No such", "does not"))], said


def test_a_port_in_use_ends_the_start_with_the_port_named(genkan):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        g = genkan(front(port, body="x"), start=False)
        done = run_genkan("run", "-c", g.file)
        assert done.returncode > 0 and str(port) in done.stderr and "in use" in done.stderr.lower(), done.stderr


def test_a_reload_changes_routes_and_drops_no_request(genkan, nginx):
    one, two = nginx("one"), nginx("two")
    port = free_port()
    g = genkan(front(port, one.port))
    stop, failures, seen = threading.Event(), [], set()

    def client():
        with Http(port) as c:
            while not stop.is_set():
                try:
                    answer = c.get("/")
                    seen.add(answer.text.split()[0])
                    if answer.status != 200:
                        failures.append(answer.status)
                except Exception as error:  # any failure at all is what this test is about
                    failures.append(repr(error))
                    return
    threads = [threading.Thread(target=client) for _ in range(4)]
    for t in threads:
        t.start()
    for target in (two, one, two):
        g.reload(front(port, target.port))
        wait_until(lambda: http_get(port, "/").text.startswith(target.name + " "), 10, f"{target.name} answers")
    stop.set()
    for t in threads:
        t.join()
    assert failures == [] and seen == {"one", "two"}


def test_a_bad_file_at_reload_changes_nothing_and_says_why(genkan):
    port = free_port()
    g = genkan(front(port, body="before"))
    g.write(front(port, body="after") + "[http]\nmax_feilds = 3\n")
    g.signal(signal.SIGHUP)
    g.wait_log(r"max_feilds", 10)
    assert http_get(port, "/").text == "before"
    g.write(front(port, body="after"))
    g.signal(signal.SIGHUP)
    wait_until(lambda: http_get(port, "/").text == "after", 10, "the mended file is taken")


def test_a_stop_finishes_the_requests_under_way(genkan, nginx):
    one = nginx("one", locations="location = /second { alias FOLDER/100k; limit_rate 60k; }")
    port = free_port()
    g = genkan(front(port, one.port))
    with Http(port, timeout=30) as client:
        client.connect()
        client.conn.request("GET", "/second", headers={"Host": "x"})
        response = client.conn.getresponse()
        g.signal(signal.SIGTERM)
        wait_until(lambda: refused(port), 10, "no new connections")
        assert len(response.read()) == 100 << 10, "the body under way was cut off"
    wait_until(lambda: not g.running(), 10, "it ended")
    assert g.child.returncode == 0


def refused(port):
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=1) as s:
            s.sendall(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
            return s.recv(10) == b""
    except OSError:
        return True


def test_a_stop_waits_no_longer_than_it_may(genkan, nginx, tmp_path):
    one = nginx("one")
    port = free_port()
    g = genkan(f'[node]\nname = "x"\nstate_dir = "{tmp_path}/state"\ndrain_timeout = "500ms"\n' + front(port, one.port))
    with socket.create_connection(("127.0.0.1", port), timeout=30) as s:
        s.sendall(b"GET /slow HTTP/1.1\r\nHost: x\r\n\r\n")
        assert s.recv(10)
        g.signal(signal.SIGTERM)
        wait_until(lambda: not g.running(), 10, "it ended although a request was under way")
    assert g.child.returncode == 0


def test_ready_and_health_tell_the_truth(genkan):
    g = genkan(front(free_port(), body="x"))
    assert g.api("/healthz").status == 200 and g.api("/readyz").status == 200


def test_idle_keep_alive_connections_do_not_delay_a_stop(genkan):
    port = free_port()
    g = genkan(front(port, body="x"))
    with Http(port) as client:
        assert client.get("/").text == "x"
        g.signal(signal.SIGTERM)
        wait_until(lambda: not g.running(), 4, "it ended although a client keeps its connection")


def test_version_and_help_are_short_and_true():
    assert run_genkan("version").stdout.startswith("genkan ")
    said = run_genkan("--help").stdout
    for verb in ("run", "check", "status", "agent", "user", "queue", "version"):
        assert verb in said
    wrong = run_genkan("frobnicate")
    assert wrong.returncode == 64 and "frobnicate" in wrong.stderr


@pytest.mark.parametrize("what, file", [
    ("man", "docs/man/genkan.8"), ("man-conf", "docs/man/genkan.toml.5"), ("directives", "docs/directives.md"),
    ("example", "conf/full.toml"),
])
def test_the_documents_that_ship_are_what_the_program_says(what, file):
    done = run_genkan("docs", what)
    assert done.returncode == 0
    assert done.stdout == (ROOT / file).read_text(), f"{file} differs from the program. Run ./dev docs and commit the result."


@pytest.mark.root
def test_it_gives_up_root_for_good_and_works_on(genkan, open_path):
    state, logs, port, smtp = open_path / "state", open_path / "logs", free_port(), free_port()
    for folder in (state, logs):
        folder.mkdir()
        shutil.chown(folder, "nobody")  # as a package makes them

    def conf(body):
        return f"""
            [node]
            name = "x"
            state_dir = "{state}"
            user = "nobody"
            group = "nogroup"
            [log]
            path = "{logs}/genkan.log"
            [access_log]
            path = "{logs}/access.log"
            [smtp]
            enabled = true
            hostname = "mx.example"
            min_free = "1MiB"
            [[smtp.listen]]
            address = ["127.0.0.1:{smtp}"]
            [[smtp.route]]
            domains = ["next.example"]
            relay = "next"
            [[smtp.relay]]
            name = "next"
            [[smtp.relay.member]]
            address = "127.0.0.1:{free_port()}"
        """ + front(port, body=body)

    g = genkan(conf("before"))
    seen = dict(line.split(":", 1) for line in Path(f"/proc/{g.pid}/status").read_text().splitlines())
    assert set(seen["Uid"].split()) == {str(pwd.getpwnam("nobody").pw_uid)}
    assert set(seen["Gid"].split()) == {str(grp.getgrnam("nogroup").gr_gid)}
    for kind in ("CapPrm", "CapEff", "CapInh", "CapAmb"):
        assert int(seen[kind], 16) == 0, seen
    assert (state / "run" / "genkan.pid").read_text() == f"{g.pid}\n"

    assert http_get(port, "/").text == "before"
    with smtplib.SMTP("127.0.0.1", smtp, timeout=20) as mail:  # 250: the spool could be written
        assert mail.sendmail("a@client.example", ["b@next.example"], "Subject: x\r\n\r\nx\r\n") == {}
    assert g.api("/api/v1/queue").json()["depth"] == 1

    for name in ("genkan", "access"):
        (logs / f"{name}.log").rename(logs / f"{name}.1")
    g.signal(signal.SIGUSR1)
    g.write(conf("after"))
    g.signal(signal.SIGHUP)
    wait_until(lambda: http_get(port, "/").text == "after", 10, "the new configuration is taken")
    for name in ("genkan", "access"):
        wait_until(lambda: (logs / f"{name}.log").stat().st_size, 10, f"{name}.log is written anew")
        assert (logs / f"{name}.log").owner() == "nobody"
    g.stop()
    assert not (state / "run" / "genkan.pid").exists()


def test_a_user_that_does_not_exist_is_named(tmp_path):
    file = tmp_path / "x.toml"
    file.write_text(f'[node]\nname = "x"\nstate_dir = "{tmp_path}/state"\nuser = "no-such-user"\n' + front(free_port(), body="x"))
    done = run_genkan("run", "-c", file)
    assert done.returncode == 78 and "no-such-user" in done.stderr, done
