#include "vip/control.hpp"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include <thread>

#include "base/log.hpp"
#include "base/telemetry.hpp"
#include "vip/view.hpp"
#include "vip/vip.hpp"

namespace genkan::vip {
namespace {

using namespace std::chrono_literals;

TEST(Control, AMessageIsReadAsWhatItIsOnly) {
  LevelMessage level;
  level.level = 42;
  const auto bytes = bytes_of(level);
  ASSERT_TRUE(read_as<LevelMessage>(bytes));
  EXPECT_EQ(read_as<LevelMessage>(bytes)->level, 42);
  EXPECT_FALSE(read_as<StopMessage>(bytes));  // the same size, another kind
  EXPECT_FALSE(read_as<RouterMessage>(bytes));
}

TEST(Control, WrongSizeMagicAndVersionAreRefused) {
  const LevelMessage level;
  std::vector<std::uint8_t> good(bytes_of(level).begin(), bytes_of(level).end());
  for (std::size_t n = 0; n < good.size(); ++n) EXPECT_FALSE(read_as<LevelMessage>(std::span(good).first(n)));
  auto longer = good;
  longer.push_back(0);
  EXPECT_FALSE(read_as<LevelMessage>(longer));
  for (std::size_t at = 0; at < 6; ++at) {
    auto bad = good;
    bad[at] ^= 1;
    EXPECT_FALSE(read_as<LevelMessage>(bad)) << at;
  }
}

TEST(Control, ANoteIsCutToItsRoom) {
  const auto note = make_note(3, 1, std::string(1000, 'x'));
  EXPECT_EQ(note.length, note.text.size());
  EXPECT_EQ(make_note(0, 0, "short").length, 5);
}

TEST(View, IgnoresRoutersThatDoNotExist) {
  View view;
  RouterMessage router;
  TransitionMessage moved;
  router.index = moved.index = 7;
  view.take(router);
  view.take(moved);
  EXPECT_TRUE(view.routers.empty());
}

TEST(View, KeepsTheLatestTransitionsAndCountsAll) {
  View view;
  view.alive = true;
  view.routers.push_back({});
  view.routers[0].options.name = "fr\"ont";
  for (int i = 0; i < 60; ++i) {
    TransitionMessage moved;
    moved.from = State::backup;
    moved.to = State::active;
    moved.reason = Reason::active_silent;
    moved.wall_ns = 1'700'000'000'000'000'000 + i * 1'000'000'000LL;
    view.take(moved);
  }
  EXPECT_EQ(view.routers[0].history.size(), View::kKeptTransitions);
  const auto json = view.json();
  EXPECT_NE(json.find("\"transition_count\":60"), std::string::npos);
  EXPECT_NE(json.find("\"name\":\"fr\\\"ont\""), std::string::npos);
  EXPECT_NE(json.find("\"state\":\"active\""), std::string::npos);
  // newest first
  EXPECT_LT(json.find("2023-11-14T22:14:19"), json.find("2023-11-14T22:14:18"));
}

TEST(View, ShowsDropsByReasonAndALostGuardian) {
  View view;
  view.routers.push_back({});
  RouterMessage report;
  report.dropped[static_cast<std::size_t>(Drop::ttl)] = 3;
  view.take(report);
  EXPECT_NE(view.json().find("\"dropped\":{\"ttl\":3}"), std::string::npos);
  EXPECT_NE(view.json().find("\"state\":\"lost\""), std::string::npos);
  view.planned = true;
  EXPECT_NE(view.json().find("\"state\":\"init\""), std::string::npos);
}

// A real guardian for an interface that does not exist: it needs no privileges, because it never gets to a socket.
class Guarded : public ::testing::Test {
 protected:
  base::Log log{base::LogOptions{}};
  base::Metrics metrics;
  base::StatusBoard status;
  base::Telemetry telemetry{log, metrics, status};

  Launched launch_one() {
    GuardianOptions options;
    options.realtime = false;
    options.tun = false;
    options.routers.push_back({"front",
                               "no-such-if",
                               base::IpAddress::parse("192.0.2.10").value(),
                               24,
                               51,
                               100,
                               10,
                               true,
                               true,
                               std::nullopt,
                               {}});
    std::string why;
    auto launched = launch(options, why);
    EXPECT_TRUE(launched) << why;
    return std::move(*launched);
  }
  template <class Condition>
  static bool await(Condition condition) {
    const Time limit = Clock::now() + 20s;
    while (!condition()) {
      if (Clock::now() > limit) return false;
      std::this_thread::sleep_for(2ms);
    }
    return true;
  }
};

TEST_F(Guarded, ReportsItsRoutersToTheStatusBoard) {
  Vip vip(launch_one(), telemetry);
  vip.set_service_level(100);
  EXPECT_TRUE(await([&] { return vip.status_json().find("\"usable\":false") != std::string::npos; }));
  const auto section = status.section("vip");
  ASSERT_TRUE(section);
  EXPECT_NE(section->find("\"service_level\":100"), std::string::npos);
  EXPECT_NE(section->find("\"state\":\"init\""), std::string::npos);
}

TEST_F(Guarded, StopsWhenAskedAndLeavesNoProcess) {
  auto launched = launch_one();
  const auto pid = launched.pid;
  Vip vip(std::move(launched), telemetry);
  const Time before = Clock::now();
  vip.stop(before + 20s);
  EXPECT_LT(Clock::now() - before, 15s);  // it did not wait for the deadline
  EXPECT_FALSE(vip.guardian_alive());
  EXPECT_EQ(::waitpid(pid, nullptr, WNOHANG), -1);
  vip.stop(Clock::now() + 20s);  // and once more does no harm
}

TEST_F(Guarded, EndsWithThePairWhenNobodyStopsIt) {
  auto launched = launch_one();
  launched.control.reset();
  int status_code = -1;
  EXPECT_EQ(::waitpid(launched.pid, &status_code, 0), launched.pid);
  EXPECT_TRUE(WIFEXITED(status_code));
  EXPECT_EQ(WEXITSTATUS(status_code), 0);
}

TEST_F(Guarded, IgnoresTheSignalsThatAreMeantForMain) {
  auto launched = launch_one();
  // It says that it has started only after its signals are set up.
  std::array<std::uint8_t, kMaxMessage> buffer;
  const auto got = ::recv(launched.control.get(), buffer.data(), buffer.size(), 0);
  ASSERT_GT(got, 0);
  ASSERT_TRUE(read_as<StartedMessage>(std::span(buffer.data(), static_cast<std::size_t>(got))));
  for (const int number : {SIGTERM, SIGINT, SIGHUP}) ASSERT_EQ(::kill(launched.pid, number), 0);
  Vip vip(std::move(launched), telemetry);
  vip.set_service_level(50);
  EXPECT_TRUE(await([&] { return vip.status_json().find("\"priority\":50") != std::string::npos; }));
}

TEST_F(Guarded, ALostGuardianIsNoticed) {
  auto launched = launch_one();
  const auto pid = launched.pid;
  Vip vip(std::move(launched), telemetry);
  ::kill(pid, SIGKILL);
  EXPECT_TRUE(await([&] { return !vip.guardian_alive(); }));
  EXPECT_NE(vip.status_json().find("\"state\":\"lost\""), std::string::npos);
}

}  // namespace
}  // namespace genkan::vip
