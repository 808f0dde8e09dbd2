#include "net/pipe.hpp"

#include <gtest/gtest.h>

#include "transport_pair.hpp"

namespace genkan::net {
namespace {

using namespace test;

class PipeTest : public testing::TestWithParam<Kind> {
 protected:
  Loop loop{1};
  Pair first = pair(loop, GetParam()), second = pair(loop, GetParam());
};

INSTANTIATE_TEST_SUITE_P(Over, PipeTest, testing::Values(Kind::tcp, Kind::unix_socket),
                         [](const auto& each) { return each.param == Kind::tcp ? "Tcp" : "Unix"; });

struct Moved {
  Error error;
  std::size_t bytes = 0;
  bool done = false;
};
Task<void> move_all(Transport& from, Transport& to, Moved& out) {
  Pipe pipe = Pipe::take();
  for (;;) {
    const auto n = co_await from.fill(pipe, Pipe::kSize);
    if (!n) out.error = n.error();
    if (!n || *n == 0) break;
    EXPECT_EQ(pipe.held(), *n);
    const auto sent = co_await to.drain(pipe);
    if (!sent) out.error = sent.error();
    if (!sent) break;
    EXPECT_EQ(pipe.held(), 0u);
    out.bytes += *n;
  }
  to.shutdown_write();
  out.done = true;
}

TEST_P(PipeTest, WhatGoesThroughItArrivesWholeAndInOrder) {
  narrow(first);
  narrow(second);
  auto all = [](Loop& l, Pair& in, Pair& out) -> Task<void> {
    const std::string data = pattern(3'000'000, 7);
    Received got;
    Sent sent;
    Moved moved;
    spawn(l, read_all(*out.b, got, 50'000));
    spawn(l, move_all(*in.b, *out.a, moved));
    spawn(l, write_all(*in.a, data, sent, true));
    auto done = until(l, [&] { return got.done; });
    const bool ended = co_await done;
    EXPECT_TRUE(ended);
    EXPECT_TRUE(got.data == data);
    EXPECT_TRUE(moved.done);
    EXPECT_FALSE(moved.error);
    EXPECT_EQ(moved.bytes, data.size());
    EXPECT_EQ(in.b->bytes_in(), data.size());
    EXPECT_EQ(out.a->bytes_out(), data.size());
  };
  run(loop, all(loop, first, second));
}

TEST_P(PipeTest, ACancelledTransportEndsTheMove) {
  auto all = [](Loop& l, Pair& in, Pair& out) -> Task<void> {
    Moved moved;
    spawn(l, move_all(*in.b, *out.a, moved));
    EXPECT_FALSE(moved.done);
    in.b->cancel();
    auto done = until(l, [&] { return moved.done; });
    const bool ended = co_await done;
    EXPECT_TRUE(ended);
    EXPECT_TRUE(moved.error == Errc::cancelled);
  };
  run(loop, all(loop, first, second));
}

TEST_P(PipeTest, OneThatStillHoldsBytesIsNotUsedAgain) {
  auto all = [](Loop&, Pair& in) -> Task<void> {
    const auto sent = co_await in.a->write("left over from somebody");
    EXPECT_TRUE(sent);
    {
      Pipe pipe = Pipe::take();
      const auto n = co_await in.b->fill(pipe, 100);
      CO_REQUIRE(n);
      EXPECT_EQ(*n, 23u);
    }
    const auto again = co_await in.a->write("mine");
    EXPECT_TRUE(again);
    Pipe pipe = Pipe::take();
    EXPECT_EQ(pipe.held(), 0u);
    const auto n = co_await in.b->fill(pipe, 100);
    CO_REQUIRE(n);
    EXPECT_EQ(pipe.held(), 4u);
    const auto drained = co_await in.b->drain(pipe);
    EXPECT_TRUE(drained);
    auto reading = read_exactly(*in.a, 4);
    const std::string back = co_await reading;
    EXPECT_EQ(back, "mine");
  };
  run(loop, all(loop, first));
}

}  // namespace
}  // namespace genkan::net
