"""A CA that is away, slow, ill or unwilling: what passes is tried again, what does not is said, the old certificate goes on."""
import time

import pytest

from acme_site import ca, site  # noqa: F401 (fixtures)
from harness import http_get, run_genkan, wait_until


# --- a CA that is away or ill -------------------------------------------------------------------------------------------------
def test_without_the_ca_the_old_certificate_goes_on(site, ca):
    s = site()
    c = ca(s)
    s.start(c.conf())
    first = s.issued(c)
    s.wait_state("good")
    c.stop()
    told = run_genkan("acme", "renew", "-c", s.g.file)
    assert told.returncode == 75 and "no connection to the CA" in told.stderr and "To do: " in told.stderr
    assert s.handshake(c.ca_file) == first
    shown = run_genkan("acme", "status", "-c", s.g.file)
    assert shown.returncode == 75 and "failed: " in shown.stdout and "a.example" in shown.stdout
    line = s.g.wait_log("could not be ordered")[-1]
    assert "the one that is good until" in line and "advice" in line
    c.start()
    told = run_genkan("acme", "renew", "-c", s.g.file)
    assert told.returncode == 0, told
    wait_until(lambda: s.handshake(c.ca_file) != first, 10, "another certificate is served")
    assert run_genkan("acme", "status", "-c", s.g.file).returncode == 0


@pytest.mark.parametrize("step, kind, times", [
    ("newOrder", "badNonce", 3), ("finalize", "badNonce", 1), ("newAccount", "503", 2), ("directory", "500", 1), ("authz", "502", 1),
    ("newNonce", "close", 1), ("cert", "close", 1)])
def test_what_passes_is_tried_again_within_the_order(site, ca, step, kind, times):
    s = site()
    c = ca(s)
    c.fault(step, kind, times)
    s.start(c.conf())
    s.issued(c, 30)
    assert s.g.metrics()['genkan_acme_orders_total{result="failed"}'] == 0


def test_an_order_that_takes_its_time(site, ca):
    s = site()
    c = ca(s)
    c.processing, c.seconds = 3, 1
    s.start(c.conf())
    s.issued(c, 30)
    assert c.count("order") == 2  # and what finalize said


@pytest.mark.parametrize("step, kind, words", [
    ("directory", "html", "no JSON but `text/html`"), ("directory", "garbage", "no directory"),
    ("newOrder", "garbage", "order can't be read"), ("authz", "html", "no JSON"), ("newOrder", "403", "HTTP status 403"),
    ("cert", "html", "the certificate came as `text/html`"), ("validation", "deny", "denied by the test"),
    ("newOrder", "302", "HTTP status 302")])
def test_what_does_not_pass_fails_with_a_reason_and_is_ordered_again_later(site, ca, step, kind, words):
    s = site()
    c = ca(s)
    c.fault(step, kind)
    s.start(c.conf())
    line = s.g.wait_log("could not be ordered", 30)[0]
    assert words in line and "a self-signed one" in line, line
    s.issued(c, 30)
    assert s.wait_state("good")["error"] == ""


@pytest.mark.parametrize("kind, words", [("truncated", "broke off"), ("endless", "does not end")])
def test_answers_that_do_not_end_are_cut(site, ca, kind, words):
    s = site()
    c = ca(s)
    c.fault("directory", kind, times=100)
    s.start(c.conf())
    line = s.g.wait_log("could not be ordered", 60)[0]
    assert words in line, line
    assert s.g.memory() < 400 << 20 and http_get(s.http, "/").text == "served"


def test_a_rate_limit_is_obeyed_over_a_restart(site, ca):
    s = site()
    c = ca(s)
    c.fault("newOrder", "rateLimited")
    s.start(c.conf())
    assert "rateLimited" in s.g.wait_log("could not be ordered", 30)[0]
    s.g.stop()
    asked = len(c.asked)
    s.start(c.conf())
    shown = s.wait_state("failed")
    assert "restart does not help" in shown["advice"]
    left = time.mktime(time.strptime(shown["next"][:19], "%Y-%m-%dT%H:%M:%S")) - time.mktime(time.gmtime())
    assert 3000 < left <= 3600
    assert len(c.asked) == asked
    assert run_genkan("acme", "renew", "-c", s.g.file).returncode == 0  # an operator may know better
    s.issued(c)


def test_a_revoked_account_says_what_to_do(site, ca):
    s = site()
    c = ca(s)
    s.start(c.conf())
    first = s.issued(c)
    s.wait_state("good")
    c.revoke_accounts()
    told = run_genkan("acme", "renew", "-c", s.g.file)
    assert told.returncode == 75 and "the account is revoked" in told.stderr and "remove its key" in told.stderr
    assert s.handshake(c.ca_file) == first
    s.g.stop()
    (s.g.state / "acme" / "account.key").unlink()
    s.start(c.conf(retry='"1h"'))
    assert run_genkan("acme", "renew", "-c", s.g.file).returncode == 0
    assert len(c.accounts) == 2


def test_an_account_that_the_ca_has_forgotten_is_made_again(site, ca):
    s = site()
    c = ca(s)
    s.start(c.conf())
    s.issued(c)
    s.wait_state("good")
    c.accounts.clear()
    assert run_genkan("acme", "renew", "-c", s.g.file).returncode == 0


def test_a_ca_whose_https_is_not_good_gets_no_word(site, ca, tmp_path):
    s = site()
    c, other = ca(s), ca(s)
    s.start(c.conf(ca_file=f'"{other.ca_file}"'))
    assert "no TLS with the CA" in s.g.wait_log("could not be ordered", 40)[0]
    assert not c.asked


@pytest.mark.parametrize("kind", ["hang", "endless"])
def test_a_stop_in_the_middle_of_an_order_is_quick(site, ca, kind):
    s = site()
    c = ca(s)
    c.fault("newOrder", kind, times=100)
    s.start(c.conf())
    wait_until(lambda: c.count("newOrder") > 0, 20, "an order is under way")
    begun = time.monotonic()
    s.g.stop()
    assert time.monotonic() - begun < 10


def test_external_account_binding(site, ca):
    s = site()
    c = ca(s, eab=("kid-1", "zWNDZM6eQGHWpSRTPal5eIUYFTu7EajVIoguysqZ9wG44nMEtx3MUAsUDkMTQ12W"))
    s.start(c.conf())
    assert "set `eab_key_id` and `eab_key`" in s.g.wait_log("could not be ordered", 30)[0]
    secret = c.eab[1]
    s.g.reload(s.text(c.conf(eab_key_id='"kid-1"', eab_key=f'"{secret}"')))
    s.issued(c, 30)
    assert secret not in s.g.log() and secret not in s.g.api("/api/v1/acme").text


def test_a_reload_in_the_middle_of_an_order_leaves_no_trace_of_it(site, ca):
    s = site()
    c = ca(s)
    c.fault("newOrder", "503", times=2)
    s.start(c.conf(retry='"1h"'))
    wait_until(lambda: c.count("newOrder") > 0, 20, "an order is under way")
    with_acme = s.text(c.conf(retry='"1h"'))
    s.g.reload(with_acme.replace("acme = true", "self_signed = true"))
    wait_until(lambda: s.g.api("/api/v1/acme").json()["certificates"] == [], 10, "no certificate is wanted")
    wait_until(lambda: any(z["status"] == "invalid" for z in c.authorizations.values()), 20, "the order has failed")
    s.g.reload(with_acme)
    s.issued(c)
    assert s.wait_state("good") and not s.g.log_lines("could not be ordered")
