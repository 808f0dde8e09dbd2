"""The tools of the tests do what they say: a test of Genkan is worth no more than they are."""
import socket
import smtplib

import pytest

from harness import free_port, http_get, raw_http, status_of, wait_until


def test_free_ports_are_free_and_differ():
    ports = [free_port() for _ in range(50)]
    assert len(set(ports)) == 50
    with socket.create_server(("127.0.0.1", ports[0])) as taken:
        assert taken.getsockname()[1] == ports[0]


def test_wait_until_says_what_did_not_happen():
    with pytest.raises(AssertionError, match="pigs fly: not within"):
        wait_until(lambda: False, 0.05, "pigs fly")


def test_nginx_answers_with_its_name_and_keeps_what_it_was_asked(nginx):
    one, two = nginx("one"), nginx("two")
    assert http_get(one.port, "/a?b=c").text == "one GET /a?b=c\n"
    assert http_get(two.port, "/", fields={"X-Test": "é\"x".encode().decode("latin-1")}).text == "two GET /\n"
    assert http_get(one.port, "/status/503").status == 503
    assert len(http_get(one.port, "/size/100k").body) == 100 << 10
    assert [r["uri"] for r in wait_until(lambda: len(one.requests()) == 3 and one.requests(), 5)] == ["/a?b=c", "/status/503", "/size/100k"]
    one.stop()
    with pytest.raises(OSError):
        http_get(one.port)
    assert http_get(two.port).status == 200


def test_a_raw_origin_does_what_the_test_says(origin):
    def handler(connection, request):
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
        return b"again" in request
    o = origin(handler)
    assert http_get(o.port).text == "ok"
    assert status_of(raw_http(o.port, "GET /again HTTP/1.1\r\n\r\n", half_close=True)) == 200
    assert o.connections == 2 and len(o.seen) == 2
    o.stop()
    with pytest.raises(OSError):
        http_get(o.port)


def test_smtp_sink_keeps_messages(smtp_sink):
    sink = smtp_sink()
    with smtplib.SMTP("127.0.0.1", sink.port) as client:
        client.sendmail("a@example.org", ["b@example.org"], "Subject: hello\r\n\r\nbody\r\n")
    texts = wait_until(lambda: sink.messages(), 5, "the message is on disk")
    assert len(texts) == 1 and "Subject: hello" in texts[0]


def test_smtp_sink_refuses_when_told(smtp_sink):
    sink = smtp_sink(flags=["-r", "rcpt"])
    with smtplib.SMTP("127.0.0.1", sink.port) as client:
        with pytest.raises(smtplib.SMTPRecipientsRefused):
            client.sendmail("a@example.org", ["b@example.org"], "x")
