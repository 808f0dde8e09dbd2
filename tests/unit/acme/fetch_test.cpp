// A CA's host that does not answer as it should, seen from the loop. What it answers over TLS: tests/e2e/test_acme.py.
#include "acme/fetch.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>

#include "base/fd.hpp"
#include "tests/unit/net/loop_rig.hpp"

namespace genkan::acme {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;

// A port where connections are taken and nothing is ever said.
class Silent {
 public:
  Silent() : fd_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    base::Endpoint any;
    any.ip = base::IpAddress::v4(0x7f000001);
    ::sockaddr_storage address{};
    ::socklen_t size = any.to_sockaddr(address);
    auto* at = reinterpret_cast<::sockaddr*>(&address);
    if (::bind(fd_.get(), at, size) != 0 || ::listen(fd_.get(), 8) != 0) std::abort();
    size = sizeof address;
    ::getsockname(fd_.get(), at, &size);
    port = base::Endpoint::from_sockaddr(at).port;
  }
  void close() { fd_.reset(); }
  std::string url() const { return "https://127.0.0.1:" + std::to_string(port) + "/"; }
  std::uint16_t port = 0;

 private:
  base::UniqueFd fd_;
};

struct Rig {
  net::Loop loop{1};
  net::Resolver resolver{loop, {"127.0.0.1:1"}};
  FetchLimits limits;
  std::string why;
  Error error;

  static net::Task<void> ask(Fetcher& fetcher, std::string url, Rig* rig) {
    std::string why;
    net::TlsClient::Options options;
    const auto tls = net::TlsClient::make(options, why);
    CO_REQUIRE(tls);
    const auto answer = co_await fetcher.fetch(*tls, Send::Form::get, url, "", &rig->why);
    CO_REQUIRE(!answer);
    rig->error = answer.error();
  }
  static net::Task<void> cancel_soon(net::Loop& loop, Fetcher& fetcher) {
    auto pause = net::sleep_for(loop, 50ms);
    co_await pause;
    fetcher.cancel();
  }
};

TEST(Fetcher, a_host_that_hangs_costs_only_the_time_that_was_set) {
  const Silent host;
  Rig rig;
  rig.limits.total = 200ms;
  Fetcher fetcher(rig.loop, rig.resolver, rig.limits);
  net::test::run(rig.loop, Rig::ask(fetcher, host.url(), &rig));
  EXPECT_EQ(rig.error, Errc::timed_out);
  EXPECT_THAT(rig.why, HasSubstr("no TLS with the CA at 127.0.0.1"));
}

TEST(Fetcher, a_host_that_refuses_is_named) {
  Silent host;
  host.close();
  Rig rig;
  Fetcher fetcher(rig.loop, rig.resolver, rig.limits);
  net::test::run(rig.loop, Rig::ask(fetcher, host.url(), &rig));
  EXPECT_THAT(rig.why, HasSubstr("no connection to the CA at 127.0.0.1"));
}

TEST(Fetcher, a_cancel_ends_what_is_under_way_and_all_after_it) {
  const Silent host;
  Rig rig;
  Fetcher fetcher(rig.loop, rig.resolver, rig.limits);
  net::spawn(rig.loop, Rig::cancel_soon(rig.loop, fetcher));
  net::test::run(rig.loop, Rig::ask(fetcher, host.url(), &rig));
  EXPECT_EQ(rig.error, Errc::cancelled);
}

TEST(Fetcher, only_https_is_asked) {
  Rig rig;
  Fetcher fetcher(rig.loop, rig.resolver, rig.limits);
  net::test::run(rig.loop, Rig::ask(fetcher, "http://127.0.0.1/", &rig));
  EXPECT_EQ(rig.error, Errc::malformed);
}

}  // namespace
}  // namespace genkan::acme
