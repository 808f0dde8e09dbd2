"""Starting, reloading, draining, stopping, and what is said when something is wrong."""
import signal
import socket
import subprocess
import threading

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


@pytest.mark.root
def test_it_gives_up_root_after_opening_its_ports(genkan, tmp_path):
    port = free_port()
    state = tmp_path / "state"
    subprocess.run(["install", "-d", "-o", "nobody", str(state)], check=True)
    for parent in [tmp_path, *tmp_path.parents]:
        if str(parent).startswith("/tmp/"):
            parent.chmod(0o755)
    g = genkan(f'[node]\nname = "x"\nstate_dir = "{state}"\nuser = "nobody"\ngroup = "nogroup"\n' + front(port, body="x"))
    status = open(f"/proc/{g.pid}/status").read()
    uid = [line for line in status.splitlines() if line.startswith("Uid:")][0].split()[1:]
    assert "0" not in uid, status
    assert http_get(port, "/").text == "x"
