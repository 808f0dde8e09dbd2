"""The mail queue on the status page, in a real browser, against a queue that waits for a next hop."""
import os

import pytest

from harness import free_port, wait_until
from mail_hop import Hop
from mail_peers import Talk
from test_smtp import site
from test_webmail import play, ui  # noqa: F401 (a fixture)


@pytest.fixture
def hop():
    one = Hop(answers={"DATA": "451 4.3.0 not now"})
    yield one
    one.stop()


def test_an_operator_sees_and_moves_mail(ui, genkan, hop, tmp_path):  # noqa: F811
    port = free_port()
    g = genkan(site(port, [(hop.port, 10)], more='retry_max = "1h"').replace('retry_first = "1s"', 'retry_first = "1h"'))
    for name in ("hold", "delete", "retry"):
        with Talk(port) as talk:
            assert talk.message(f"{name}@next.example", f"Subject: {name}\r\n\r\n").startswith("250")

    def states():
        done = g.api("/api/v1/actions/queue_list", "POST", {}, {"X-Genkan-CSRF": g.api("/api/v1/csrf").text.strip()})
        return sorted((m["recipients"][0]["address"].split("@")[0], m["state"], m["attempts"]) for m in done.json()["items"])
    wait_until(lambda: [s[1:] for s in states()] == [("deferred", 1)] * 3, 30, "all wait")
    play("statusOfTheMailQueue", tmp_path, STATUS_URL=f"http://127.0.0.1:{g.admin_port}/", QUEUE_PICTURE=os.environ.get("QUEUE_PICTURE", ""))
    wait_until(lambda: [(name, tries) for name, _, tries in states()] == [("hold", 2), ("retry", 2)], 30, "one was released, one retried, one deleted")
    g.wait_log("mail deleted by an operator")
