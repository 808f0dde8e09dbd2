"""Mail through Genkan as a real process: real Postfix, smtp-sink, smtp-source and swaks around it."""
import os
import re
import shutil
import signal
import subprocess
import threading
import time
from pathlib import Path

import pytest

import harness
from harness import free_port, run_genkan, wait_until
from mail_peers import Load, Postfix, Talk, marks, smtp_source
from peers import SmtpSink

GO = b"Subject: x\r\n\r\n"


def site(port, members, more="", routes=""):
    """Mail for next.example goes to `members` (port, preference)."""
    rows = "".join(f'[[smtp.relay.member]]\naddress = "127.0.0.1:{p}"\npreference = {pref}\n' for p, pref in members)
    return f"""
        [smtp]
        enabled = true
        hostname = "mx.example"
        min_free = "1MiB"
        retry_first = "1s"
        max_connections_per_address = 500
        {more}
        [[smtp.listen]]
        address = ["127.0.0.1:{port}"]
        {routes}
        [[smtp.route]]
        domains = ["next.example"]
        relay = "next"
        [[smtp.relay]]
        name = "next"
        {rows}
    """


@pytest.fixture
def sink(tmp_path):
    started = []

    def make(name="sink", **more):
        one = SmtpSink(tmp_path, name, **more)
        started.append(one)
        return one.start()
    yield make
    for one in started:
        one.stop()


@pytest.fixture
def postfix(tmp_path):
    one = Postfix(tmp_path)
    yield one
    one.stop()


def depth(g):
    return g.api("/api/v1/queue").json()["depth"]


def wait_empty(g, timeout=30):
    wait_until(lambda: depth(g) == 0, timeout, "the queue is empty")


@pytest.mark.root
def test_a_message_goes_through_to_a_real_postfix_octet_by_octet(genkan, postfix, tmp_path):
    postfix.start()
    port = free_port()
    g = genkan(site(port, [(postfix.port, 10)]))
    body = b"..a line with a dot\r\n" + b"y" * 998 + b"\r\n\xe4\xf6\xfc high octets\r\n\r\n \r\nend\r\n"
    with Talk(port) as talk:
        assert talk.message("u@next.example", b"Subject: octets\r\n\r\n" + body).startswith("250 2.0.0")
        assert talk.say("QUIT").startswith("221")
    got = wait_until(postfix.messages, 20, "postfix has delivered")[0]
    header, text = got.split(b"\n\n", 1)
    assert text == body.replace(b"..a", b".a").replace(b"\r\n", b"\n")
    assert b"by mx.example with ESMTP id" in header
    wait_empty(g)


@pytest.mark.root
def test_swaks_and_postfix_take_many_messages(genkan, postfix):
    postfix.start()
    port = free_port()
    g = genkan(site(port, [(postfix.port, 10)]))
    done = subprocess.run(["swaks", "--server", f"127.0.0.1:{port}", "--to", "a@next.example,b@next.example", "--from",
                           "s@client.example", "--pipeline", "--header", "Subject: swaks"], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr
    smtp_source(port, "u@next.example", 100)
    wait_until(lambda: len(postfix.messages()) >= 101, 60, "postfix has everything")
    wait_empty(g)


def test_twenty_senders_share_their_syncs(genkan, sink):
    next_hop = sink()
    port = free_port()
    g = genkan(site(port, [(next_hop.port, 10)]))
    smtp_source(port, "u@next.example", 400, sessions=20)
    wait_until(lambda: len(next_hop.messages()) == 400, 60, "everything arrived")
    wait_empty(g)
    metrics = g.metrics()
    assert metrics["genkan_smtp_accepted_total"] == 400
    # 0.2 is promised and benchmarked; a build without optimisation on a busy machine sends more slowly than that.
    assert metrics["genkan_smtp_spool_syncs_total"] / 400 < 0.35


def test_sigkill_in_mid_load_loses_nothing_that_was_answered_250(genkan, sink):
    next_hop = sink()
    port = free_port()
    g = genkan(site(port, [(next_hop.port, 10)]))
    load = Load(port, "u@next.example").start()
    for _ in range(3):
        before = load.count()
        wait_until(lambda: load.count() >= before + 80, 60, "the load runs")
        g.kill()
        g.start()
    acknowledged = load.stop()
    wait_empty(g, 60)
    seen = marks(next_hop.messages())
    lost = [mark for mark in acknowledged if mark not in seen]
    assert not lost, f"{len(lost)} of {len(acknowledged)} lost"
    assert len(acknowledged) >= 240
    # A message may come twice only when its 250 from the next hop was lost by the kill.
    assert sum(count - 1 for count in seen.values()) <= 3 * 20


def test_mail_waits_while_the_next_hop_is_down_and_a_restart_keeps_it(genkan, sink, tmp_path):
    dead, port = free_port(), free_port()
    g = genkan(site(port, [(dead, 10)]))
    for i in range(5):
        with Talk(port) as talk:
            assert talk.message("u@next.example", GO + f"X-Mark: {i}\r\n".encode()).startswith("250")
    assert depth(g) == 5
    g.stop()
    next_hop = sink()
    g.write(site(port, [(next_hop.port, 10)]))
    g.start()
    wait_until(lambda: len(next_hop.messages()) == 5, 20, "the next hop has all")
    wait_empty(g)


def test_the_best_preference_that_lives_gets_the_mail(genkan, sink):
    best, second = sink("best"), sink("second")
    port = free_port()
    g = genkan(site(port, [(second.port, 20), (best.port, 10)]))
    smtp_source(port, "u@next.example", 10)
    wait_until(lambda: len(best.messages()) == 10, 20, "the best has all")
    best.stop()
    smtp_source(port, "u@next.example", 10)
    wait_until(lambda: len(second.messages()) == 10, 20, "the second took over")
    best.start()
    wait_until(lambda: smtp_source(port, "u@next.example", 1) or len(best.messages()) > 10, 90, "the best works again", every=0.5)
    wait_empty(g)


@pytest.mark.parametrize("stage", ["connect", "ehlo", "mail", "rcpt", "data", "."])
def test_a_next_hop_that_says_4xx_gets_the_mail_later(genkan, sink, stage):
    next_hop = sink("soft", flags=["-r", stage])
    port = free_port()
    g = genkan(site(port, [(next_hop.port, 10)]))
    with Talk(port) as talk:
        assert talk.message("u@next.example", GO).startswith("250")
    g.wait_log("mail deferred|cannot be reached", 20)
    assert depth(g) == 1
    healthy = sink("healthy")
    g.reload(site(port, [(healthy.port, 10)]))
    wait_until(lambda: len(healthy.messages()) == 1, 30, "it arrived in the end")
    wait_empty(g)


@pytest.mark.parametrize("stage", ["connect", "mail", "rcpt", "data", "."])
def test_a_next_hop_that_hangs_up_loses_nothing(genkan, sink, stage):
    next_hop = sink("rude", flags=["-q", stage])
    port = free_port()
    g = genkan(site(port, [(next_hop.port, 10)]))
    with Talk(port) as talk:
        assert talk.message("u@next.example", GO).startswith("250")
    g.wait_log("mail deferred|cannot be reached", 20)
    healthy = sink("healthy")
    g.reload(site(port, [(healthy.port, 10)]))
    wait_until(lambda: len(healthy.messages()) == 1, 30, "it arrived in the end")
    wait_empty(g)


RAW = [  # (lines to send one by one, start of the last reply, whether the session goes on)
    (["MAIL FROM:<a@b.example>"], "503", True),
    (["HELO"], "501", True),
    (["EHLO c.example", "RCPT TO:<u@next.example>"], "503", True),
    (["EHLO c.example", "DATA"], "503", True),
    (["EHLO c.example", "MAIL FROM:a@b.example"], "501", True),
    (["EHLO c.example", "MAIL FROM:<a@b.example> FUTURE=1"], "555", True),
    (["EHLO c.example", "MAIL FROM:<a@b.example> SIZE=99999999999"], "552", True),
    (["EHLO c.example", "MAIL FROM:<a@b.example>", "RCPT TO:<u@elsewhere.example>"], "550 5.7.1", True),
    (["EHLO c.example", "MAIL FROM:<a@b.example>", "RCPT TO:<>"], "501", True),
    (["EHLO c.example", "MAIL FROM:<a@b.example>", "DATA"], "554", True),
    (["EHLO c.example", "MAIL FROM:<" + "l" * 65 + "@b.example>"], "501", True),
    (["NOOP " + "x" * 600], "500", True),
    (["NOOP " + "x" * 5000], "500", True),
    ([b"NO\x00OP"], "500", True),
    ([b"NO\rOP"], "500", True),
    (["BOGUS"], "500", True),
    (["VRFY root"], "252", True),
    (["EXPN list"], "502", True),
    (["STARTTLS now"], "501", True),
    (["EHLO c.example", "MAIL FROM:<a@b.example>", "RCPT TO:<u@next.example>", "BDAT -1"], "501", False),
    (["EHLO c.example", "MAIL FROM:<a@b.example>", "RCPT TO:<u@next.example>", "BDAT 99999999999"], "552", False),
    (["QUIT"], "221", False),
]


def test_bad_commands_get_the_right_code_and_the_next_session_works(genkan, sink):
    next_hop = sink()
    port = free_port()
    genkan(site(port, [(next_hop.port, 10)], more='max_message = "1MiB"') + '\n[[certificate]]\nself_signed = true\nnames = ["mx.example"]\n')
    for lines, expected, goes_on in RAW:
        with Talk(port) as talk:
            answer = ""
            for line in lines:
                answer = talk.say(line)
            assert answer.startswith(expected), f"{lines}: {answer}"
            if goes_on:
                assert talk.say("NOOP").startswith("250"), lines
            else:
                assert talk.closed(), lines
    with Talk(port) as talk:
        assert talk.message("u@next.example", GO).startswith("250")


def test_no_imitation_of_the_end_of_data_smuggles_a_second_message(genkan, sink):
    next_hop = sink()
    port = free_port()
    g = genkan(site(port, [(next_hop.port, 10)]))
    ends = [b"\n.\n", b"\n.\r\n", b"\r\n.\n", b"\r.\r", b"\r\n.\r", b"\r.\r\n", b"\n.\r", b"\r\n\x00.\r\n"]
    for end in ends:
        with Talk(port) as talk:
            smuggled = b"MAIL FROM:<evil@x.example>\r\nRCPT TO:<u@next.example>\r\nDATA\r\nX-Mark: smuggled\r\n"
            answer = talk.message("u@next.example", GO + b"text" + end + smuggled)
            assert answer.startswith("550") or b"\x00" in end, f"{end!r}: {answer}"
            assert talk.say("NOOP").startswith("250"), f"{end!r}: one reply, no more"
    wait_empty(g)
    for text in next_hop.messages():
        assert "evil" not in text.split("X-Rcpt-Args")[0]


def test_a_client_that_does_not_wait_for_354_is_cut_off(genkan, sink):
    port = free_port()
    genkan(site(port, [(sink().port, 10)]))
    with Talk(port) as talk:
        talk.send("EHLO c.example\r\nMAIL FROM:<a@b.example>\r\nRCPT TO:<u@next.example>\r\nDATA\r\nSubject: early\r\n\r\n.\r\nQUIT\r\n")
        assert [talk.reply()[:3] for _ in range(4)] == ["250", "250", "250", "554"]
        assert talk.closed()


def test_a_mail_loop_is_broken(genkan, sink):
    port = free_port()
    genkan(site(port, [(sink().port, 10)]))
    with Talk(port) as talk:
        assert talk.message("u@next.example", b"Received: from a by b\r\n" * 51 + GO).startswith("554 5.4.6")
        assert talk.message("u@next.example", b"Received: from a by b\r\n" * 50 + GO).startswith("250")


def test_starttls_works_and_forgets_what_was_said_in_the_clear(genkan, sink):
    next_hop = sink()
    port = free_port()
    genkan(site(port, [(next_hop.port, 10)]) + '\n[[certificate]]\nself_signed = true\nnames = ["mx.example"]\n')
    with Talk(port) as talk:
        assert "STARTTLS" in talk.say("EHLO c.example")
        talk.start_tls()
        assert "STARTTLS" not in talk.say("EHLO c.example")
        assert talk.message("u@next.example", GO).startswith("250")
    got = wait_until(next_hop.messages, 20, "it arrived")[0]
    assert "with ESMTPS id" in got
    with Talk(port) as talk:
        talk.say("EHLO c.example")
        talk.start_tls(injected="MAIL FROM:<injected@x.example>\r\n")
        assert talk.say("EHLO c.example").startswith("250")
        assert talk.say("RCPT TO:<u@next.example>").startswith("503"), "the injected MAIL must not count"


LOCAL = '[[smtp.route]]\ndomains = ["home.example"]\nlocal = true\n'


def local_site(port, more=""):
    return site(port, [(1, 10)], more, LOCAL) + '\n[webmail]\nenabled = true\ndomains = ["home.example"]\n'


def add_user(g, address):
    done = run_genkan("user", "add", address, "-c", g.file, stdin="secret pass phrase\n")
    assert done.returncode == 0, done.stderr + done.stdout


def test_local_mail_is_in_the_maildir(genkan):
    port = free_port()
    g = genkan(local_site(port))
    add_user(g, "user@home.example")
    with Talk(port) as talk:
        talk.envelope("user@home.example")
        assert talk.say("RCPT TO:<nobody@home.example>").startswith("550 5.1.1")
        assert talk.say("DATA").startswith("354")
        talk.send(GO + b"hello\r\n")
        assert talk.say(".").startswith("250")
    folder = g.state / "mail" / "home.example" / "user" / "new"
    file = wait_until(lambda: list(folder.glob("*")), 20, "it is in the Maildir")[0]
    text = file.read_bytes()
    assert text.startswith(b"Return-Path: <s@client.example>")
    assert b"hello" in text
    wait_empty(g)


def test_a_maildir_that_can_not_be_used_holds_up_only_its_own_mail(genkan):
    port = free_port()
    g = genkan(local_site(port))
    add_user(g, "broken@home.example")
    add_user(g, "user@home.example")
    folder = g.state / "mail" / "home.example"
    folder.mkdir(parents=True, exist_ok=True)
    shutil.rmtree(folder / "broken", ignore_errors=True)
    (folder / "broken").write_text("a file where a folder should be")
    for address in ("broken@home.example", "user@home.example"):
        with Talk(port) as talk:
            assert talk.message(address, GO).startswith("250")
    wait_until(lambda: list((folder / "user" / "new").glob("*")), 20, "the other account's mail is there")
    wait_until(lambda: depth(g) == 1, 10, "one message waits")
    assert "broken@home.example" in run_genkan("queue", "list", "-c", g.file).stdout
    (folder / "broken").unlink()
    assert run_genkan("queue", "retry", "--all", "-c", g.file).returncode == 0
    wait_until(lambda: list((folder / "broken" / "new").glob("*")), 20, "it came after the repair")
    wait_empty(g)


@pytest.mark.root
def test_a_full_disk_answers_452_and_loses_nothing(genkan, sink, tmp_path):
    next_hop = sink()
    port = free_port()
    disk = tmp_path / "disk"
    disk.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=6m", "tmpfs", str(disk)], check=True)
    try:
        g = genkan(f'[node]\nstate_dir = "{disk}"\nworkers = 2\ndrain_timeout = "5s"\n' + site(port, [(1, 10)]))
        taken, codes = [], set()
        for i in range(80):
            with Talk(port) as talk:
                talk.say("EHLO c.example")
                answer = talk.say("MAIL FROM:<a@b.example>")
                if answer.startswith("250"):
                    talk.say("RCPT TO:<u@next.example>")
                    if talk.say("DATA").startswith("354"):
                        talk.send(GO + f"X-Mark: {i}\r\n".encode() + (b"z" * 70 + b"\r\n") * 1500)
                        answer = talk.say(".")
                        if answer.startswith("250"):
                            taken.append(f"{i}")
                codes.add(answer[:3])
        assert codes == {"250", "452"}, codes
        assert taken
        g.reload(f'[node]\nstate_dir = "{disk}"\nworkers = 2\ndrain_timeout = "5s"\n' + site(port, [(next_hop.port, 10)]))
        wait_empty(g, 60)
        seen = marks(next_hop.messages())
        assert not set(taken) - set(seen)

        def takes_again():
            with Talk(port) as talk:
                return talk.message("u@next.example", GO).startswith("250")
        wait_until(takes_again, 20, "there is room again")
        g.stop()
    finally:
        subprocess.run(["umount", "-l", str(disk)], check=False)


def test_a_stop_finishes_the_message_under_way_and_says_421_to_the_rest(genkan, sink):
    next_hop = sink()
    port = free_port()
    g = genkan(site(port, [(next_hop.port, 10)]))
    with Talk(port) as idle, Talk(port) as busy:
        busy.envelope("u@next.example")
        assert busy.say("DATA").startswith("354")
        busy.send(GO)
        g.signal(signal.SIGTERM)
        assert idle.reply().startswith("421")
        busy.send("late but whole\r\n")
        assert busy.say(".").startswith("250")
    wait_until(lambda: not g.running(), 20, "it ends by itself: a second signal would cut the drain short")
    g.stop()
    g.start()
    wait_until(lambda: any("late but whole" in m for m in next_hop.messages()), 20, "it was not lost")


def test_operators_see_and_change_the_queue(genkan, sink):
    port = free_port()
    dead = free_port()
    g = genkan(site(port, [(dead, 10)]))
    ids = []
    for _ in range(2):
        with Talk(port) as talk:
            ids.append(talk.message("u@next.example", GO).split()[-1])
    listed = run_genkan("queue", "list", "-c", g.file)
    assert listed.returncode == 0, listed.stderr
    assert all(one in listed.stdout for one in ids), listed.stdout
    assert run_genkan("queue", "delete", ids[0], "-c", g.file).returncode == 0
    wait_until(lambda: depth(g) == 1, 10, "one is deleted")
    assert run_genkan("queue", "hold", ids[1], "-c", g.file).returncode == 0
    assert "held" in run_genkan("queue", "show", ids[1], "-c", g.file).stdout


def test_a_slow_client_is_cut_and_the_others_are_served(genkan, sink):
    next_hop = sink()
    port = free_port()
    genkan(site(port, [(next_hop.port, 10)], more='command_timeout = "1s"\ndata_timeout = "1s"'))
    with Talk(port) as silent, Talk(port) as trickle:
        trickle.envelope("u@next.example")
        assert trickle.say("DATA").startswith("354")
        assert silent.reply().startswith("421")
        assert trickle.reply().startswith("421")
    with Talk(port) as talk:
        assert talk.message("u@next.example", GO).startswith("250")


def test_an_idle_client_costs_little(genkan, sink):
    port = free_port()
    g = genkan(site(port, [(sink().port, 10)], more="max_connections = 5000").replace("= 500\n", "= 5000\n"))
    with Talk(port) as talk:
        assert talk.message("u@next.example", GO).startswith("250")
    before = g.memory()
    talks = [Talk(port) for _ in range(800)]
    for talk in talks:
        talk.say("EHLO c.example")
    each = (g.memory() - before) / len(talks)
    for talk in talks:
        talk.socket.close()
    assert each < 16 * 1024 * harness.SLOW, f"{each:.0f} octets a connection"
