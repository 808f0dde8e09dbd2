#include "net/transport.hpp"

#include <gtest/gtest.h>

#include <csignal>

#include "transport_pair.hpp"

namespace genkan::net {
namespace {

using namespace test;

class TransportTest : public testing::TestWithParam<Kind> {
 protected:
  Loop loop{1};
  Pair ends = pair(loop, GetParam());
};

INSTANTIATE_TEST_SUITE_P(Over, TransportTest, testing::Values(Kind::tcp, Kind::unix_socket),
                         [](const auto& each) { return each.param == Kind::tcp ? "Tcp" : "Unix"; });

TEST_P(TransportTest, ReadsWhatIsThereAndWaitsForWhatIsNot) {
  auto all = [](Loop& l, Pair& p) -> Task<void> {
    char buffer[100];
    const auto w = co_await p.a->write("head", "body");
    EXPECT_TRUE(w);
    const auto n = co_await p.b->read_some(buffer, sizeof buffer);
    CO_REQUIRE(n);
    EXPECT_EQ(std::string_view(buffer, *n), "headbody");
    EXPECT_TRUE(p.b->read_would_block());
    Received late;
    spawn(l, read_all(*p.b, late));
    EXPECT_EQ(late.data, "");
    const auto more = co_await p.a->write("more");
    EXPECT_TRUE(more);
    auto came = until(l, [&] { return late.data == "more"; });
    const bool there = co_await came;
    EXPECT_TRUE(there);
    EXPECT_FALSE(late.done);
    p.a->shutdown_write();
    auto ended = until(l, [&] { return late.done; });
    const bool end = co_await ended;
    EXPECT_TRUE(end);
    EXPECT_FALSE(late.error);
    EXPECT_EQ(p.a->bytes_out(), 12u);
    EXPECT_EQ(p.b->bytes_in(), 12u);
  };
  run(loop, all(loop, ends));
}

TEST_P(TransportTest, AWriteThatIsTooLargeForTheKernelArrivesWhole) {
  narrow(ends);
  auto all = [](Loop& l, Pair& p) -> Task<void> {
    const std::string head = pattern(100'000, 2), body = pattern(1'000'000, 3);
    Received got;
    spawn(l, read_all(*p.b, got, 10'000));
    // The head lies in the scratch, which others use as soon as the write suspends.
    auto writer = [](Loop& lo, Transport& t, const std::string& h, const std::string& b) -> Task<void> {
      std::copy(h.begin(), h.end(), lo.scratch().begin());
      const auto w = co_await t.write(std::string_view(lo.scratch().data(), h.size()), b);
      EXPECT_TRUE(w);
      t.shutdown_write();
    };
    spawn(l, writer(l, *p.a, head, body));
    std::fill(l.scratch().begin(), l.scratch().end(), 'x');
    auto done = until(l, [&] { return got.done; });
    const bool ended = co_await done;
    EXPECT_TRUE(ended);
    EXPECT_TRUE(got.data == head + body);
  };
  run(loop, all(loop, ends));
}

TEST_P(TransportTest, ReadsAndWritesAtOnceBothWays) {
  narrow(ends);
  auto all = [](Loop& l, Pair& p) -> Task<void> {
    const std::string there = pattern(2'000'000, 4), back = pattern(2'000'000, 5);
    Received at_a, at_b;
    Sent from_a, from_b;
    spawn(l, write_all(*p.a, there, from_a, true));
    spawn(l, write_all(*p.b, back, from_b, true));
    spawn(l, read_all(*p.a, at_a));
    spawn(l, read_all(*p.b, at_b, 5000));
    auto done = until(l, [&] { return at_a.done && at_b.done && from_a.done && from_b.done; });
    const bool ended = co_await done;
    EXPECT_TRUE(ended);
    EXPECT_TRUE(at_b.data == there);
    EXPECT_TRUE(at_a.data == back);
  };
  run(loop, all(loop, ends));
}

TEST_P(TransportTest, AnAbsoluteDeadlineIsNotMovedByBytesThatTrickleIn) {
  auto all = [](Loop& l, Pair& p) -> Task<void> {
    auto trickle = [](Loop& lo, Transport& t) -> Task<void> {
      for (;;) {
        const auto w = co_await t.write("x");
        if (!w) break;
        auto pause = sleep_for(lo, 20ms);
        co_await pause;
      }
    };
    spawn(l, trickle(l, *p.a));
    const Time begin = l.now();
    p.b->read_deadline(begin + 150ms);
    p.b->read_timeout(10s);
    Received got;
    auto reading = read_all(*p.b, got);
    co_await reading;
    EXPECT_EQ(got.error, Errc::timed_out);
    EXPECT_GE(got.data.size(), 2u);
    EXPECT_GE(l.now() - begin, 150ms);
    EXPECT_LT(l.now() - begin, 5s);
    p.a->cancel();
    auto gone = until(l, [&] { return l.live() == 1; });
    co_await gone;
  };
  run(loop, all(loop, ends));
}

struct Sleeper final : Transport::SleepListener {
  void on_wake() noexcept override { ++woken; }
  int woken = 0;
};

TEST_P(TransportTest, ASleeperIsWokenOnceByBytes) {
  auto all = [](Loop& l, Pair& p) -> Task<void> {
    char buffer[100];
    const auto none = p.b->read_would_block();
    if (!none) {  // a fresh one only seems to have something
      Result<std::size_t> n = std::size_t{0};
      EXPECT_FALSE(p.b->read_now(buffer, sizeof buffer, n));
    }
    Sleeper sleeper;
    p.b->sleep(&sleeper);
    const auto w = co_await p.a->write("hello");
    EXPECT_TRUE(w);
    auto woken = until(l, [&] { return sleeper.woken > 0; });
    const bool there = co_await woken;
    EXPECT_TRUE(there);
    const auto n = co_await p.b->read_some(buffer, sizeof buffer);
    CO_REQUIRE(n);
    EXPECT_EQ(std::string_view(buffer, *n), "hello");
    const auto more = co_await p.a->write("more");
    EXPECT_TRUE(more);
    const auto m = co_await p.b->read_some(buffer, sizeof buffer);
    CO_REQUIRE(m);
    EXPECT_EQ(sleeper.woken, 1);
  };
  run(loop, all(loop, ends));
}

TEST_P(TransportTest, ASleeperIsWokenByItsDeadlineThatMayMove) {
  auto all = [](Loop& l, Pair& p) -> Task<void> {
    char byte = 0;
    Result<std::size_t> n = std::size_t{0};
    EXPECT_FALSE(p.b->read_now(&byte, 1, n));
    Sleeper sleeper;
    const Time begin = Clock::now();
    p.b->read_deadline(begin + 1h);
    p.b->sleep(&sleeper);
    p.b->read_deadline(begin + 60ms);
    auto woken = until(l, [&] { return sleeper.woken > 0; });
    const bool there = co_await woken;
    EXPECT_TRUE(there);
    EXPECT_GE(Clock::now() - begin, 60ms);
    EXPECT_TRUE(p.b->read_would_block());
  };
  run(loop, all(loop, ends));
}

TEST_P(TransportTest, ATimeWithoutProgressBeginsAnewWithEachRead) {
  auto all = [](Loop& l, Pair& p) -> Task<void> {
    auto some = [](Loop& lo, Transport& t) -> Task<void> {
      for (int i = 0; i < 5; ++i) {
        auto pause = sleep_for(lo, 60ms);
        co_await pause;
        const auto w = co_await t.write("x");
        EXPECT_TRUE(w);
      }
    };
    spawn(l, some(l, *p.a));
    p.b->read_timeout(400ms);
    const Time begin = l.now();
    Received got;
    auto reading = read_all(*p.b, got);
    co_await reading;
    EXPECT_EQ(got.error, Errc::timed_out);
    EXPECT_EQ(got.data, "xxxxx");
    EXPECT_GE(l.now() - begin, 700ms);
  };
  run(loop, all(loop, ends));
}

TEST_P(TransportTest, ADeadlineMayBeSetForAReadThatWaits) {
  auto all = [](Loop& l, Pair& p) -> Task<void> {
    Received got;
    spawn(l, read_all(*p.b, got));
    p.b->read_deadline(l.now() + 30ms);
    auto done = until(l, [&] { return got.done; });
    co_await done;
    EXPECT_EQ(got.error, Errc::timed_out);
    // A time-out is no failure of the connection: it may go on.
    p.b->read_deadline(Time::max());
    const auto w = co_await p.a->write("still there");
    EXPECT_TRUE(w);
    auto reading = read_exactly(*p.b, 11);
    const std::string text = co_await reading;
    EXPECT_EQ(text, "still there");
  };
  run(loop, all(loop, ends));
}

TEST_P(TransportTest, AWriteToOneWhoDoesNotReadTimesOut) {
  narrow(ends);
  auto all = [](Loop& l, Pair& p) -> Task<void> {
    p.a->write_timeout(100ms);
    const std::string much = pattern(8'000'000);
    const Time begin = l.now();
    const auto w = co_await p.a->write(much);
    CO_REQUIRE(!w);
    EXPECT_EQ(w.error(), Errc::timed_out);
    EXPECT_GE(l.now() - begin, 100ms);
  };
  run(loop, all(loop, ends));
}

TEST_P(TransportTest, AWriteToOneWhoReadsSlowlyDoesNot) {
  narrow(ends);
  auto all = [](Loop& l, Pair& p) -> Task<void> {
    p.a->write_timeout(800ms);
    Sent sent;
    spawn(l, write_all(*p.a, pattern(2'000'000), sent));
    const Time begin = l.now();
    std::string buffer(100'000, '\0');
    std::size_t total = 0;
    while (total < 2'000'000 && !sent.error) {
      const auto n = co_await p.b->read_some(buffer.data(), buffer.size());
      CO_REQUIRE(n && *n > 0);
      total += *n;
      if (l.now() - begin > 1200ms) continue;
      auto pause = sleep_for(l, 50ms);
      co_await pause;
    }
    auto done = until(l, [&] { return sent.done; });
    co_await done;
    EXPECT_FALSE(sent.error) << sent.error.message();
    EXPECT_GT(l.now() - begin, 1s);
  };
  run(loop, all(loop, ends));
}

TEST_P(TransportTest, CancelEndsWhatWaitsAndAllThatComesLater) {
  narrow(ends);
  auto all = [](Loop& l, Pair& p) -> Task<void> {
    Received got;
    Sent sent;
    spawn(l, read_all(*p.a, got));
    spawn(l, write_all(*p.a, pattern(8'000'000), sent));
    EXPECT_FALSE(got.done || sent.done);
    p.a->cancel();
    EXPECT_FALSE(got.done || sent.done) << "resumed inside cancel()";
    auto done = until(l, [&] { return got.done && sent.done; });
    co_await done;
    EXPECT_EQ(got.error, Errc::cancelled);
    EXPECT_EQ(sent.error, Errc::cancelled);
    char c = 0;
    const auto n = co_await p.a->read_some(&c, 1);
    EXPECT_EQ(n.error(), Errc::cancelled);
    const auto w = co_await p.a->write("x");
    EXPECT_EQ(w.error(), Errc::cancelled);
    const auto r = co_await p.a->readable();
    EXPECT_EQ(r.error(), Errc::cancelled);
  };
  run(loop, all(loop, ends));
}

TEST_P(TransportTest, CancelReadEndsOnlyTheReadThatWaits) {
  auto all = [](Loop& l, Pair& p) -> Task<void> {
    p.b->cancel_read();  // nothing waits: nothing happens
    Received got;
    spawn(l, read_all(*p.b, got));
    p.b->cancel_read();
    auto done = until(l, [&] { return got.done; });
    co_await done;
    EXPECT_EQ(got.error, Errc::cancelled);
    const auto w = co_await p.b->write("to a");
    EXPECT_TRUE(w);
    const auto v = co_await p.a->write("to b");
    EXPECT_TRUE(v);
    auto reading = read_exactly(*p.b, 4);
    const std::string text = co_await reading;
    EXPECT_EQ(text, "to b");
  };
  run(loop, all(loop, ends));
}

TEST_P(TransportTest, ReadableWaitsAndTakesNothing) {
  auto all = [](Loop& l, Pair& p) -> Task<void> {
    bool woke = false;
    auto wait = [](Transport& t, bool& w) -> Task<void> {
      const auto r = co_await t.readable();
      EXPECT_TRUE(r);
      w = true;
    };
    char c = 0;
    const auto first = co_await p.a->write("1");
    EXPECT_TRUE(first);
    auto reading = read_exactly(*p.b, 1);
    co_await reading;
    // After a read that was filled the kernel has to be asked once more.
    p.b->read_deadline(l.now() + 1ms);
    const auto none = co_await p.b->read_some(&c, 1);
    EXPECT_FALSE(none);
    p.b->read_deadline(Time::max());
    spawn(l, wait(*p.b, woke));
    EXPECT_FALSE(woke);
    const auto second = co_await p.a->write("2");
    EXPECT_TRUE(second);
    auto done = until(l, [&] { return woke; });
    const bool there = co_await done;
    EXPECT_TRUE(there);
    auto rest = read_exactly(*p.b, 1);
    const std::string text = co_await rest;
    EXPECT_EQ(text, "2");
  };
  run(loop, all(loop, ends));
}

TEST_P(TransportTest, BytesHandedBackComeFirst) {
  auto all = [](Pair& p) -> Task<void> {
    const auto w = co_await p.a->write(" world");
    EXPECT_TRUE(w);
    p.b->unread("hello");
    EXPECT_FALSE(p.b->read_would_block());
    const auto r = co_await p.b->readable();
    EXPECT_TRUE(r);
    auto reading = read_exactly(*p.b, 11);
    const std::string text = co_await reading;
    EXPECT_EQ(text, "hello world");
  };
  run(loop, all(ends));
}

struct Ear final : Transport::HangupListener {
  void on_hangup() noexcept override { ++heard; }
  int heard = 0;
};

TEST_P(TransportTest, TellsOfABrokenConnectionOnceAndNotOfAHalfClosedOne) {
  auto all = [](Loop& l, Pair& p) -> Task<void> {
    Ear ear;
    p.b->on_hangup(&ear);
    p.a->shutdown_write();
    auto closed = until(l, [&] { return p.b->peer_closed(); });
    const bool half = co_await closed;
    EXPECT_TRUE(half);
    EXPECT_EQ(ear.heard, 0);
    EXPECT_FALSE(p.b->broken());
    const auto w = co_await p.b->write("an answer");
    EXPECT_TRUE(w);
    p.a->reset();
    auto gone = until(l, [&] { return ear.heard > 0; });
    const bool told = co_await gone;
    EXPECT_TRUE(told);
    EXPECT_TRUE(p.b->broken());
    EXPECT_EQ(ear.heard, 1);
  };
  run(loop, all(loop, ends));
}

TEST_P(TransportTest, AWriteThatFailsLeavesTheLastWordsOfThePeerReadable) {
  auto all = [](Loop& l, Pair& p) -> Task<void> {
    const auto bye = co_await p.a->write("421 closing\r\n");
    EXPECT_TRUE(bye);
    p.a->close();
    Error error;
    for (int i = 0; i < 1000 && !error; ++i) {
      const auto w = co_await p.b->write("MAIL FROM:<>\r\n");
      if (!w) error = w.error();
      auto pause = sleep_for(l, 1ms);
      co_await pause;
    }
    EXPECT_TRUE(error);
    auto reading = read_exactly(*p.b, 13);
    const std::string text = co_await reading;
    EXPECT_EQ(text, "421 closing\r\n");
    const auto again = co_await p.b->write("x");
    EXPECT_EQ(again.error(), error);
  };
  run(loop, all(loop, ends));
}

TEST_P(TransportTest, AClosedPeerIsTheEndOfTheStream) {
  auto all = [](Pair& p) -> Task<void> {
    const auto w = co_await p.a->write("last");
    EXPECT_TRUE(w);
    p.a->close();
    Received got;
    auto reading = read_all(*p.b, got);
    co_await reading;
    EXPECT_EQ(got.data, "last");
    EXPECT_FALSE(got.error);
    EXPECT_TRUE(p.a->fd() < 0);
    p.a->close();  // again: nothing
  };
  run(loop, all(ends));
}

TEST_P(TransportTest, AReaderThatNeverWaitsLetsOthersHaveATurn) {
  auto all = [](Loop& l, Pair& p) -> Task<void> {
    const std::string much(30'000, 'x');
    const auto w = co_await p.a->write(much);
    EXPECT_TRUE(w);
    bool turn = false;
    l.post([&turn] { turn = true; });
    std::size_t before = 0;
    char c = 0;
    while (!turn && before < much.size()) {
      const auto n = co_await p.b->read_some(&c, 1);
      CO_REQUIRE(n && *n == 1);
      ++before;
    }
    EXPECT_LE(before, 200u);
  };
  run(loop, all(loop, ends));
}

TEST(TcpTransportTest, AResetIsAnErrorForTheReaderAndNotAnEnd) {
  Loop loop(1);
  Pair ends = pair(loop, Kind::tcp);
  auto all = [](Pair& p) -> Task<void> {
    p.a->reset();
    Received got;
    auto reading = read_all(*p.b, got);
    co_await reading;
    EXPECT_EQ(got.error, boost::system::errc::connection_reset);
  };
  run(loop, all(ends));
}

TEST(TcpTransportTest, KnowsItsOwnAddress) {
  Loop loop(1);
  Pair ends = pair(loop, Kind::tcp);
  EXPECT_EQ(ends.a->local().ip.text(), "127.0.0.1");
  EXPECT_NE(ends.a->local().port, 0);
  EXPECT_NE(ends.a->local().port, ends.b->local().port);
  base::Endpoint other;
  other.port = 7;
  ends.a->set_peer(other);
  EXPECT_EQ(ends.a->peer().port, 7);
}

}  // namespace
}  // namespace genkan::net
