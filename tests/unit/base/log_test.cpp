#include "base/log.hpp"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/stat.h>

#include <algorithm>
#include <thread>

#include "base/clock.hpp"
#include "base/crypto.hpp"
#include "base/fd.hpp"
#include "base/log_format.hpp"
#include "base/text.hpp"
#include "tests/unit/temp_dir.hpp"

namespace genkan::base {
namespace {

using test::slurp;
using test::TempDir;
using testing::EndsWith;
using testing::HasSubstr;
using testing::Not;

const WallTime kNow = WallClock::from_time_t(784111777);

std::string text_line(Level level, std::string_view message, std::initializer_list<Field> fields, bool colour = false) {
  std::string out;
  format_text({kNow, level, message, {fields.begin(), fields.size()}}, colour, out);
  return out;
}

std::string json_line(std::string_view message, std::initializer_list<Field> fields) {
  std::string out;
  format_json({kNow, Level::error, message, {fields.begin(), fields.size()}}, out);
  return out;
}

TEST(LogFormat, ATextLineReadsLikeASentenceWithFields) {
  EXPECT_EQ(text_line(Level::warning, "backend is down",
                      {{"backend", "web1"},
                       {"error", "connection refused"},
                       {"tries", 3},
                       {"size", 5u},
                       {"ok", false},
                       {"load", 0.5},
                       {"none", ""}}),
            "1994-11-06T08:49:37.000Z warning backend is down backend=web1 error=\"connection refused\" tries=3 size=5 "
            "ok=false load=0.5 none=\"\"\n");
}

TEST(LogFormat, AStrangerCannotStartALineOfHisOwn) {
  auto line = text_line(Level::info, "request", {{"path", "/x\n1994-11-06 error forged\r\x1b[2J\x7f\"=\\"}});
  EXPECT_EQ(std::count(line.begin(), line.end(), '\n'), 1);
  EXPECT_THAT(line, EndsWith("path=\"/x\\n1994-11-06 error forged\\r\\x1b[2J\\x7f\\\"=\\\\\"\n"));
  EXPECT_THAT(text_line(Level::info, "a\nb", {{"k\n=\"", "v"}}), EndsWith("info    a\\nb k___=v\n"));
}

TEST(LogFormat, InvalidUtf8AndTricksWithTheReadingDirectionAreEscaped) {
  EXPECT_THAT(text_line(Level::info, "m", {{"k", "a\xff\xc3"}}), EndsWith("k=\"a\\xff\\xc3\"\n"));
  EXPECT_THAT(text_line(Level::info, "m", {{"k", "\u202egnp.exe"}}), EndsWith("k=\"\\u{202e}gnp.exe\"\n"));
  EXPECT_THAT(text_line(Level::info, "m", {{"k", "\u009b2J\u2028"}}), EndsWith("k=\"\\u{9b}2J\\u{2028}\"\n"));
  EXPECT_THAT(text_line(Level::info, "m", {{"k", "玄関"}}), EndsWith("k=\"玄関\"\n"));
}

TEST(LogFormat, ALongValueIsCut) {
  EXPECT_LT(text_line(Level::info, "m", {{"k", std::string(1'000'000, 'x')}}).size(), 5000u);
  EXPECT_THAT(json_line("m", {{"k", std::string(1'000'000, 'x')}}), EndsWith("xxx...\"}\n"));
}

TEST(LogFormat, AFieldThatIsNamedAfterASecretShowsNothing) {
  for (const char* key : {"password", "Admin_Token", "set-cookie", "authorization", "client_secret"}) {
    EXPECT_THAT(text_line(Level::info, "m", {{key, "hunter2"}}), Not(HasSubstr("hunter2"))) << key;
    EXPECT_THAT(json_line("m", {{key, 12345}}), Not(HasSubstr("12345"))) << key;
  }
}

TEST(LogFormat, JsonIsOneObjectALine) {
  EXPECT_EQ(json_line("it \"broke\"\n", {{"n", -1}, {"r", 0.25}, {"b", true}, {"s", "\xff"}, {"nan", 0.0 / 0.0}}),
            "{\"time\":\"1994-11-06T08:49:37.000Z\",\"level\":\"error\",\"message\":\"it \\\"broke\\\"\\n\",\"n\":-1,"
            "\"r\":0.25,\"b\":true,\"s\":\"\xef\xbf\xbd\",\"nan\":null}\n");
}

TEST(Log, WritesFromItsLevelUp) {
  TempDir dir;
  {
    Log log({.level = Level::notice, .path = dir / "log"});
    log.info("hidden");
    log.notice("shown", {{"n", 1}});
    log.set_level(Level::error);
    log.warning("hidden too");
    EXPECT_FALSE(log.enabled(Level::warning));
  }
  EXPECT_THAT(slurp(dir / "log"), EndsWith("notice  shown n=1\n"));
  EXPECT_THAT(slurp(dir / "log"), Not(HasSubstr("hidden")));
}

TEST(Log, RepeatsAreSwallowedAndSummedUp) {
  TempDir dir;
  Log log({.format = LogOptions::Format::text, .path = dir / "log"});
  for (int i = 0; i < 1000; ++i) log.warning("backend is down", {{"i", i}});
  log.error("backend is down");
  auto deadline = Clock::now() + 20s;
  while (slurp(dir / "log").find("repeated") == std::string::npos && Clock::now() < deadline) {
    std::this_thread::yield();
  }
  auto text = slurp(dir / "log");
  EXPECT_THAT(text, HasSubstr("warning backend is down ... repeated 980 times\n"));
  EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), Log::kRepeatBurst + 2);
  log.warning("backend is down", {{"i", "again"}});
  log.flush();
  EXPECT_THAT(slurp(dir / "log"), HasSubstr("i=again"));
}

TEST(Log, WhatWasSwallowedIsSummedUpBeforeTheEnd) {
  TempDir dir;
  {
    Log log({.format = LogOptions::Format::json, .path = dir / "log"});
    for (int i = 0; i < 21; ++i) log.info("x");
  }
  EXPECT_THAT(slurp(dir / "log"), EndsWith("\"message\":\"x\",\"repeated\":1}\n"));
}

TEST(Log, NeverWaitsForAPipeThatNobodyReads) {
  TempDir dir;
  ASSERT_EQ(::mkfifo((dir / "pipe").c_str(), 0600), 0);
  UniqueFd reader(::open((dir / "pipe").c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC));
  Duration longest{};
  {
    Log log({.path = dir / "pipe", .queue_lines = 100});
    for (int i = 0; i < 20'000; ++i) {
      auto begin = Clock::now();
      log.info("event " + std::to_string(i), {{"filler", std::string(500, 'x')}});
      longest = std::max(longest, Clock::now() - begin);
    }
    EXPECT_GT(log.dropped(), 10'000u);
  }  // nor does the end wait for ever
  EXPECT_LT(longest, 1s);
}

TEST(Log, SaysHowManyLinesWereLost) {
  TempDir dir;
  ASSERT_EQ(::mkfifo((dir / "pipe").c_str(), 0600), 0);
  UniqueFd reader(::open((dir / "pipe").c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC));
  Log log({.path = dir / "pipe", .queue_lines = 10});
  while (log.dropped() == 0) log.info("event " + random_token(), {{"filler", std::string(4000, 'x')}});
  std::string got;
  auto deadline = Clock::now() + 20s;
  while (got.find("lines were lost") == std::string::npos && Clock::now() < deadline) {
    char buffer[65536];
    pollfd p{reader.get(), POLLIN, 0};
    ::poll(&p, 1, 10);
    auto n = ::read(reader.get(), buffer, sizeof buffer);
    if (n > 0) got.append(buffer, static_cast<std::size_t>(n));
    log.notice("still here");
  }
  EXPECT_THAT(got, HasSubstr("log lines were lost because the writer was too slow lines="));
}

TEST(Log, ColoursOnlyATerminalAndOnlyWhenAsked) {
  EXPECT_THAT(text_line(Level::error, "m", {}, true), HasSubstr("\x1b[1;31merror\x1b[0m   m\n"));
  TempDir dir;
  {
    Log log({.path = dir / "log", .colour = true});
    log.error("to a file");
  }
  EXPECT_THAT(slurp(dir / "log"), Not(HasSubstr("\x1b")));
  UniqueFd terminal(::posix_openpt(O_RDWR | O_NOCTTY));
  ASSERT_TRUE(terminal && ::grantpt(terminal.get()) == 0 && ::unlockpt(terminal.get()) == 0);
  Log log({.path = ::ptsname(terminal.get()), .colour = true});
  log.error("to a terminal");
  log.flush();
  char buffer[512];
  auto n = ::read(terminal.get(), buffer, sizeof buffer);
  EXPECT_THAT(std::string(buffer, static_cast<std::size_t>(std::max<ssize_t>(n, 0))), HasSubstr("\x1b[1;31merror"));
}

TEST(Log, AFileThatCannotBeOpenedEndsTheStart) {
  EXPECT_THROW(Log({.path = "/nonexistent/folder/log"}), std::system_error);
  EXPECT_THROW(LineFile("/nonexistent/folder/log"), std::system_error);
}

TEST(Log, ManyThreadsWriteWholeLines) {
  TempDir dir;
  {
    Log log({.path = dir / "log", .queue_lines = 100'000});
    std::vector<std::thread> threads;
    for (int t = 0; t < 4; ++t) {
      threads.emplace_back([&log, t] {
        for (int i = 0; i < 500; ++i) log.info("event " + std::to_string(t * 1000 + i), {{"thread", t}});
      });
    }
    for (auto& t : threads) t.join();
    EXPECT_EQ(log.dropped(), 0u);
  }
  int lines = 0;
  auto text = slurp(dir / "log");
  for (auto line : split(text, '\n')) {
    if (line.empty()) continue;
    ++lines;
    EXPECT_TRUE(line.starts_with("20") && line.find(" info    event ") == 24) << line;
  }
  EXPECT_EQ(lines, 2000);
}

}  // namespace
}  // namespace genkan::base
