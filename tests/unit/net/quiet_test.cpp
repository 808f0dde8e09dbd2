#include "net/quiet.hpp"

#include <gtest/gtest.h>

#include "transport_pair.hpp"

namespace genkan::net {
namespace {

using namespace test;

class QuietTest : public testing::Test {
 protected:
  Loop loop{1};
  Pair ends = pair(loop, Kind::tcp);
};

struct Resting final : Quiet {
  Resting(Transport& from, Time until) : Quiet(from, until) {}
  ~Resting() override = default;
  void on_wake() noexcept override { transport = wake(); }
  void on_late() noexcept override { late = true; }
  using Quiet::deadline;
  std::unique_ptr<Transport> transport;
  bool late = false;
};

// A fresh transport only seems to have something.
void find_nothing(Transport& transport) {
  char byte = 0;
  Result<std::size_t> n = std::size_t{0};
  EXPECT_FALSE(transport.read_now(&byte, 1, n));
}

std::unique_ptr<Resting> rest(std::unique_ptr<Transport>& transport, Duration time) {
  EXPECT_TRUE(Quiet::suits(*transport));
  auto resting = std::make_unique<Resting>(*transport, Clock::now() + time);
  transport.reset();
  return resting;
}

TEST_F(QuietTest, BytesWakeItAndTheTransportCarriesOnBothWays) {
  auto all = [](Loop& l, Pair& p) -> Task<void> {
    find_nothing(*p.b);
    p.b->set_peer(*base::Endpoint::parse("192.0.2.7:80"));
    auto resting = rest(p.b, 1h);
    const auto w = co_await p.a->write("hello");
    EXPECT_TRUE(w);
    auto woken = until(l, [&] { return resting->transport != nullptr; });
    const bool there = co_await woken;
    CO_REQUIRE(there);
    p.b = std::move(resting->transport);
    resting.reset();
    EXPECT_EQ(p.b->peer().text(), "192.0.2.7:80");
    char buffer[100];
    const auto n = co_await p.b->read_some(buffer, sizeof buffer);
    CO_REQUIRE(n);
    EXPECT_EQ(std::string_view(buffer, *n), "hello");
    auto writing = p.b->write("answer");
    const auto back = co_await writing;
    EXPECT_TRUE(back);
    const auto m = co_await p.a->read_some(buffer, sizeof buffer);
    CO_REQUIRE(m);
    EXPECT_EQ(std::string_view(buffer, *m), "answer");
    Received rest_of_it;
    spawn(l, read_all(*p.b, rest_of_it));
    p.a->shutdown_write();
    auto over = until(l, [&] { return rest_of_it.done; });
    const bool ended = co_await over;
    EXPECT_TRUE(ended);
  };
  run(loop, all(loop, ends));
}

TEST_F(QuietTest, WhatCameBeforeTheSystemSaidSoIsNotMissed) {
  auto all = [](Loop& l, Pair& p) -> Task<void> {
    find_nothing(*p.b);
    const auto w = co_await p.a->write("early");
    EXPECT_TRUE(w);
    auto resting = rest(p.b, 1h);
    auto woken = until(l, [&] { return resting->transport != nullptr; });
    const bool there = co_await woken;
    CO_REQUIRE(there);
    char buffer[100];
    const auto n = co_await resting->transport->read_some(buffer, sizeof buffer);
    CO_REQUIRE(n);
    EXPECT_EQ(std::string_view(buffer, *n), "early");
  };
  run(loop, all(loop, ends));
}

TEST_F(QuietTest, TheEndWakesItAndIsKnown) {
  auto all = [](Loop& l, Pair& p) -> Task<void> {
    find_nothing(*p.b);
    auto resting = rest(p.b, 1h);
    p.a.reset();
    auto woken = until(l, [&] { return resting->transport != nullptr; });
    const bool there = co_await woken;
    CO_REQUIRE(there);
    EXPECT_TRUE(resting->transport->peer_closed());
    EXPECT_FALSE(Quiet::suits(*resting->transport));
    char buffer[100];
    const auto n = co_await resting->transport->read_some(buffer, sizeof buffer);
    CO_REQUIRE(n);
    EXPECT_EQ(*n, 0u);
  };
  run(loop, all(loop, ends));
}

TEST_F(QuietTest, ItsDeadlineMayMoveAndItClosesWhatWasNotWoken) {
  auto all = [](Loop& l, Pair& p) -> Task<void> {
    find_nothing(*p.b);
    const Time begin = Clock::now();
    auto resting = rest(p.b, 1h);
    resting->deadline(begin + 60ms);
    auto late = until(l, [&] { return resting->late; });
    const bool there = co_await late;
    EXPECT_TRUE(there);
    EXPECT_GE(Clock::now() - begin, 60ms);
    EXPECT_FALSE(resting->transport);
    resting.reset();
    char buffer[100];
    const auto n = co_await p.a->read_some(buffer, sizeof buffer);
    CO_REQUIRE(n);
    EXPECT_EQ(*n, 0u);
  };
  run(loop, all(loop, ends));
}

TEST_F(QuietTest, WhatIsMoreThanADescriptorDoesNotSuit) {
  EXPECT_FALSE(Quiet::suits(*ends.b));  // never read from: there may be something
  find_nothing(*ends.b);
  EXPECT_TRUE(Quiet::suits(*ends.b));
  ends.b->unread("x");
  EXPECT_FALSE(Quiet::suits(*ends.b));
  Pair local = pair(loop, Kind::unix_socket);
  find_nothing(*local.b);
  local.b->set_peer(*base::Endpoint::parse("unix:/run/x.sock"));
  EXPECT_FALSE(Quiet::suits(*local.b));
}

}  // namespace
}  // namespace genkan::net
