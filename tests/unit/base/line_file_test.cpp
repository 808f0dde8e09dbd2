#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <thread>

#include "base/clock.hpp"
#include "base/fd.hpp"
#include "base/log.hpp"
#include "tests/unit/temp_dir.hpp"

namespace genkan::base {
namespace {

using test::slurp;
using test::TempDir;

TEST(LineFile, WritesEveryLineInOrder) {
  TempDir dir;
  std::string expected;
  {
    LineFile file(dir / "access.log");
    for (int i = 0; i < 50'000; ++i) {
      auto line = "line " + std::to_string(i) + "\n";
      expected += line;
      ASSERT_TRUE(file.write(line));
    }
    EXPECT_EQ(file.dropped(), 0u);
  }
  EXPECT_EQ(slurp(dir / "access.log"), expected);
}

TEST(LineFile, ReopensForRotation) {
  TempDir dir;
  LineFile file(dir / "access.log");
  file.write("old\n");
  file.flush();
  std::filesystem::rename(dir / "access.log", dir / "access.log.1");
  ASSERT_TRUE(file.reopen());
  file.write("new\n");
  file.flush();
  EXPECT_EQ(slurp(dir / "access.log.1"), "old\n");
  EXPECT_EQ(slurp(dir / "access.log"), "new\n");
}

TEST(LineFile, GoesOnWithTheOldFileWhenItCannotReopen) {
  TempDir dir;
  std::filesystem::create_directory(dir / "logs");
  LineFile file(dir / "logs/access.log");
  std::filesystem::rename(dir / "logs", dir / "moved");
  EXPECT_FALSE(file.reopen());
  file.write("still\n");
  file.flush();
  EXPECT_EQ(slurp(dir / "moved/access.log"), "still\n");
}

TEST(LineFile, DropsAndCountsWhenNobodyReads) {
  TempDir dir;
  ASSERT_EQ(::mkfifo((dir / "pipe").c_str(), 0600), 0);
  UniqueFd reader(::open((dir / "pipe").c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC));
  const std::string line = std::string(99, 'x') + "\n";
  std::uint64_t refused = 0;
  {
    LineFile file(dir / "pipe", 1 << 20);
    for (int i = 0; i < 50'000; ++i) refused += file.write(line) ? 0 : 1;
    EXPECT_GT(refused, 30'000u);  // 1 MiB of buffer and 64 KiB of pipe hold about 11,000
    EXPECT_EQ(file.dropped(), refused);
  }
  std::string got(200'000, '\0');
  auto n = ::read(reader.get(), got.data(), got.size());
  ASSERT_GT(n, 0);
  EXPECT_EQ(got.substr(0, 100), line);
}

TEST(LineFile, AFullDiskIsCountedAndDoesNotEndTheProgram) {
  LineFile file("/dev/full");
  EXPECT_TRUE(file.write("lost\n"));
  file.flush();
  EXPECT_EQ(file.dropped(), 1u);
}

TEST(LineFile, StandardOutputIsADash) {
  TempDir dir;
  UniqueFd saved(::dup(1));
  UniqueFd target(::open((dir / "out").c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
  ASSERT_EQ(::dup2(target.get(), 1), 1);
  {
    LineFile file("-");
    EXPECT_TRUE(file.reopen());
    file.write("to standard output\n");
  }
  ASSERT_EQ(::dup2(saved.get(), 1), 1);
  EXPECT_EQ(slurp(dir / "out"), "to standard output\n");
}

TEST(LineFile, FlushAfterEveryThreadHasWrittenFindsAllOfIt) {
  TempDir dir;
  LineFile file(dir / "log", 64u << 20);
  std::vector<std::thread> threads;
  for (int t = 0; t < 3; ++t) {
    threads.emplace_back([&file] {
      for (int i = 0; i < 20'000; ++i) file.write("0123456789012345678901234567890123456789\n");
    });
  }
  for (auto& t : threads) t.join();
  file.flush();
  EXPECT_EQ(std::filesystem::file_size(dir / "log"), 3u * 20'000 * 41);
}

}  // namespace
}  // namespace genkan::base
