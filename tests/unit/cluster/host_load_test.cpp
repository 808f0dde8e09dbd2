#include "cluster/host_load.hpp"

#include <gtest/gtest.h>

#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cmath>
#include <csignal>
#include <filesystem>
#include <fstream>

namespace genkan::cluster {
namespace {

class HostLoadTest : public testing::Test {
 protected:
  std::filesystem::path dir =
      std::filesystem::temp_directory_path() / ("genkan-host-load-" + std::to_string(::getpid()));
  void SetUp() override { std::filesystem::create_directories(dir); }
  void TearDown() override { std::filesystem::remove_all(dir); }
  void write(const std::string& file, const std::string& text) {
    std::filesystem::create_directories((dir / file).parent_path());
    std::ofstream(dir / file) << text;
  }
  HostLoadReader reader(Scope scope) { return HostLoadReader(scope, dir, dir / "cgroup"); }
};

TEST(ProcParserTest, ReadsTheCpuLineAndCountsWaitingForADiskAsIdle) {
  CpuTimes t;
  ASSERT_TRUE(parse_proc_stat("cpu  100 1 50 800 49 0 0 0 7 7\ncpu0 1 2 3 4\n", t));
  EXPECT_EQ(t.idle, 849u);
  EXPECT_EQ(t.total, 1000u) << "guest time is in user time already";
  EXPECT_FALSE(parse_proc_stat("cpu  1 2 x\n", t));
  EXPECT_FALSE(parse_proc_stat("", t));
  EXPECT_EQ(t.total, 1000u);
}

TEST(ProcParserTest, ReadsTheLoadAverage) {
  std::uint32_t milli = 0;
  ASSERT_TRUE(parse_loadavg("12.34 0.50 0.10 2/345 6789\n", milli));
  EXPECT_EQ(milli, 12340u);
  ASSERT_TRUE(parse_loadavg("0.05 0 0", milli));
  EXPECT_EQ(milli, 50u);
  EXPECT_FALSE(parse_loadavg("a.b", milli));
  EXPECT_FALSE(parse_loadavg("", milli));
  EXPECT_EQ(milli, 50u);
}

TEST(ProcParserTest, ReadsMemoryAndRefusesNonsense) {
  std::uint64_t total = 0, available = 0;
  ASSERT_TRUE(parse_meminfo("MemTotal:  2048 kB\nMemFree: 1 kB\nMemAvailable:  1024 kB\n", total, available));
  EXPECT_EQ(total, 2048u * 1024);
  EXPECT_EQ(available, 1024u * 1024);
  EXPECT_FALSE(parse_meminfo("MemTotal: 1 kB\nMemAvailable: 2 kB\n", total, available));
  EXPECT_FALSE(parse_meminfo("MemTotal: 1 kB\n", total, available));
}

TEST(ProcParserTest, FindsEstablishedConnectionsByTheNameOfTheColumn) {
  std::uint32_t count = 0;
  ASSERT_TRUE(parse_snmp_established("Ip: A B\nIp: 1 2\nTcp: X CurrEstab Y\nTcp: -1 42 9\nUdp: A\nUdp: 1\n", count));
  EXPECT_EQ(count, 42u);
  EXPECT_FALSE(parse_snmp_established("Tcp: X\n", count));
  EXPECT_FALSE(parse_snmp_established("", count));
}

TEST(ProcParserTest, ATaskNameMayHoldAnything) {
  TaskStat t;
  ASSERT_TRUE(parse_task_stat("7 (evil) R 1 (x) S 1 7 7 0 -1 0 0 0 0 0 30 12 0 0 20 0 3 0 5", t));
  EXPECT_EQ(t.state, 'S');
  EXPECT_EQ(t.cpu_ticks, 42u);
  EXPECT_EQ(t.threads, 3u);
  EXPECT_FALSE(parse_task_stat("7 (short) R", t));
  EXPECT_FALSE(parse_task_stat("", t));
}

TEST(IdleTest, IsTheShareBetweenTwoReadings) {
  EXPECT_EQ(idle_permille({100, 1000}, {175, 1100}, 0), 750u);
  EXPECT_EQ(idle_permille({100, 1000}, {100, 1000}, 333), 333u) << "no time passed";
  EXPECT_EQ(idle_permille({100, 1000}, {50, 1100}, 333), 333u) << "a counter went back";
}

TEST(LoadAverageTest, IsAPlainMeanAtFirstAndExponentialAfterAMinute) {
  LoadAverage a;
  a.sample(4, 1s);
  EXPECT_EQ(a.milli(), 4000u);
  a.sample(2, 1s);
  EXPECT_EQ(a.milli(), 3000u);
  for (int i = 0; i < 600; ++i) a.sample(1, 1s);
  EXPECT_NEAR(a.milli(), 1000, 2);
  for (int i = 0; i < 60; ++i) a.sample(11, 1s);
  EXPECT_NEAR(a.milli(), 1000 + 10000 * (1 - std::exp(-1.0)), 30) << "63 % of the way after one time constant";
}

TEST_F(HostLoadTest, ReadsAHostsFiles) {
  write("loadavg", "1.50 1 1 1/1 1\n");
  write("stat", "cpu 0 0 100 900\n");
  write("meminfo", "MemTotal: 4000 kB\nMemAvailable: 1000 kB\n");
  write("self/net/snmp", "Tcp: CurrEstab\nTcp: 9\n");
  auto r = reader(Scope::host);
  const Time start{};
  r.read(start + 1s);
  write("stat", "cpu 0 0 150 950\n");
  const auto load = r.read(start + 2s);
  EXPECT_EQ(load.load_milli, 1500u);
  EXPECT_EQ(load.cpu_idle_permille, 500u);
  EXPECT_EQ(load.memory_total, 4'096'000u);
  EXPECT_EQ(load.connections, 9u);
  EXPECT_GE(load.ncpu, 1u);
}

TEST_F(HostLoadTest, AControlGroupBoundsMemoryAndCpus) {
  write("meminfo", "MemTotal: 4000 kB\nMemAvailable: 3000 kB\n");
  write("cgroup/memory.max", "1048576\n");
  write("cgroup/memory.current", "1000000\n");
  write("cgroup/cpu.max", "50000 100000\n");
  const auto load = reader(Scope::host).read(Time{} + 1s);
  EXPECT_EQ(load.memory_total, 1048576u);
  EXPECT_EQ(load.memory_available, 48576u);
  EXPECT_EQ(load.ncpu, 1u);
  write("cgroup/memory.max", "max\n");
  EXPECT_EQ(reader(Scope::host).read(Time{} + 1s).memory_total, 4'096'000u);
}

TEST_F(HostLoadTest, InAContainerTheVisibleTasksAreCountedAndNotTheHost) {
  write("loadavg", "99.0 1 1 1/1 1\n");
  write("7/stat", "7 (hog) R 1 1 7 7 0 -1 0 0 0 0 100 0 0 0 20 0 1 0 5");
  write("8/stat", "8 (idle) S 1 1 7 7 0 -1 0 0 0 0 5 0 0 0 20 0 1 0 5");
  write("9/stat", "9 (threads) S 1 1 7 7 0 -1 0 0 0 0 5 0 0 0 20 0 2 0 5");
  write("9/task/9/stat", "9 (threads) S 1 1 7 7 0 -1 0 0 0 0 5 0 0 0 20 0 2 0 5");
  write("9/task/10/stat", "10 (threads) D 1 1 7 7 0 -1 0 0 0 0 5 0 0 0 20 0 2 0 5");
  write("cgroup/cpu.max", "100000 100000\n");
  auto r = reader(Scope::container);
  const auto first = r.read(Time{} + 1s);
  EXPECT_EQ(first.load_milli, 2000u);
  // From now on nobody is runnable when we look, but the hog used half a second of processor time.
  write("8/stat", "8 (idle) S 1 1 7 7 0 -1 0 0 0 0 5 0 0 0 20 0 1 0 5");
  write("9/task/10/stat", "10 (threads) S 1 1 7 7 0 -1 0 0 0 0 5 0 0 0 20 0 2 0 5");
  const auto half_second = 100 + ::sysconf(_SC_CLK_TCK) / 2;
  write("7/stat", "7 (hog) S 1 1 7 7 0 -1 0 0 0 0 " + std::to_string(half_second) + " 0 0 0 20 0 1 0 5");
  auto at = Time{} + 2s;
  r.read(at);
  for (int i = 0; i < 60; ++i) r.read(at += 1s);
  EXPECT_GE(r.read(at += 1s).cpu_idle_permille, 999u) << "nothing used, nothing wanted";
  write("7/stat", "7 (hog) S 1 1 7 7 0 -1 0 0 0 0 " + std::to_string(2 * half_second - 100) + " 0 0 0 20 0 1 0 5");
  EXPECT_EQ(r.read(at += 1s).cpu_idle_permille, 500u) << "used";
  write("7/stat", "7 (hog) R 1 1 7 7 0 -1 0 0 0 0 " + std::to_string(2 * half_second - 100) + " 0 0 0 20 0 1 0 5");
  for (int i = 0; i < 30; ++i) r.read(at += 1s);
  EXPECT_EQ(r.read(at += 1s).cpu_idle_permille, 0u) << "wanted and not given";
}

TEST_F(HostLoadTest, MissingFilesGiveDefaultsAndNoFailure) {
  const auto load = reader(Scope::host).read(Time{} + 1s);
  EXPECT_EQ(load.load_milli, 0u);
  EXPECT_EQ(load.cpu_idle_permille, 1000u);
  EXPECT_EQ(load.memory_total, 0u);
}

TEST(RealHostTest, GivesPlausibleFiguresHere) {
  HostLoadReader r(Scope::host);
  const auto load = r.read(Clock::now());
  EXPECT_GT(load.memory_total, 1u << 20);
  EXPECT_LE(load.memory_available, load.memory_total);
  EXPECT_LE(load.cpu_idle_permille, 1000u);
}

// A child that spins must be seen by the container's way of counting, on the real /proc.
TEST(RealHostTest, ASpinningChildIsRunnable) {
  const auto child = ::fork();
  if (child == 0) {
    ::alarm(20);
    std::atomic<unsigned> spins{0};
    for (;;) spins.fetch_add(1);
  }
  HostLoadReader r(Scope::container);
  std::uint32_t milli = 0;
  for (int i = 0; i < 200 && milli == 0; ++i) milli = r.read(Clock::now()).load_milli;
  ::kill(child, SIGKILL);
  ::waitpid(child, nullptr, 0);
  EXPECT_GE(milli, 1u);
}

TEST(SpeedTest, IsPositiveQuickAndCached) {
  const auto first = start_up_speed();
  EXPECT_GT(first, 0u);
  const auto start = Clock::now();
  EXPECT_EQ(start_up_speed(), first);
  EXPECT_LT(Clock::now() - start, 5ms);
}

}  // namespace
}  // namespace genkan::cluster
