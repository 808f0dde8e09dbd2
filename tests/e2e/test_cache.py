"""The cache in front of real origins: what is kept, reused, validated, shared between workers, purged, and what is not."""
import http.client
import threading

import pytest

from harness import free_port, http_get, wait_until

LOCATIONS = """
    location = /kept { add_header Cache-Control "max-age=60"; return 200 "kept $request_id\\n"; }
    location = /file { alias FOLDER/100k; add_header Cache-Control "max-age=60"; }
    location = /private { add_header Cache-Control "private, max-age=60"; return 200 "mine\\n"; }
    location = /cookie { add_header Cache-Control "max-age=60"; add_header Set-Cookie "id=$request_id"; return 200 "c\\n"; }
    location = /vary { add_header Cache-Control "max-age=60"; add_header Vary X-Test; return 200 "$http_x_test\\n"; }
    location = /form { return 201 "done\\n"; }
"""


def conf(port, backend, cache="", more=""):
    return f'''
        {more}
        [cache]
        {cache}
        [[listen]]
        address = ["127.0.0.1:{port}"]
        [[pool]]
        name = "web"
        [[pool.backend]]
        address = "127.0.0.1:{backend}"
        [pool.health]
        enabled = false
        [[route]]
        pool = "web"
        cache = true
    '''


@pytest.fixture
def site(genkan, nginx):
    """(port, origin, program)"""
    web = nginx("web", locations=LOCATIONS)
    port = free_port()
    return port, web, genkan(conf(port, web.port))


def test_a_kept_response_is_shared_by_all_workers_and_asked_for_once(site):
    port, web, _ = site
    first = http_get(port, "/kept")
    assert first.get("Cache-Status") == "genkan; fwd=uri-miss; stored" and first.get("Age") is None
    for _ in range(20):  # each on a connection of its own, so that both workers serve some
        again = http_get(port, "/kept")
        assert again.text == first.text and again.get("Cache-Status").startswith("genkan; hit; ttl=")
        assert again.get("Age").isdigit() and again.get("Content-Length") == str(len(first.text))
    assert len(web.asked(1, "/kept")) == 1


def test_what_is_private_or_sets_a_cookie_reaches_nobody_else(site):
    port, web, _ = site
    for path in ("/private", "/cookie"):
        http_get(port, path)
        assert "hit" not in http_get(port, path).get("Cache-Status")
        assert len(web.asked(2, path)) == 2
    assert http_get(port, "/cookie").get("Set-Cookie")


def test_a_reload_in_the_browser_is_answered_by_a_validation(site):
    port, web, _ = site
    first = http_get(port, "/file")
    again = http_get(port, "/file", {"Cache-Control": "no-cache"})
    assert again.body == first.body and len(again.body) == 100 << 10
    assert again.get("Cache-Status").startswith("genkan; fwd=request; fwd-status=304")
    assert [r["status"] for r in web.asked(2, "/file")] == [200, 304]


def test_parts_and_not_modified_come_from_the_kept_whole(site):
    port, web, _ = site
    whole = http_get(port, "/file")
    part = http_get(port, "/file", {"Range": "bytes=100-115"})
    assert part.status == 206 and part.body == whole.body[100:116]
    assert part.get("Content-Range") == f"bytes 100-115/{100 << 10}"
    same = http_get(port, "/file", {"If-None-Match": whole.get("ETag")})
    assert same.status == 304 and same.body == b"" and same.get("ETag") == whole.get("ETag")
    head = http_get(port, "/file", method="HEAD")
    assert head.status == 200 and head.get("Content-Length") == str(100 << 10) and head.body == b""
    assert len(web.asked(1, "/file")) == 1


def test_the_request_selects_the_variant(site):
    port, web, _ = site
    for value in ("one", "two", "one", "two"):
        assert http_get(port, "/vary", {"X-Test": value}).text == f"{value}\n"
    assert len(web.asked(2, "/vary")) == 2


def test_purge_forgets_a_url(site):
    port, web, program = site
    first = http_get(port, "/kept").text
    assert http_get(port, "/kept", method="PURGE").text == "purged 1\n"
    assert http_get(port, "/kept").text != first
    assert program.metrics()['genkan_cache_purged_total'] == 1


def test_purge_from_elsewhere_is_refused(genkan, nginx):
    web = nginx("web", locations=LOCATIONS)
    port = free_port()
    genkan(conf(port, web.port, 'purge_from = ["192.0.2.0/24"]'))
    first = http_get(port, "/kept").text
    assert http_get(port, "/kept", method="PURGE").status == 403
    assert http_get(port, "/kept").text == first


def test_a_post_that_succeeds_invalidates_its_url(genkan, origin):
    def answer(connection, data):
        body = b"%d" % len(web.seen)
        connection.sendall(b"HTTP/1.1 200 OK\r\nCache-Control: max-age=60\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))
        return True
    web = origin(answer)
    port = free_port()
    genkan(conf(port, web.port))
    assert [http_get(port, "/list").text for _ in range(2)] == ["1", "1"]
    http_get(port, "/list", method="POST", body=b"x")
    assert http_get(port, "/list").text == "3"


def test_a_broken_response_is_not_kept(genkan, origin):
    whole = b"complete" * 4096  # a short one would be asked for again instead

    def answer(connection, data):
        broken = len(web.seen) == 1
        connection.sendall(b"HTTP/1.1 200 OK\r\nCache-Control: max-age=60\r\nContent-Length: %d\r\n\r\n" % len(whole) +
                           (whole[:20_000] if broken else whole))
        return not broken
    web = origin(answer)
    port = free_port()
    genkan(conf(port, web.port))
    with pytest.raises(http.client.IncompleteRead):
        http_get(port, "/x")
    assert http_get(port, "/x").text == whole.decode()
    assert http_get(port, "/x").get("Cache-Status").startswith("genkan; hit")


def test_concurrent_misses_become_one_request(genkan, origin):
    go = threading.Event()

    def answer(connection, data):
        go.wait(20)
        connection.sendall(b"HTTP/1.1 200 OK\r\nCache-Control: max-age=60\r\nContent-Length: 6\r\n\r\nshared")
        return True
    web = origin(answer)
    port = free_port()
    program = genkan(conf(port, web.port), workers=1)
    got = []
    clients = [threading.Thread(target=lambda: got.append(http_get(port, "/x", timeout=20).text)) for _ in range(10)]
    for client in clients:
        client.start()
    wait_until(lambda: program.metrics()['genkan_http_requests_total{side="public"}'] >= 10, what="all requests have come in")
    go.set()
    for client in clients:
        client.join()
    assert got == ["shared"] * 10 and len(web.seen) == 1


def test_the_memory_limit_holds(genkan, nginx):
    web = nginx("web", locations=LOCATIONS)
    port = free_port()
    program = genkan(conf(port, web.port, 'memory = "1MiB"'))
    for i in range(60):
        assert len(http_get(port, f"/file?{i}").body) == 100 << 10
    m = program.metrics()
    assert 500_000 < m["genkan_cache_bytes"] <= 1 << 20
    assert m["genkan_cache_stored_total"] == 60 and m["genkan_cache_evicted_total"] == 60 - m["genkan_cache_objects"]


def test_a_reload_keeps_what_is_stored_and_takes_the_new_limit(genkan, nginx):
    web = nginx("web", locations=LOCATIONS)
    port = free_port()
    program = genkan(conf(port, web.port))
    first = http_get(port, "/kept").text
    program.reload(conf(port, web.port, 'memory = "32MiB"'))
    assert http_get(port, "/kept").text == first
    assert program.api("/api/v1/cache").json()["limit"] == 32 << 20
    program.reload(conf(port, web.port, 'memory = "0"'))
    assert http_get(port, "/kept").text != first
