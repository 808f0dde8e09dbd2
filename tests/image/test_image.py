"""The container image, by its root file system: what is in it, and that `genkan run` works in it as the image says.

Run by `./dev docker`, which builds the image, mounts its root file system and names it in $GENKAN_IMAGE_ROOT and what
`buildah inspect` says of it in $GENKAN_IMAGE_INSPECT. Not by ctest: building the image compiles everything once more.
"""
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "e2e"))
from harness import Process, wait_until  # noqa: E402
from netns import Namespaces  # noqa: E402

ROOT = Path(os.environ["GENKAN_IMAGE_ROOT"])
CONFIG = json.loads(Path(os.environ["GENKAN_IMAGE_INSPECT"]).read_text())["Docker"]["config"]


def inside(*argv):
    """A command in the image, as the image's user."""
    user = CONFIG["User"]
    return ["chroot", f"--userspec={user}:{user}", str(ROOT), *argv]


class Container(Process):
    """The image's own command. In a network namespace: the ports in it are fixed."""

    def __init__(self, folder, box):
        super().__init__("image", folder, box.namespace)
        self.box = box

    def start(self):
        self.spawn(inside(*CONFIG["Entrypoint"], *CONFIG["Cmd"]))
        wait_until(self.healthy, 30, "the image's own health check is content")
        return self

    def healthy(self):
        if not self.running():
            raise RuntimeError(self.log())
        return health(self.box) == 0

    def get(self, url):
        asks = "import sys, urllib.request; print(urllib.request.urlopen(sys.argv[1], timeout=20).read().decode())"
        return self.box.run(sys.executable, "-c", asks, url)


def health(box):
    return subprocess.run(box.argv(inside(*CONFIG["Healthcheck"]["Test"][1:])), capture_output=True).returncode


@pytest.fixture
def box():
    with Namespaces() as net:
        yield net.host("box")


@pytest.fixture
def container(tmp_path, box):
    one = Container(tmp_path, box).start()
    yield one
    one.end()


def test_genkan_run_works_as_the_image_says_and_stops_with_0(container):
    assert "Genkan runs." in container.get("http://127.0.0.1:8080/")
    assert container.get("http://127.0.0.1:9070/readyz").startswith("ready")
    lines = Path(f"/proc/{container.pid}/status").read_text().splitlines()
    uid = next(line.split()[1] for line in lines if line.startswith("Uid:"))
    assert uid != "0"
    assert container.end() == 0, container.log()


def test_the_health_check_fails_when_nobody_answers(box):
    assert health(box) != 0


def test_it_is_not_root_by_default_and_says_what_it_needs():
    assert CONFIG["User"] not in ("", "root", "0")
    assert set(CONFIG["ExposedPorts"]) == {"8080/tcp", "8443/tcp", "8025/tcp", "9070/tcp"}
    assert "/var/lib/genkan" in CONFIG["Volumes"]
    assert CONFIG["StopSignal"] in ("SIGTERM", "15")


def test_its_user_has_the_number_that_dovecot_of_compose_yml_reads_mailboxes_with():
    told = (Path(__file__).resolve().parents[2] / "docker" / "dovecot.conf").read_text()
    number = int(re.search(r"uid=(\d+) gid=\1", told).group(1))
    facts = (ROOT / "var/lib/genkan").stat()
    assert (facts.st_uid, facts.st_gid) == (number, number)


def test_no_compiler_and_no_sources_are_left_in_it():
    for name in ("usr/bin/g++", "usr/bin/cmake", "usr/bin/npm", "usr/bin/git", "src"):
        assert not (ROOT / name).exists(), name
    size = int(subprocess.run(["du", "-sxm", str(ROOT)], capture_output=True, text=True, check=True).stdout.split()[0])
    assert size < 400, f"{size} MiB"


def test_the_program_reads_the_configuration_in_it():
    done = subprocess.run(inside("/usr/sbin/genkan", "check", "/etc/genkan/genkan.toml"), capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert subprocess.run(inside("/usr/sbin/genkan", "version"), capture_output=True, text=True).stdout.startswith("genkan ")
