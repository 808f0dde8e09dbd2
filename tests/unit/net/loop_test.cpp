#include "net/loop.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <string>
#include <vector>

#include "loop_rig.hpp"
#include "net/block.hpp"
#include "net/workers.hpp"

namespace genkan::net {
namespace {

using test::run;

Task<int> now_task(int value) { co_return value; }

Task<int> later_task(Loop& loop, int value) {
  Yield yield(loop);
  co_await yield;
  co_return value;
}

TEST(TaskTest, AChildThatCompletesAtOnceAndOneThatDoesNotGiveTheirValues) {
  Loop loop(1);
  auto all = [](Loop& l) -> Task<void> {
    const int first = co_await now_task(1);
    const int second = co_await later_task(l, 2);
    EXPECT_EQ(first, 1);
    EXPECT_EQ(second, 2);
  };
  run(loop, all(loop));
}

TEST(TaskTest, AMillionChildrenThatCompleteAtOnceNeedNoStack) {
  Loop loop(1);
  auto all = []() -> Task<void> {
    std::int64_t sum = 0;
    for (int i = 0; i < 1'000'000; ++i) {
      const int value = co_await now_task(1);
      sum += value;
    }
    EXPECT_EQ(sum, 1'000'000);
  };
  run(loop, all());
}

TEST(TaskTest, ATaskThatIsNeverAwaitedNeverRuns) {
  bool ran = false;
  auto body = [](bool& r) -> Task<void> {
    r = true;
    co_return;
  };
  {
    auto task = body(ran);
    auto moved = std::move(task);
  }
  EXPECT_FALSE(ran);
}

TEST(LoopTest, PostedJobsRunInOrderOnTheLoopsThread) {
  Loop loop(1);
  std::vector<int> seen;
  for (int i = 0; i < 100; ++i) {
    loop.post([&, i] {
      EXPECT_TRUE(loop.on_thread());
      seen.push_back(i);
    });
  }
  loop.post([&] {
    loop.post([&] {
      seen.push_back(101);
      loop.stop();
    });
    seen.push_back(100);
  });
  EXPECT_FALSE(loop.on_thread());
  loop.run();
  ASSERT_EQ(seen.size(), 102u);
  for (int i = 0; i < 102; ++i) EXPECT_EQ(seen[static_cast<std::size_t>(i)], i);
}

TEST(LoopTest, JobsFromManyThreadsAllRunEachThreadsInOrder) {
  Loop loop(1);
  constexpr int kThreads = 4, kJobs = 5000;
  std::vector<int> last(kThreads, -1);
  int done = 0;
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < kJobs; ++i) {
        loop.post([&, t, i] {
          EXPECT_EQ(last[static_cast<std::size_t>(t)], i - 1);
          last[static_cast<std::size_t>(t)] = i;
          if (++done == kThreads * kJobs) loop.stop();
        });
      }
    });
  }
  loop.run();
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(done, kThreads * kJobs);
}

TEST(LoopTest, AJobPostedAfterTheEndIsDropped) {
  Loop loop(1);
  loop.stop();
  loop.run();
  auto alive = std::make_shared<int>(1);
  loop.post([alive] { ADD_FAILURE(); });
  EXPECT_EQ(alive.use_count(), 1);
}

Task<void> note(Loop& loop, std::vector<std::string>& order, std::string name, int yields) {
  for (int i = 0; i < yields; ++i) {
    order.push_back(name + std::to_string(i));
    Yield yield(loop);
    co_await yield;
  }
}

TEST(LoopTest, DeferredCoroutinesTakeTurns) {
  Loop loop(1);
  std::vector<std::string> order;
  auto all = [](Loop& l, std::vector<std::string>& o) -> Task<void> {
    spawn(l, note(l, o, "a", 3));
    spawn(l, note(l, o, "b", 3));
    EXPECT_EQ(l.live(), 3u);
    auto done = test::until(l, [&] { return l.live() == 1; });
    co_await done;
  };
  run(loop, all(loop, order));
  EXPECT_EQ(order, (std::vector<std::string>{"a0", "b0", "a1", "b1", "a2", "b2"}));
}

Task<void> sleeper(Loop& loop, std::vector<int>& order, int ms) {
  const Time due = loop.now() + std::chrono::milliseconds(ms);
  auto sleep = sleep_until(loop, due);
  co_await sleep;
  EXPECT_GE(Clock::now(), due);
  order.push_back(ms);
}

TEST(LoopTest, SleepersWakeInTheOrderOfTheirTimes) {
  Loop loop(1);
  std::vector<int> order;
  auto all = [](Loop& l, std::vector<int>& o) -> Task<void> {
    for (const int ms : {120, 30, 90, 0, 60}) spawn(l, sleeper(l, o, ms));
    auto done = test::until(l, [&] { return o.size() == 5; });
    co_await done;
  };
  run(loop, all(loop, order));
  EXPECT_EQ(order, (std::vector<int>{0, 30, 60, 90, 120}));
}

TEST(LoopTest, ASpinningCoroutineDoesNotKeepTimersAndJobsWaiting) {
  Loop loop(1);
  auto all = [](Loop& l) -> Task<void> {
    bool timer = false, job = false;
    auto wake = [](Loop& lo, bool& flag) -> Task<void> {
      auto sleep = sleep_for(lo, 20ms);
      co_await sleep;
      flag = true;
    };
    spawn(l, wake(l, timer));
    l.post([&job] { job = true; });
    const Time end = Clock::now() + 20s;
    while (!(timer && job) && Clock::now() < end) {
      Yield yield(l);
      co_await yield;
    }
    EXPECT_TRUE(timer);
    EXPECT_TRUE(job);
  };
  run(loop, all(loop));
}

TEST(EventTest, AnEarlyNotifyIsRememberedOnceAndALateOneWakes) {
  Loop loop(1);
  auto all = [](Loop& l) -> Task<void> {
    Event event(l);
    event.notify();
    event.notify();
    co_await event;
    l.post([&event] { event.notify(); });
    const Time before = l.now();
    co_await event;
    EXPECT_LT(l.now() - before, 10s);
  };
  run(loop, all(loop));
}

struct Counted final : Pollable {
  void on_ready(std::uint32_t) noexcept override {
    ++ready;
    if (then) then();
  }
  int ready = 0;
  std::function<void()> then;
};

TEST(LoopTest, WhatIsUnwatchedHearsNothingMoreEvenOfTheSameRound) {
  Loop loop(1);
  int pipes[2][2];
  ASSERT_EQ(::pipe(pipes[0]), 0);
  ASSERT_EQ(::pipe(pipes[1]), 0);
  Counted watched[2];
  for (int i = 0; i < 2; ++i) {
    watched[i].then = [&, i] {  // whoever is first removes the other
      loop.unwatch(pipes[1 - i][0], watched[1 - i]);
      loop.post([&] { loop.stop(); });
    };
    ASSERT_TRUE(loop.watch(pipes[i][0], watched[i]));
    ASSERT_EQ(::write(pipes[i][1], "x", 1), 1);
  }
  EXPECT_FALSE(loop.watch(pipes[0][0], watched[0])) << "watched twice";
  loop.run();
  EXPECT_EQ(watched[0].ready + watched[1].ready, 1);
  for (auto& pipe : pipes) {
    ::close(pipe[0]);
    ::close(pipe[1]);
  }
}

TEST(LoopTest, MeasuresHowLongARoundTook) {
  Loop loop(1);
  loop.post([&] {
    std::this_thread::sleep_for(30ms);
    loop.post([&] { loop.stop(); });
  });
  loop.run();
  EXPECT_GE(loop.take_lag(), 30ms);
  EXPECT_EQ(loop.take_lag(), Duration::zero());
}

TEST(WorkersTest, EachRunsOnItsOwnThreadWithItsOwnSlot) {
  Workers workers(3);
  workers.start();
  std::atomic<int> right{0};
  workers.on_each([&](int i) {
    if (workers.worker(i).on_thread() && workers.worker(i).slot() == i + 1) ++right;
  });
  EXPECT_EQ(right, 3);
  workers.on_control([&] { EXPECT_TRUE(workers.control().on_thread()); });
  EXPECT_EQ(workers.control().slot(), 4);
  auto brief = [](Loop& l) -> Task<void> {
    auto sleep = sleep_for(l, 20ms);
    co_await sleep;
  };
  workers.on_each([&](int i) { spawn(workers.worker(i), brief(workers.worker(i))); });
  EXPECT_TRUE(test::eventually([&] { return workers.live() == 0; }));
  workers.stop();
}

TEST(BlockTest, ARecentBlockIsUsedAgainForItsSizeOnly) {
  const char* small = nullptr;
  const char* large = nullptr;
  {
    const Block a(100), b(Block::kLarge);
    EXPECT_EQ(a.size(), Block::kSmall);
    EXPECT_EQ(b.size(), Block::kLarge);
    small = a.data();
    large = b.data();
  }
  const Block a(Block::kSmall), b(Block::kSmall + 1);
  EXPECT_EQ(a.data(), small);
  EXPECT_EQ(b.data(), large);
  const Block odd(Block::kLarge + 5);
  EXPECT_EQ(odd.size(), Block::kLarge + 5);
}

TEST(BlockTest, MovingHandsTheBlockOver) {
  Block a(10);
  const char* data = a.data();
  Block b(std::move(a));
  EXPECT_EQ(b.data(), data);
  Block c;
  EXPECT_FALSE(c);
  c = std::move(b);
  EXPECT_EQ(c.data(), data);
}

// Under the sanitizers every frame is new, so that they see a use after free.
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
TEST(FrameTest, ARecentFrameIsUsedAgainForItsSizeClassOnly) {
  void* frame = detail::allocate_frame(200);
  detail::free_frame(frame, 200);
  void* other_class = detail::allocate_frame(300);
  EXPECT_NE(other_class, frame);
  void* same_class = detail::allocate_frame(250);
  EXPECT_EQ(same_class, frame);
  detail::free_frame(same_class, 250);
  detail::free_frame(other_class, 300);
  void* large = detail::allocate_frame(100'000);
  detail::free_frame(large, 100'000);
}

TEST(FrameTest, what_a_busy_while_left_is_given_back) {
  for (int i = 0; i < 50'000; ++i) detail::free_frame(detail::allocate_frame(4000), 4000);
  EXPECT_TRUE(detail::trim_frames()) << "much in use: more is kept";
  std::vector<void*> many;
  for (int i = 0; i < 100; ++i) many.push_back(detail::allocate_frame(4000));
  for (void* frame : many) detail::free_frame(frame, 4000);
  EXPECT_TRUE(detail::trim_frames()) << "they were in use until now";
  int times = 0;
  while (detail::trim_frames()) ++times;
  EXPECT_GT(times, 0) << "half of what nobody took each time";
  EXPECT_LT(times, 10);
}
#endif

}  // namespace
}  // namespace genkan::net
