#include "smtp/queue/spool.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>
#include <thread>

#include "support.hpp"

namespace genkan::smtp {
namespace {

using testing_support::make_message;
using testing_support::Quiet;
using testing_support::TempDir;

class SpoolTest : public testing::Test {
 protected:
  std::unique_ptr<Spool> open(std::uint64_t segment_size = 64u << 20, std::uint64_t slack = 256u << 20) {
    SpoolOptions options;
    options.dir = dir_.path() + "/spool";
    options.segment_size = segment_size;
    options.slack = slack;
    options.min_free = 0;
    std::string why;
    if (!quiet_) quiet_ = std::make_unique<Quiet>();
    auto spool = Spool::open(options, quiet_->telemetry, why);
    EXPECT_TRUE(spool) << why;
    return spool ? std::move(*spool) : nullptr;
  }
  // Waits until the commit thread has done what was asked before.
  static void settle(Spool& spool) {
    const auto id = spool.reserve_ids(1);
    ASSERT_TRUE(spool.append_blocking(make_message(id, "settle")));
    spool.finish(id);
    ItemInfo info;
    while (spool.info(id, info)) std::this_thread::yield();
  }
  std::string only_segment() const {
    for (const auto& entry : std::filesystem::directory_iterator(dir_.path() + "/spool")) {
      if (entry.path().extension() == ".log") return entry.path().string();
    }
    return "";
  }

  TempDir dir_;
  // Its log has a thread. Made by open(), because a test that forks must have none: a child can inherit a lock
  // (malloc's) that a thread held, and waits for it for ever.
  std::unique_ptr<Quiet> quiet_;
};

TEST_F(SpoolTest, GivesBackWhatWasAppended) {
  auto spool = open();
  const auto id = spool->reserve_ids(1);
  ASSERT_TRUE(spool->append_blocking(make_message(id, "Subject: x\r\n\r\nbody\r\n")));
  const auto loaded = spool->load(id, true);
  ASSERT_TRUE(loaded);
  EXPECT_EQ(loaded->message->body, "Subject: x\r\n\r\nbody\r\n");
  EXPECT_EQ(loaded->message->meta.envelope.sender, "sender@client.example");
  EXPECT_EQ(loaded->meta().recipients.at(0).address, "user0@good.example");
  EXPECT_EQ(loaded->state.recipients.size(), 1u);
  EXPECT_GT(spool->room(), 0u);
}

TEST_F(SpoolTest, KeepsMessagesAndStatesOverARestart) {
  std::uint64_t first = 0, second = 0;
  {
    auto spool = open();
    first = spool->reserve_ids(2);
    second = spool->reserve_ids(1);
    ASSERT_TRUE(spool->append_blocking(make_message(first, "one", "relay:a", 2)));
    ASSERT_TRUE(spool->append_blocking(make_message(second, "two", "local")));
    ItemState state;
    state.id = first + 1;
    state.attempts = 3;
    state.next_ms = 1'800'000'000'000;
    state.recipients.resize(1);
    state.recipients[0].reply = "451 later";
    spool->update(state);
    spool->finish(second);
  }
  auto spool = open();
  EXPECT_EQ(spool->size(), 2u);
  ItemInfo info;
  EXPECT_FALSE(spool->info(second, info));
  ASSERT_TRUE(spool->info(first + 1, info));
  EXPECT_EQ(info.attempts, 3u);
  EXPECT_EQ(info.next_s, 1'800'000'000);
  EXPECT_EQ(info.destination, "relay:a");
  const auto loaded = spool->load(first + 1, true);
  ASSERT_TRUE(loaded);
  EXPECT_EQ(loaded->item, 1u);
  EXPECT_EQ(loaded->state.recipients.at(0).reply, "451 later");
  EXPECT_GT(spool->reserve_ids(1), second);
}

TEST_F(SpoolTest, LosesNothingThatWasAppendedWhenItIsKilled) {
  for (int round = 0; round < 3; ++round) {
    int pipe_ends[2];
    ASSERT_EQ(::pipe(pipe_ends), 0);
    const auto child = ::fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
      auto spool = open(1u << 20);
      std::vector<std::thread> threads;
      for (int t = 0; t < 4; ++t) {
        threads.emplace_back([&] {
          for (;;) {
            const auto id = spool->reserve_ids(1);
            if (!spool->append_blocking(make_message(id, std::string(4000, 'x') + id_text(id)))) ::_exit(1);
            if (::write(pipe_ends[1], &id, sizeof id) != sizeof id) ::_exit(1);
          }
        });
      }
      for (auto& thread : threads) thread.join();
      ::_exit(1);
    }
    ::close(pipe_ends[1]);
    std::vector<std::uint64_t> acked;
    std::uint64_t id = 0;
    while (acked.size() < 300 && ::read(pipe_ends[0], &id, sizeof id) == sizeof id) acked.push_back(id);
    ::kill(child, SIGKILL);
    while (::read(pipe_ends[0], &id, sizeof id) == sizeof id) acked.push_back(id);
    ::close(pipe_ends[0]);
    ::waitpid(child, nullptr, 0);
    ASSERT_GE(acked.size(), 300u);
    auto spool = open(1u << 20);
    for (const auto one : acked) {
      const auto loaded = spool->load(one, true);
      ASSERT_TRUE(loaded) << id_text(one);
      EXPECT_EQ(loaded->message->body.substr(4000), id_text(one));
    }
    spool.reset();
    quiet_.reset();
  }
}

TEST_F(SpoolTest, CutsOffATornTailAndGoesOn) {
  std::uint64_t id = 0;
  {
    auto spool = open();
    id = spool->reserve_ids(1);
    ASSERT_TRUE(spool->append_blocking(make_message(id, "whole")));
  }
  auto torn = encode_message(make_message(id + 7, "never finished")->meta, "never finished");
  {
    std::ofstream file(only_segment(), std::ios::app | std::ios::binary);
    file << torn.substr(0, torn.size() - 5);
  }
  auto spool = open();
  EXPECT_EQ(spool->size(), 1u);
  const auto next = spool->reserve_ids(1);
  ASSERT_TRUE(spool->append_blocking(make_message(next, "after")));
  spool.reset();
  spool = open();
  EXPECT_TRUE(spool->load(id, true));
  EXPECT_TRUE(spool->load(next, true));
}

TEST_F(SpoolTest, DropsALastMessageWhoseBodyIsDamagedAndKeepsTheOthers) {
  std::uint64_t id = 0;
  {
    auto spool = open();
    id = spool->reserve_ids(2);
    ASSERT_TRUE(spool->append_blocking(make_message(id, "first message")));
    ASSERT_TRUE(spool->append_blocking(make_message(id + 1, "second message")));
  }
  const auto path = only_segment();
  std::string octets;
  {
    std::ifstream in(path, std::ios::binary);
    octets.assign(std::istreambuf_iterator<char>(in), {});
  }
  octets[octets.find("second message")] = 'X';
  std::ofstream(path, std::ios::binary) << octets;
  auto spool = open();
  EXPECT_TRUE(spool->load(id, true));
  EXPECT_FALSE(spool->load(id + 1, true));
  settle(*spool);
  spool.reset();
  spool = open();
  EXPECT_EQ(spool->size(), 1u);
}

TEST_F(SpoolTest, GoesOnBehindADamagedRecord) {
  std::uint64_t id = 0;
  {
    auto spool = open();
    id = spool->reserve_ids(3);
    for (int i = 0; i < 3; ++i) {
      ASSERT_TRUE(spool->append_blocking(make_message(id + static_cast<std::uint64_t>(i), "message")));
    }
  }
  const auto path = only_segment();
  std::string octets;
  {
    std::ifstream in(path, std::ios::binary);
    octets.assign(std::istreambuf_iterator<char>(in), {});
  }
  const auto second = octets.find("GKQR", octets.find("GKQR") + 1);
  octets[second + 40] = static_cast<char>(octets[second + 40] ^ 1);
  std::ofstream(path, std::ios::binary) << octets;
  auto spool = open();
  EXPECT_TRUE(spool->load(id, true));
  EXPECT_FALSE(spool->load(id + 1, true));
  EXPECT_TRUE(spool->load(id + 2, true));
}

TEST_F(SpoolTest, GivesSpaceBackWhenMessagesAreFinished) {
  auto spool = open(256 * 1024, 512 * 1024);
  const auto stays = spool->reserve_ids(2);
  ASSERT_TRUE(spool->append_blocking(make_message(stays, "the old one", "relay:down", 2)));
  ItemState state;
  state.id = stays + 1;
  state.attempts = 5;
  spool->update(state);
  spool->finish(stays);
  for (int i = 0; i < 400; ++i) {
    const auto id = spool->reserve_ids(1);
    ASSERT_TRUE(spool->append_blocking(make_message(id, std::string(16 * 1024, 'y'))));
    spool->finish(id);
  }
  // The old one keeps its segment alive until it is copied; then everything before it goes.
  while (spool->counts().bytes > 2u << 20) settle(*spool);
  auto loaded = spool->load(stays + 1, true);
  ASSERT_TRUE(loaded);
  EXPECT_EQ(loaded->message->body, "the old one");
  EXPECT_EQ(loaded->state.attempts, 5u);
  spool.reset();
  spool = open();
  EXPECT_EQ(spool->size(), 1u);
  loaded = spool->load(stays + 1, true);
  ASSERT_TRUE(loaded);
  EXPECT_EQ(loaded->state.attempts, 5u);
  EXPECT_EQ(loaded->meta().id, stays + 1);
}

TEST_F(SpoolTest, ManyWaitersShareOneSync) {
  auto spool = open();
  const auto before = spool->counts().syncs;
  std::vector<std::thread> threads;
  constexpr int kThreads = 20, kEach = 50;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < kEach; ++i) {
        const auto id = spool->reserve_ids(1);
        ASSERT_TRUE(spool->append_blocking(make_message(id, std::string(4096, 'z'))));
      }
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_LT(spool->counts().syncs - before, kThreads * kEach / 2u);
  EXPECT_EQ(spool->size(), static_cast<std::size_t>(kThreads * kEach));
}

TEST_F(SpoolTest, ABatchWaitsForASenderInsideItsContent) {
  auto spool = open();
  net::Loop loop(1);
  constexpr int kSenders = 10;
  int done = 0;
  const auto send = [](Spool& s, net::Loop& l, Spool::Arrival arrival, int i, int& count) -> net::Task<void> {
    // Each is a little later than the one before, on a disk that may be far quicker than that.
    co_await net::sleep_for(l, std::chrono::microseconds(100 * i));
    const auto message = make_message(s.reserve_ids(1), "x");
    const auto stored = co_await s.append(l, message, &arrival);
    EXPECT_TRUE(stored);
    if (++count == kSenders) l.stop();
  };
  const auto before = spool->counts().syncs;
  for (int i = 0; i < kSenders; ++i) net::spawn(loop, send(*spool, loop, Spool::Arrival(*spool), i, done));
  loop.run();
  EXPECT_EQ(done, kSenders);
  EXPECT_LE(spool->counts().syncs - before, 4u);
}

TEST_F(SpoolTest, ASenderThatGivesUpInsideItsContentHoldsNobodyUp) {
  auto spool = open();
  auto leaving = std::make_unique<Spool::Arrival>(*spool);
  std::thread other([&] { leaving.reset(); });
  EXPECT_TRUE(spool->append_blocking(make_message(spool->reserve_ids(1), "x")));
  other.join();
}

TEST(PatienceTest, NobodyWaitsWhenNobodyElseIsArriving) {
  Patience patience;
  EXPECT_EQ(patience.hold(0), Duration(0));
  EXPECT_EQ(patience.hold(1), Patience::kMax);
}

TEST(PatienceTest, WaitingThatBringsNothingIsTriedLessAndLess) {
  Patience patience;
  int waits = 0;
  for (int i = 0; i < 1000; ++i) {
    if (patience.hold(1) == Duration(0)) continue;
    ++waits;
    patience.learn(false);
  }
  EXPECT_LE(waits, 25);
  while (patience.hold(1) == Duration(0)) {
  }
  patience.learn(true);
  EXPECT_EQ(patience.hold(1), Patience::kMax) << "one good turn and it waits again";
}

TEST_F(SpoolTest, AFullDiskFailsTheAppendAndLosesNothing) {
  // A child with a limit on file sizes stands for the full disk.
  const auto child = ::fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    ::signal(SIGXFSZ, SIG_IGN);
    auto spool = open();
    const auto id = spool->reserve_ids(3);
    if (!spool->append_blocking(make_message(id, "fits"))) ::_exit(2);
    ::rlimit limit{8192, 8192};
    ::setrlimit(RLIMIT_FSIZE, &limit);
    if (spool->append_blocking(make_message(id + 1, std::string(20000, 'x')))) ::_exit(3);
    if (!spool->append_blocking(make_message(id + 2, "fits too"))) ::_exit(4);
    if (!spool->load(id, true) || spool->load(id + 1, true) || !spool->load(id + 2, true)) ::_exit(5);
    spool.reset();
    spool = open();
    ::_exit(spool->size() == 2 ? 0 : 6);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  ASSERT_TRUE(WIFEXITED(status));
  EXPECT_EQ(WEXITSTATUS(status), 0);
}

TEST_F(SpoolTest, ALargeFileGoesWithTheLastItemThatUsesIt) {
  auto spool = open();
  const auto id = spool->reserve_ids(2);
  std::ofstream(spool->large_path(id)) << "large content";
  std::ofstream(spool->large_path(id + 1000)) << "of a client that went away";
  auto message = std::make_shared<StoredMessage>(*make_message(id, "", "relay:x", 2));
  message->meta.large_size = 13;
  ASSERT_TRUE(spool->append_blocking(message));
  spool->finish(id);
  settle(*spool);
  spool.reset();
  spool = open();
  EXPECT_TRUE(std::filesystem::exists(spool->large_path(id)));
  EXPECT_FALSE(std::filesystem::exists(spool->large_path(id + 1000)));
  const auto loaded = spool->load(id + 1, true);
  ASSERT_TRUE(loaded);
  EXPECT_EQ(loaded->large_path, spool->large_path(id));
  spool->finish(id + 1);
  settle(*spool);
  spool.reset();
  EXPECT_FALSE(std::filesystem::exists(dir_.path() + "/spool/large/" + id_text(id)));
}

TEST_F(SpoolTest, RefusesToStartOverAFileThatIsNotItsOwn) {
  std::filesystem::create_directories(dir_.path() + "/spool");
  std::ofstream(dir_.path() + "/spool/0000000001.log") << "this is something else entirely";
  SpoolOptions options;
  options.dir = dir_.path() + "/spool";
  std::string why;
  Quiet quiet;
  EXPECT_FALSE(Spool::open(options, quiet.telemetry, why));
  EXPECT_NE(why.find("0000000001.log"), std::string::npos);
}

}  // namespace
}  // namespace genkan::smtp
