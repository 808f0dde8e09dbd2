"""`./dev run` as a stranger sees it: the demo site comes up, does what is printed, and Ctrl-C ends it with 0."""
import os
import re
import signal
import socket
import subprocess

import pytest

from harness import ROOT, Process, free_port, http_get, program, wait_until

PORTS = ("HTTP", "HTTPS", "SMTP", "ADMIN")


class Demo(Process):
    def __init__(self, folder, **env):
        super().__init__("demo", folder)
        self.env = {"GENKAN_BIN": program(), "GENKAN_STATE_DIR": str(folder / "state"), **env}

    def start(self):
        self.spawn([str(ROOT / "tools" / "demo.sh")], self.env)
        wait_until(lambda: "Ctrl-C stops it" in self.log() or not self.running(), 40, "the demo says what to open")
        assert self.running(), self.log()
        return self

    def said(self, pattern):
        found = re.search(pattern, self.log())
        assert found, f"{pattern} is not in\n{self.log()}"
        return found.group(1)

    def stop(self):
        if self.child:
            self.signal(signal.SIGINT)
            wait_until(lambda: not self.running(), 20, "it ended")
            assert self.child.returncode == 0, self.log()
            self.child = None


@pytest.fixture
def demo(tmp_path):
    one = Demo(tmp_path, **{f"GENKAN_{name}_PORT": str(free_port()) for name in PORTS}).start()
    yield one
    one.stop()


def test_everything_that_is_printed_can_be_opened(demo):
    http = int(demo.said(r"The site\s+http://127\.0\.0\.1:(\d+)/"))
    https = int(demo.said(r"over HTTPS\s+https://127\.0\.0\.1:(\d+)/"))
    admin = int(demo.said(r"The status page\s+http://127\.0\.0\.1:(\d+)/"))
    assert "<html" in http_get(http, "/").text
    assert http_get(https, "/", tls=True).status == 200
    assert http_get(http, "/webmail/").status == 200
    assert "<html" in http_get(admin, "/").text
    assert oct(os.stat(demo.folder / "state" / "demo-password").st_mode)[-3:] == "600"


@pytest.mark.parametrize("line", [r"(swaks --server .*)", r"(printf .*\| curl .*)"], ids=["swaks", "curl"])
def test_the_printed_mail_lines_work_as_they_stand(demo, line):
    done = subprocess.run(["bash", "-c", demo.said(line)], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr
    mail = demo.folder / "state" / "mail"
    wait_until(lambda: [p for p in mail.rglob("new/*") if p.is_file()], 20, "the mail is in the mailbox")


def test_a_taken_port_is_named_and_replaced(tmp_path):
    chosen = {f"GENKAN_{name}_PORT": str(free_port()) for name in PORTS if name != "SMTP"}
    with socket.socket() as taken:
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            taken.bind(("127.0.0.1", 8025))
            taken.listen()
        except OSError:
            pass  # somebody else has it: as good
        one = Demo(tmp_path, **chosen).start()
        try:
            assert re.search(r"Port 8025 \(SMTP\) is taken; using \d+", one.log()), one.log()
            assert int(one.said(r"SMTP is on port (\d+)")) > 8025
        finally:
            one.stop()


def test_a_chosen_port_that_is_taken_is_refused(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        one = Demo(tmp_path, GENKAN_HTTP_PORT=str(port))
        one.spawn([str(ROOT / "tools" / "demo.sh")], one.env)
        wait_until(lambda: not one.running(), 20, "it refused")
    assert one.child.returncode == 75 and f"GENKAN_HTTP_PORT={port}" in one.log()


def test_dev_lists_its_verbs_and_refuses_others():
    listed = subprocess.run([str(ROOT / "dev")], capture_output=True, text=True)
    assert listed.returncode == 0
    for verb in ("build", "run", "test", "bench", "fuzz", "format", "lint", "docs", "package", "docker"):
        assert re.search(rf"^  {verb} +\w", listed.stdout, re.MULTILINE), listed.stdout
        told = subprocess.run([str(ROOT / "dev"), "help", verb], capture_output=True, text=True)
        assert told.returncode == 0 and f"./dev {verb}" in told.stdout
    wrong = subprocess.run([str(ROOT / "dev"), "dance"], capture_output=True, text=True)
    assert wrong.returncode == 64 and "dance" in wrong.stderr


def test_no_install_refuses_and_says_the_command(tmp_path):
    tools = tmp_path / "bin"
    tools.mkdir()
    (tools / "dpkg-query").write_text("#!/bin/sh\nexit 1\n")  # as if nothing were installed
    (tools / "dpkg-query").chmod(0o755)
    env = {**os.environ, "PATH": f"{tools}:{os.environ['PATH']}"}
    done = subprocess.run([str(ROOT / "dev"), "build", "--no-install"], capture_output=True, text=True, env=env)
    assert done.returncode == 69 and "apt-get install --no-install-recommends" in done.stderr and "cmake" in done.stderr
