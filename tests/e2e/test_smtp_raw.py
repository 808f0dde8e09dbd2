"""Every raw case of smtp_cases.py: the replies, octet by octet what the next hop gets, and that the session stays in step."""
from harness import free_port, wait_until
from mail_hop import Hop
from mail_peers import Talk
from smtp_cases import CASES
from test_smtp import depth, site


def octets(text, sender):
    data = text if isinstance(text, bytes) else text.encode()
    return data.replace(b"{s}", sender.encode())


def converse(port, case, sender):
    with Talk(port, timeout=20) as talk:
        for step in case.steps:
            talk.send(octets(step[0], sender))
            for expected in step[1:]:
                answer = talk.reply()
                assert answer.startswith(expected), f"{case.name}: {step[0][:80]!r} was answered {answer!r}, not {expected!r}"
        if case.closed:
            assert talk.closed(), f"{case.name}: the session goes on"
            return
        # One reply too many or too few and this is not the answer to VRFY.
        answer = talk.say("VRFY x")
        assert answer.startswith("252"), f"{case.name}: the replies are out of step: {answer!r}"


def test_every_case_is_answered_as_it_should_be_and_the_next_hop_gets_what_it_should(genkan):
    assert len(CASES) >= 100
    hop = Hop(["PIPELINING", "8BITMIME", "SMTPUTF8", "DSN", "CHUNKING", "BINARYMIME", "SIZE 0"])
    port = free_port()
    g = genkan(site(port, [(hop.port, 10)], more='max_message = "1MiB"\nmax_errors = 50'))
    faults, expected = [], {}
    for number, case in enumerate(CASES):
        sender = f"case-{number}@client.example"
        try:
            converse(port, case, sender)
        except (AssertionError, EOFError, OSError) as error:
            faults.append(f"{case.name}: {error}" if case.name not in str(error) else str(error))
        if case.arrives is not None:
            expected[sender] = case.arrives
    wait_until(lambda: depth(g) == 0, 30, "the queue is empty")
    got = {}
    for mail in hop.mails:
        got.setdefault(mail.sender, []).append(mail.own)
    for sender, content in expected.items():
        name = CASES[int(sender.split("@")[0].split("-")[1])].name
        if got.get(sender) != [content]:
            faults.append(f"{name}: the next hop got {[c[:200] for c in got.get(sender, [])]}, not {content[:200]!r}")
    for sender in set(got) - set(expected):
        faults.append(f"the next hop got a message that was refused, or smuggled: {sender} {got[sender][0][:200]!r}")
    hop.stop()
    assert not faults, "\n".join(faults)


def test_bare_newlines_are_mended_when_the_site_wants_that(genkan):
    hop = Hop()
    port = free_port()
    genkan(site(port, [(hop.port, 10)], more='bare_newline = "mend"'))
    with Talk(port) as talk:
        assert talk.message("u@next.example", b"a: b\nc: d\r\n\r\nx\ry\n.\n..z\r\n").startswith("250")
    assert hop.wait()[0].own == b"a: b\r\nc: d\r\n\r\nx y\r\n.\r\n..z\r\n"
    hop.stop()
