"""docker/compose.yml: the site that it describes, started as local programs (compose_site.py says how)."""
import json
import re

import compose_site
import netns
import pytest
import yaml
from harness import wait_until

WHY_NOT = netns.missing() or compose_site.missing()
pytestmark = pytest.mark.skipif(WHY_NOT is not None, reason=str(WHY_NOT))
FRONTS = ("front1", "front2")


@pytest.fixture
def compose(tmp_path):
    with compose_site.Compose(tmp_path) as made:
        yield made


def test_each_node_accepts_its_configuration_and_everything_mounted_is_there(compose):
    for one in compose.services.values():
        for source, _, _ in one.mounts():
            assert source.exists(), f"{one.name}: {source}"
    for name in FRONTS:
        one = compose.services[name]
        done = one.try_command(compose_site.program(), "check", one.told["command"][2])
        assert done.returncode == 0, done.stdout + done.stderr


def test_the_ports_that_are_published_are_published_once():
    told = yaml.safe_load((compose_site.DOCKER / "compose.yml").read_text())
    published = [p.split(":")[0] for one in told["services"].values() for p in one.get("ports", [])]
    assert published and len(published) == len(set(published))
    version = re.search(r"project\(genkan VERSION ([\d.]+)", (compose_site.ROOT / "CMakeLists.txt").read_text()).group(1)
    assert all(told["services"][name]["image"].endswith(f":{version}") for name in FRONTS)


FETCH = """
import imaplib, sys
with imaplib.IMAP4(sys.argv[1], 143) as box:
    box.login("ann@example.org", "genkan")
    box.select("INBOX")
    found = box.search(None, "SUBJECT", "compose")[1][0].split()
    print(box.fetch(found[0], "(BODY.PEEK[])")[1][0][1].decode() if found else "nothing yet")
"""


def test_a_page_and_a_mail_go_through_and_both_nodes_know_each_other(compose):
    compose.start()
    front1, front2 = (compose.services[name] for name in FRONTS)
    # The web: either node, both backends, in clear and over TLS.
    for one in (front1, front2):
        for scheme, port in (("http", 8080), ("https", 8443)):
            page = compose.get(f"{scheme}://{one.address}:{port}/{one.name}-{scheme}")
            assert re.fullmatch(rf"web[12] /{one.name}-{scheme}\n", page), page
        wait_until(lambda o=one: {compose.get(f"http://{o.address}:8080/?{n}").split()[0] for n in range(8)} == {"web1", "web2"},
                   10, f"{one.name} asks both backends")
        assert one.run("bash", compose_site.DOCKER / "healthcheck").returncode == 0
    # A backend goes: nobody notices.
    compose.services["web1"].end()
    assert [compose.get(f"http://{front1.address}:8080/gone?{n}").split()[0] for n in range(6)] == ["web2"] * 6
    # The nodes hear each other, with the key of the environment.
    for one, other in ((front1, "front2"), (front2, "front1")):
        nodes = "curl", "-sS", "http://127.0.0.1:9070/api/v1/nodes"
        wait_until(lambda o=one, n=other: n in [node["name"] for node in json.loads(o.run(*nodes).stdout)], 15, f"{one.name} hears {other}")
    # Mail: to a mailbox made as the file's head says, seen by IMAP and offered by the webmail.
    made = front1.run(compose_site.program(), "user", "add", "-c", front1.told["command"][2], "ann@example.org", stdin="a pass phrase\n")
    assert made.returncode == 0, made.stderr
    compose.client.run("swaks", "--server", front1.address, "--port", "8025", "--from", "bob@elsewhere.example", "--to", "ann@example.org",
                       "--helo", "client.elsewhere.example", "--header", "Subject: compose", "--body", "through the whole site")
    imap = compose.services["dovecot"]
    mail = wait_until(lambda: "whole site" in (text := compose.ask(FETCH, imap.address)) and text, 20, f"the mail is in the mailbox\n{imap.log()[-2000:]}")
    assert "Received:" in mail
    assert "<title>" in compose.get(f"http://{front1.address}:8080/webmail/")
    assert "http://localhost:8081/webmail/" in compose.get(f"http://{front2.address}:8080/webmail/", "-i")
    # A planned stop ends with 0 and within the time that the file gives it.
    for one in (front1, front2):
        assert one.end(60) == 0, one.log()[-3000:]
