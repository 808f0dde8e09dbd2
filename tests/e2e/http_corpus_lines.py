"""Requests: the request line, its target, Host, and the syntax of fields."""
import re

from http_judge import Request, ask

ROWS = []


def maker(rows):
    """ok: served, and the connection in step. bad: refused, the connection closed, nothing at the backend. free: either."""
    def add(name, send, want, rfc, more):
        rows.append(Request(name, send if isinstance(send, tuple) else (send,), (want,), rfc, **more))

    def ok(name, send, rfc, *gets, closed=False, **more):
        add(name, send, 200, rfc, {**more, "closed": closed, "gets": gets})

    def bad(name, send, rfc, want=400, **more):
        add(name, send, want, rfc, {**more, "closed": True, "reaches": 0})

    def free(name, send, rfc, want=(200, 400), **more):
        add(name, send, want, rfc, {"reaches": (0, 1), "level": "MAY", **more})
    return ok, bad, free


ok, bad, free = maker(ROWS)

# --- 9112 2.2, 3: what stands before and in the line ---
LINE = "9112 3"
ok("plain", ask(), LINE, rb"^GET / HTTP/1\.1\r\n")
ok("an empty line before the request", b"\r\n" + ask(), "9112 2.2", level="SHOULD")
ok("two empty lines before the request", b"\r\n\r\n" + ask(), "9112 2.2", level="SHOULD")
free("fifty empty lines before the request", b"\r\n" * 50 + ask(), "9112 2.2")
free("a bare LF before the request", b"\n" + ask(), "9112 2.2")
free("a bare CR before the request", b"\r" + ask(), "9112 2.2", want=400)
bad("a space before the method", b" " + ask(), LINE)
bad("a tab before the method", b"\t" + ask(), LINE)
bad("two spaces before the target", ask("GET  / HTTP/1.1"), LINE)
bad("two spaces before the version", ask("GET /  HTTP/1.1"), LINE)
bad("a tab before the target", ask("GET\t/ HTTP/1.1"), LINE)
bad("a tab before the version", ask("GET /\tHTTP/1.1"), LINE)
bad("a vertical tab for a space", ask("GET\x0b/ HTTP/1.1"), LINE)
bad("a form feed for a space", ask("GET /\x0cHTTP/1.1"), LINE)
bad("a bare CR for a space", ask("GET /\rHTTP/1.1"), LINE)
bad("a no-break space", ask("GET\xa0/ HTTP/1.1"), LINE)
bad("a space behind the version", ask("GET / HTTP/1.1 "), LINE, level="SHOULD")
bad("a tab behind the version", ask("GET / HTTP/1.1\t"), LINE, level="SHOULD")
bad("a CR more behind the version", ask("GET / HTTP/1.1\r"), LINE)
bad("a space in the target", ask("GET /a b HTTP/1.1"), LINE, level="SHOULD")
bad("a request hidden behind a space", ask("GET /a HTTP/1.1 GET /b HTTP/1.1"), LINE)
bad("no method", ask(" / HTTP/1.1"), LINE)
bad("no target", ask("GET HTTP/1.1"), LINE)
bad("an empty target", ask("GET  HTTP/1.1"), LINE)
bad("method only", b"GET\r\n\r\n", LINE)
bad("HTTP/0.9", b"GET /\r\n\r\n", LINE, want=(400, 505))
bad("HTTP/0.9 with a space", b"GET / \r\n\r\n", LINE, want=(400, 505))
bad("no CR behind the line", ask().replace(b"\r\n", b"\n", 1), "9112 2.2", level="SHOULD")
bad("LF only throughout", ask().replace(b"\r\n", b"\n"), "9112 2.2", level="SHOULD")
bad("CR only throughout", ask().replace(b"\r\n", b"\r") + b"\r\n\r\n", "9112 2.2")
bad("CRLF in the wrong order", ask().replace(b"\r\n", b"\n\r") + b"\r\n\r\n", "9112 2.2")
bad("TLS on a clear port", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\x00" * 60 + b"\r\n\r\n", LINE)
bad("binary", bytes(range(128, 256)) + b"\r\n\r\n", LINE)
bad("an answer for a request", b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", LINE, want=(400, 505))

# --- methods ---
for method in ("POST", "PUT", "DELETE", "PATCH", "OPTIONS", "PROPFIND", "REPORT", "M-SEARCH", "get", "Get", "FOO", "QUERY", "!#$%&'*+.^_`|~9"):
    ok(f"method {method}", ask(f"{method} /m HTTP/1.1"), "9110 9.1", rb"^" + re.escape(method.encode()) + rb" /m HTTP/1\.1\r\n")
ok("HEAD has no content", ask("HEAD / HTTP/1.1"), "9110 9.3.2", rb"^HEAD ", sees=(rb"Content-Length: [1-9]",))
for method in ("G(T", "G@T", "G\x00T", "G\x7fT", "G\xe9T", "G\"T", "G/T", "G:T", "G,T", "G;T", "G<T", "G=T", "G?T", "G[T", "G\\T", "G{T"):
    bad(f"method {method!r}", ask(f"{method} / HTTP/1.1"), "9110 5.6.2")
free("a method of 300 letters", ask("A" * 300 + " / HTTP/1.1"), LINE, want=(200, 400, 501, 414))
bad("a method of 40,000 letters", ask("A" * 40000 + " / HTTP/1.1"), LINE, want=(400, 414, 431, 501))
bad("HTTP/2's preface, then HTTP/1", b"PRI * HTTP/2.0\r\n\r\nXX\r\n\r\n" + ask(), "9113 3.4", want=(400, 405, 505))

# --- versions: a higher minor version is served as 1.1 (9110 2.5), all else is refused ---
ok("HTTP/1.0", ask("GET / HTTP/1.0"), "9112 9.3", rb"^GET / HTTP/1\.1\r\n", closed=True)
ok("HTTP/1.2 is served as HTTP/1.1", ask("GET / HTTP/1.2"), "9110 2.5", rb"^GET / HTTP/1\.1\r\n", level="SHOULD")
ok("HTTP/1.9 is served as HTTP/1.1", ask("GET / HTTP/1.9"), "9110 2.5", rb"^GET / HTTP/1\.1\r\n", level="SHOULD")
for version in ("HTTP/2.0", "HTTP/2.1", "HTTP/3.0", "HTTP/0.9", "HTTP/0.0", "HTTP/9.9"):
    bad(f"version {version}", ask(f"GET / {version}"), "9110 15.6.6", want=(505, 400))
for version in ("http/1.1", "Http/1.1", "HTTP/1.10", "HTTP/1.01", "HTTP/01.1", "HTTP/1.", "HTTP/.1", "HTTP/1", "HTTP/", "HTTP", "HTTP1.1", "HTTP/1,1",
                "HTTP/1.1.1", "HTTP/1.1a", "HTTP/1.-1", "HTTP/+1.1", "HTTP/ 1.1", "HTTP /1.1", "HTTP/1 .1", "HTTPS/1.1", "ICY/1.1", "HTTP/1.1\x00",
                "HTTP/1.\xb9", "XHTTP/1.1", "HTTP/1.x", "HTTP/a.b", "HTTP\\1.1", "\"HTTP/1.1\""):
    bad(f"version {version!r}", ask(f"GET / {version}"), "9112 2.3")

# --- targets ---
ok("origin-form with a query", ask("GET /a/b?c=d&e HTTP/1.1"), "9112 3.2.1", rb"^GET /a/b\?c=d&e HTTP")
bad("a target without a slash", ask("GET a HTTP/1.1"), "9112 3.2.1")
bad("a target that is a query", ask("GET ?a HTTP/1.1"), "9112 3.2.1")
bad("a target that is a fragment", ask("GET #a HTTP/1.1"), "9112 3.2.1")
bad("a fragment in the target", ask("GET /a#b HTTP/1.1"), "9112 3.2", level="SHOULD")
bad("a fragment behind the query", ask("GET /a?b#c HTTP/1.1"), "9112 3.2", level="SHOULD")
bad("a target that is a dot segment", ask("GET ../a HTTP/1.1"), "9112 3.2.1")
bad("GET of an authority", ask("GET a:80 HTTP/1.1"), "9112 3.2.3")
bad("GET of *", ask("GET * HTTP/1.1"), "9112 3.2.4")
bad("POST of *", ask("POST * HTTP/1.1", "Content-Length: 0"), "9112 3.2.4")
bad("OPTIONS of *x", ask("OPTIONS *x HTTP/1.1"), "9112 3.2.4")
bad("OPTIONS of */", ask("OPTIONS */ HTTP/1.1"), "9112 3.2.4")
ok("OPTIONS of *", ask("OPTIONS * HTTP/1.1"), "9112 3.2.4", rb"^OPTIONS \* HTTP")
for name, line in (("of an authority", "CONNECT a:80"), ("without a port", "CONNECT a"), ("of a path", "CONNECT /"), ("of a URL", "CONNECT http://a/"),
                   ("of an empty port", "CONNECT a:"), ("of a port too high", "CONNECT a:99999"), ("of an IPv6 address", "CONNECT [::1]:25")):
    bad(f"CONNECT {name}", ask(f"{line} HTTP/1.1"), "9110 9.3.6", want=(400, 403, 404, 405, 501))
bad("CONNECT, and what would go through the tunnel", ask("CONNECT a:80 HTTP/1.1") + ask("GET /inside HTTP/1.1"), "9110 9.3.6", want=(400, 403, 405, 501))
bad("CONNECT with HTTP/1.0", ask("CONNECT a:80 HTTP/1.0"), "9110 9.3.6", want=(400, 403, 405, 501))

ABSOLUTE = "9112 3.2.2"
ok("absolute-form", ask("GET http://a/x HTTP/1.1"), ABSOLUTE, rb"^GET /x HTTP", rb"\r\nHost: a\r\n")
ok("absolute-form decides over Host", ask("GET http://b/x HTTP/1.1"), ABSOLUTE, rb"^GET /x HTTP", rb"(?i)\r\nhost: b\r\n", never=(rb"(?i)\r\nhost: a\r\n",))
ok("absolute-form with a port decides over Host", ask("GET http://b:81/x HTTP/1.1"), ABSOLUTE, rb"(?i)\r\nhost: b:81\r\n")
ok("absolute-form without a path", ask("GET http://a HTTP/1.1"), ABSOLUTE, rb"^GET / HTTP")
ok("absolute-form with a query and no path", ask("GET http://a?q HTTP/1.1"), ABSOLUTE, rb"^GET /\?q HTTP")
ok("absolute-form, scheme in capitals", ask("GET HTTP://a/x HTTP/1.1"), "9110 4.2.3", rb"^GET /x HTTP")
ok("absolute-form, empty port", ask("GET http://a:/x HTTP/1.1"), "9110 4.2.3", rb"^GET /x HTTP")
ok("absolute-form, IPv6", ask("GET http://[::1]:80/x HTTP/1.1", host="Host: [::1]:80"), ABSOLUTE, rb"\r\nHost: \[::1\](:80)?\r\n")
ok("absolute-form with HTTP/1.0 and no Host", ask("GET http://b/x HTTP/1.0", host=None), ABSOLUTE, rb"(?i)\r\nhost: b\r\n", closed=True)
ok("absolute-form with dot segments", ask("GET http://a/x/../y HTTP/1.1"), ABSOLUTE, rb"^GET /y HTTP")
ok("OPTIONS of a URL without a path asks for *", ask("OPTIONS http://a HTTP/1.1"), "9112 3.2.4", rb"^OPTIONS \* HTTP")
ok("OPTIONS of a URL with a path", ask("OPTIONS http://a/ HTTP/1.1"), "9112 3.2.4", rb"^OPTIONS / HTTP")
bad("absolute-form without Host", ask("GET http://a/x HTTP/1.1", host=None), "9112 3.2")
bad("absolute-form with two Host", ask("GET http://a/x HTTP/1.1", "Host: a"), "9112 3.2")
bad("absolute-form with a bad Host", ask("GET http://a/x HTTP/1.1", host="Host: a b"), "9112 3.2")
bad("absolute-form, user info", ask("GET http://u:p@a/x HTTP/1.1"), "9110 4.2.4", level="SHOULD")
bad("absolute-form, empty user info", ask("GET http://@a/x HTTP/1.1"), "9110 4.2.4", level="SHOULD")
bad("absolute-form, no host", ask("GET http:///x HTTP/1.1"), "9110 4.2.1")
bad("absolute-form, no host but a port", ask("GET http://:80/x HTTP/1.1"), "9110 4.2.1")
bad("absolute-form, nothing behind the scheme", ask("GET http:// HTTP/1.1"), "9110 4.2.1")
bad("absolute-form, one slash", ask("GET http:/a/x HTTP/1.1"), ABSOLUTE)
bad("absolute-form, no slash", ask("GET http:a/x HTTP/1.1"), ABSOLUTE)
bad("absolute-form, a port with letters", ask("GET http://a:8o/x HTTP/1.1"), ABSOLUTE)
bad("absolute-form, a port too high", ask("GET http://a:65536/x HTTP/1.1"), ABSOLUTE)
bad("absolute-form, a negative port", ask("GET http://a:-1/x HTTP/1.1"), ABSOLUTE)
bad("absolute-form, an open bracket", ask("GET http://[::1/x HTTP/1.1"), ABSOLUTE)
bad("absolute-form, a backslash behind the host", ask("GET http://a\\x HTTP/1.1"), ABSOLUTE)
bad("absolute-form, a fragment", ask("GET http://a/x#f HTTP/1.1"), ABSOLUTE, level="SHOULD")
bad("absolute-form, a climb above the root", ask("GET http://a/../../x HTTP/1.1"), "3986 5.2.4", level="SHOULD")
for url in ("ftp://a/x", "file:///etc/passwd", "gopher://a/", "javascript:alert(1)", "mailto:a@b", "ws://a/x", "unix:/run/x", "1http://a/", "://a/x"):
    bad(f"a target of another scheme: {url}", ask(f"GET {url} HTTP/1.1"), "9110 7.4", want=(400, 404, 421, 501, 502))
free("an https URL on a clear port", ask("GET https://a/x HTTP/1.1"), "9110 7.4", want=(200, 400, 421))

# --- octets in the target: only what a URI may hold reaches a backend ---
for octet in (0x00, 0x01, 0x08, 0x0b, 0x1b, 0x1f, 0x7f):
    bad(f"octet {octet:#x} in the path", ask(f"GET /a{chr(octet)}b HTTP/1.1"), "3986 2")
    bad(f"octet {octet:#x} in the query", ask(f"GET /a?{chr(octet)}b HTTP/1.1"), "3986 2")
for octet in '"<>^`{|}\\':
    free(f"{octet} in the path", ask(f"GET /a{octet}b HTTP/1.1"), "3986 2")
    free(f"{octet} in the query", ask(f"GET /a?{octet}b HTTP/1.1"), "3986 2")
free("8-bit octets in the path", ask("GET /\xc3\xa9 HTTP/1.1"), "3986 2")
free("8-bit octets in the query", ask("GET /?\xc3\xa9 HTTP/1.1"), "3986 2")
bad("a target of 9,000 octets", ask("GET /" + "a" * 9000 + " HTTP/1.1"), "9112 3", want=414)
bad("a target of 40,000 octets", ask("GET /" + "a" * 40000 + " HTTP/1.1"), "9112 3", want=(414, 431))
bad("a target of 300,000 octets", ask("GET /" + "a" * 300000 + " HTTP/1.1"), "9112 3", want=(414, 431))
ok("a target of 8,000 octets", ask("GET /" + "a" * 7999 + " HTTP/1.1"), "9112 3", rb"^GET /a{7999} HTTP", level="SHOULD")

# --- Host ---
HOST = "9112 3.2"
bad("no Host", ask(host=None), HOST)
bad("two Host, alike", ask("GET / HTTP/1.1", "Host: a"), HOST)
bad("two Host that differ", ask("GET / HTTP/1.1", "Host: b"), HOST)
bad("two Host, the second in capitals", ask("GET / HTTP/1.1", "HOST: a"), HOST)
bad("two Host, one empty", ask("GET / HTTP/1.1", "Host:"), HOST)
bad("two Host in HTTP/1.0", ask("GET / HTTP/1.0", "Host: b"), HOST)
bad("a space before Host's colon", ask("GET / HTTP/1.1", host="Host : a"), "9112 5.1")
bad("Host only as a folded line", ask("GET / HTTP/1.1", host="X: a\r\n Host: a"), "9112 5.2")
free("an empty Host", ask("GET / HTTP/1.1", host="Host:"), HOST)
free("an empty Host of spaces", ask("GET / HTTP/1.1", host="Host:   "), HOST)
for host in ("a b", "a\tb", "a/b", "a/", "/", "a?b", "a#b", "u@a", "u:p@a", "@a", "a:b", "a:80b", "a:-1", "a:+80", "a: 80", "a :80", "a:80:80", "a:65536",
             "a:99999", "a:80 ,b", "http://a", "[::1", "::1", "1::2:3", "[]", "[::g]", "[::1]x", "[::1]:x", "[[::1]]", "[:::1]", "[1]", "[a]", "]", "[127.0.0.1]",
             "a[::1]", "a%", "a%2", "a%zz", "a%00", "a\xe9", "a\x00", "a\x01", "a\x7f", 'a"', "a<b", "a>", "a\\b", "a^b", "a`b", "a{b", "a|b", "a}b", ":80", ":"):
    bad(f"Host {host!r}", ask(host=f"Host: {host}"), HOST)
for host in ("a", "A.Example", "a:80", "a:", "127.0.0.1:8080", "[::1]", "[::1]:80", "[2001:db8::A]:8080", "a_b", "a-b.c", "a.", "xn--bcher-kva.example", "1", "a~b"):
    ok(f"Host {host!r}", ask(host=f"Host: {host}"), HOST, rb"(?i)\r\nHost: ?" + re.escape(host.encode()))
for host in ("a,b", "a;b", "a=b", "a!b", "a$b", "a&b", "a'b", "(a)", "*", "a+b", "a..b", "a%20b", "a%41", "[fe80::1%25eth0]", "[v1.a]", "[::ffff:1.2.3.4]", "a:0", "a" * 300,
             "-a"):
    free(f"Host {host[:40]!r}", ask(host=f"Host: {host}"), "3986 3.2.2")
ok("host in small letters", ask(host="host: a"), HOST)
ok("Host behind other fields", ask("GET / HTTP/1.1", "A: b", "Host: a", host=None), HOST)
ok("Host with spaces around", ask(host="Host: \t a \t "), HOST)
ok("no Host in HTTP/1.0", ask("GET / HTTP/1.0", host=None), HOST, closed=True)
bad("a bad Host in HTTP/1.0", ask("GET / HTTP/1.0", host="Host: a/b"), HOST)

# --- fields ---
FIELD = "9112 5"
bad("a space before the colon", ask("GET / HTTP/1.1", "A : b"), "9112 5.1")
bad("a tab before the colon", ask("GET / HTTP/1.1", "A\t: b"), "9112 5.1")
bad("a field without a name", ask("GET / HTTP/1.1", ": b"), FIELD)
bad("a field of a colon", ask("GET / HTTP/1.1", ":"), FIELD)
bad("a line without a colon", ask("GET / HTTP/1.1", "A"), FIELD)
bad("a line without a colon, first", ask("GET / HTTP/1.1", host="A\r\nHost: a"), FIELD)
bad("a name of two words", ask("GET / HTTP/1.1", "A b: c"), FIELD)
for octet in '"(),/;<=>?@[\\]{}\x00\x01\x0b\x0c\x1f\x7f\x80\xe9\xff':
    bad(f"octet {octet!r} in a name", ask("GET / HTTP/1.1", f"A{octet}B: c"), "9110 5.6.2")
ok("every character of a token in a name", ask("GET / HTTP/1.1", "!#$%&'*+-.^_`|~09azAZ: v"), "9110 5.6.2", rb"\r\n!#\$%&'\*\+-\.\^_`\|~09azAZ: v\r\n")
bad("a folded line", ask("GET / HTTP/1.1", "A: b", " c"), "9112 5.2")
bad("a line folded with a tab", ask("GET / HTTP/1.1", "A: b", "\tc"), "9112 5.2")
bad("a folded line of spaces", ask("GET / HTTP/1.1", "A: b", "  "), "9112 5.2")
bad("a folded line, first", ask("GET / HTTP/1.1", host=" A: b\r\nHost: a"), "9112 2.2")
bad("a folded line, first, with a tab", ask("GET / HTTP/1.1", host="\tHost: a"), "9112 2.2")
bad("a folded line that looks like a field", ask("GET / HTTP/1.1", "A: b", " Content-Length: 5", content="hello"), "9112 5.2")
for octet in (0x00, 0x01, 0x07, 0x08, 0x0b, 0x0c, 0x1b, 0x1f, 0x7f):
    bad(f"octet {octet:#x} in a value", ask("GET / HTTP/1.1", f"A: b{chr(octet)}c"), "9110 5.5")
bad("a bare CR in a value", ask("GET / HTTP/1.1", "A: b\rc"), "9112 2.2")
bad("a bare CR at the end of a value", ask("GET / HTTP/1.1", "A: b\r"), "9112 2.2")
bad("a bare CR at the begin of a line", ask("GET / HTTP/1.1", "\rA: b"), "9112 2.2")
bad("a bare LF in a value", ask("GET / HTTP/1.1", "A: b\nC: d"), "9112 2.2", level="SHOULD")
bad("a bare LF, then a space", ask("GET / HTTP/1.1", "A: b\n C: d"), "9112 2.2")
bad("two LF, then a hidden request", ask("GET / HTTP/1.1", "A: b\n\nGET /hidden HTTP/1.1\nHost: a"), "9112 2.2")
bad("the head ends with LF LF", ask()[:-4] + b"\n\n", "9112 2.2", level="SHOULD")
bad("the head ends with CRLF LF", ask()[:-2] + b"\n", "9112 2.2", level="SHOULD")
bad("the head ends with LF CRLF", ask()[:-4] + b"\n\r\n", "9112 2.2", level="SHOULD")
bad("the head ends with CR CR LF", ask()[:-2] + b"\r\r\n", "9112 2.2")
ok("an empty value", ask("GET / HTTP/1.1", "A:"), FIELD, rb"\r\nA: ?\r\n")
ok("a value of spaces", ask("GET / HTTP/1.1", "A:  \t "), FIELD, rb"\r\nA:[ \t]*\r\n")
ok("no space behind the colon", ask("GET / HTTP/1.1", "A:b"), FIELD, rb"\r\nA: ?b\r\n")
ok("spaces around a value", ask("GET / HTTP/1.1", "A: \t b \t"), FIELD, rb"\r\nA:[ \t]*b[ \t]*\r\n")
ok("a tab in a value", ask("GET / HTTP/1.1", "A: b\tc"), "9110 5.5", rb"\r\nA: b\tc\r\n")
ok("8-bit octets in a value", ask("GET / HTTP/1.1", "A: \x80\xff\xe9"), "9110 5.5", rb"\r\nA: \x80\xff\xe9\r\n")
ok("colons in a value", ask("GET / HTTP/1.1", "A: b: c::"), FIELD, rb"\r\nA: b: c::\r\n")
ok("the order of lines of one name", ask("GET / HTTP/1.1", "A: 1", "B: x", "a: 2", "A: 3"), "9110 5.3", rb"A: 1\r\n.*a: 2\r\n.*A: 3\r\n")
ok("two Cookie lines", ask("GET / HTTP/1.1", "Cookie: a=1", "Cookie: b=2"), "6265 5.4", rb"a=1", rb"b=2")
ok("a value of 20,000 octets", ask("GET / HTTP/1.1", "A: " + "b" * 20000), "9110 5.4", rb"b{20000}\r\n")
ok("ninety fields", ask("GET / HTTP/1.1", *[f"A{n}: b" for n in range(90)]), "9110 5.4", rb"A89: b\r\n")
bad("a value of 40,000 octets", ask("GET / HTTP/1.1", "A: " + "b" * 40000), "9110 5.4", want=431)
bad("a name of 40,000 octets", ask("GET / HTTP/1.1", "A" * 40000 + ": b"), "9110 5.4", want=431)
bad("150 fields", ask("GET / HTTP/1.1", *[f"A{n}: b" for n in range(150)]), "9110 5.4", want=431)
bad("20,000 fields", ask("GET / HTTP/1.1", *["A: b"] * 20000), "9110 5.4", want=431)
free("Content_Length, which some servers take for Content-Length", ask("POST / HTTP/1.1", "Content-Length: 5", "Content_Length: 0", content="hello"), FIELD)
free("a name of 5,000 letters", ask("GET / HTTP/1.1", "A" * 5000 + ": b"), "9110 5.4", want=(200, 400, 431))
