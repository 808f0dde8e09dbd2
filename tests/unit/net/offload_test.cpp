#include "net/offload.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <future>

#include "loop_rig.hpp"

namespace genkan::net {
namespace {

using test::run;

TEST(OffloadTest, WorksOnAnotherThreadAndComesBackToTheLoop) {
  Loop loop(1);
  Offload pool(2);
  auto all = [](Loop& l, Offload& p) -> Task<void> {
    auto work = [caller = std::this_thread::get_id()] { return std::this_thread::get_id() != caller; };
    const auto elsewhere = co_await p.run(l, work);
    CO_REQUIRE(elsewhere);
    EXPECT_TRUE(*elsewhere);
    EXPECT_TRUE(l.on_thread());
  };
  run(loop, all(loop, pool));
}

Task<void> square(Loop& loop, Offload& pool, int n, std::atomic<int>& sum) {
  auto work = [n] { return std::make_unique<int>(n * n); };
  const auto result = co_await pool.run(loop, work);
  if (result) sum += **result;
}

TEST(OffloadTest, ManyAtOnceAllEnd) {
  Loop loop(1);
  Offload pool(3);
  std::atomic<int> sum{0};
  auto all = [](Loop& l, Offload& p, std::atomic<int>& s) -> Task<void> {
    for (int i = 0; i < 200; ++i) spawn(l, square(l, p, i, s));
    auto done = test::until(l, [&] { return l.live() == 1; });
    const bool ended = co_await done;
    EXPECT_TRUE(ended);
  };
  run(loop, all(loop, pool, sum));
  EXPECT_EQ(sum, 199 * 200 * 399 / 6);
}

TEST(OffloadTest, SaysThatItsQueueIsFull) {
  Loop loop(1);
  std::promise<void> gate;
  auto open = gate.get_future().share();
  std::atomic<bool> busy{false};
  Offload pool(1, 1);
  ASSERT_TRUE(pool.submit([&busy, open] {
    busy = true;
    open.wait();
  }));
  ASSERT_TRUE(test::eventually([&] { return busy.load(); }));
  ASSERT_TRUE(pool.submit([] {}));
  EXPECT_FALSE(pool.submit([] {}));
  auto all = [](Loop& l, Offload& p) -> Task<void> {
    auto work = [] { return 1; };
    const auto result = co_await p.run(l, work);
    CO_REQUIRE(!result);
    EXPECT_EQ(result.error(), Errc::exhausted);
  };
  run(loop, all(loop, pool));
  gate.set_value();
}

TEST(OffloadTest, EndsWhatIsQueuedBeforeItIsGone) {
  std::atomic<int> done{0};
  {
    Offload pool(2);
    for (int i = 0; i < 100; ++i) pool.submit([&done] { ++done; });
  }
  EXPECT_EQ(done, 100);
}

}  // namespace
}  // namespace genkan::net
