"""The lints find what they are there for, and leave alone what is right."""
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
import layering  # noqa: E402
import lint_coroutines  # noqa: E402

CMAKE = """
# room(ghost) in a comment is nothing
room(base LINKS OpenSSL::Crypto)
room(net  USES base LINKS x)
room(http USES base net)
"""


def test_rooms_are_read_with_what_they_use():
    rooms = layering.read_rooms(CMAKE)
    assert rooms == {"base": set(), "net": {"base"}, "http": {"base", "net"}}
    assert list(layering.check_order(rooms)) == []


def test_a_room_that_uses_one_below_it_is_named():
    rooms = layering.read_rooms("room(a USES b)\nroom(b)\nroom(c USES d)")
    assert list(layering.check_order(rooms)) == [
        "CMakeLists.txt: room a uses b, which stands below it",
        "CMakeLists.txt: room c uses d, which is not a room",
    ]


@pytest.mark.parametrize("path, line, breach", [
    ("net/loop.cpp", '#include "base/log.hpp"', False),
    ("net/loop.cpp", '#include "net/task.hpp"', False),
    ("net/loop.cpp", '#include "http/handler.hpp"', True),
    ("base/log.cpp", '#  include "net/loop.hpp"', True),
    ("http/h2/session.cpp", "#include <nghttp2/nghttp2.h>", False),
    ("http/router.cpp", "#include <nghttp2/nghttp2.h>", True),
    ("net/tls_context.cpp", "#include <openssl/ssl.h>", False),
    ("http/client.cpp", "#include <openssl/ssl.h>", True),
    ("net/loop.hpp", "#include <boost/asio/io_context.hpp>", True),
    ("base/socket.cpp", "#include <net/if.h>", False),
    ("base/socket.cpp", "#include <net/loop.hpp>", True),
    ("http/h1/parser.cpp", "#include <boost/asio/buffer.hpp>", False),
    ("net/loop.cpp", '#include "../base/log.hpp"', True),
    ("net/loop.cpp", '// #include "http/handler.hpp"', False),
])
def test_includes_are_judged_by_the_rooms(path, line, breach):
    found = list(layering.check_file(path, f"\n{line}\n", layering.read_rooms(CMAKE)))
    assert bool(found) == breach, found
    if breach:
        assert found[0].startswith(f"{path}:2: ")


WRONG = {
    "a capturing lambda": "net::Task<int> f() { auto r = co_await pool.run([x] { return x; }); co_return 1; }",
    "a capturing lambda by reference": "Task<int> f() { co_await pool.run([&](int a) { return a; }); }",
    "a braced argument": "Task<int> f() { co_await t.write({head, body}); }",
    "an aggregate temporary": "Task<int> f() { co_await t.write(Gather{head, body}); }",
    "an await inside an initialiser": "Task<int> f() { run({co_await make(), 4}); }",
    "an await inside a named aggregate": "Task<int> f() { return_it(Thing{co_await make(), 4}); }",
    "a conditional": "Task<int> f() { auto r = ok ? co_await a() : co_await b(); }",
    "two awaits": "Task<int> f() { g(co_await a(), co_await b()); }",
    "in a condition": "Task<int> f() { if (auto r = co_await a({1}); !r) co_return r.error(); }",
    "in a loop": "Task<int> f() { while ((co_await a(std::string{})) > 0) { g(); } }",
    "a lambda that is a coroutine": "void f() { auto c = [this]() -> Task<void> { co_await g(); }; }",
    "a lambda that only returns": "void f() { run([x](int) mutable -> Task<int> { co_return x; }); }",
    "returned": "Task<int> f() { co_return co_await a(std::vector<int>{1, 2}); }",
}

RIGHT = {
    "a plain await": "Task<int> f() { auto r = co_await a(std::move(b), c[1]); co_return r; }",
    "in a condition": "Task<int> f() { if (!co_await a()) { g({1}); } else { h(x ? 1 : 2); } }",
    "a lambda without captures": "Task<int> f() { co_await pool.run([](int a) { return a ? 1 : 2; }); }",
    "a lambda named first": "Task<int> f() { auto g = [x] { return Thing{x}; }; co_await pool.run(std::move(g)); }",
    "braces before and after": "Task<int> f() { Thing t{1}; auto r = co_await a(t); Thing u{r}; for (auto x : {1, 2}) g(x); }",
    "in words": 'Task<int> f() { g("co_await {x}"); /* co_await ? {} : */ co_return 1; }  // co_await [x] {}',
    "a coroutine without captures": "auto c = [](int x) -> Task<int> { co_return x; };",
    "a lambda that starts a named coroutine": "void f() { loop.post([this] { spawn(run()); }); }",
    "one after the other": "Task<int> f() {\n  co_await a();\n  co_await b();\n  if (x) co_await c();\n  else co_await d();\n}",
    "in a range": "Task<int> f() { auto all = co_await a(); for (const auto& x : all) { use(x ? 1 : 2); } }",
    "in a case": "Task<int> f() { switch (x) { case 1: co_await a(); break; default: { co_await b(); } } }",
    "an attribute": "[[nodiscard]] Task<int> f() { co_return co_await g(); }",
    "character literals": "Task<int> f() { char c = '{'; auto n = 1'000'000; co_await g(c, '?'); }",
}


@pytest.mark.parametrize("name", WRONG)
def test_what_the_compiler_gets_wrong_is_found(name):
    assert list(lint_coroutines.check_text("x.cpp", WRONG[name])), WRONG[name]


@pytest.mark.parametrize("name", RIGHT)
def test_what_is_right_is_left_alone(name):
    assert list(lint_coroutines.check_text("x.cpp", RIGHT[name])) == []
