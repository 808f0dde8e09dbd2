#include "net/spill.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <string>
#include <vector>

#include "tests/unit/temp_dir.hpp"

namespace genkan::net {
namespace {

using test::TempDir;

std::vector<std::string> all(Spill& s) {
  std::vector<std::string> out;
  std::string_view record;
  while (s.next(record)) out.emplace_back(record);
  return out;
}

std::size_t files(const TempDir& dir) {
  std::size_t n = 0;
  for ([[maybe_unused]] const auto& e : std::filesystem::directory_iterator(dir / "s")) ++n;
  return n;
}

TEST(Spill, gives_records_back_in_order_and_forgets_what_is_done) {
  TempDir dir;
  Spill s(dir / "s", 1u << 20);
  ASSERT_TRUE(s.open());
  for (int i = 0; i < 10; ++i) EXPECT_TRUE(s.append("record " + std::to_string(i)));
  EXPECT_EQ(all(s).size(), 10u);
  EXPECT_TRUE(s.all_read());
  EXPECT_FALSE(s.empty());
  for (int i = 0; i < 4; ++i) s.release(8);
  s.rewind();
  const auto rest = all(s);
  ASSERT_EQ(rest.size(), 6u);
  EXPECT_EQ(rest.front(), "record 4");
  for (int i = 0; i < 6; ++i) s.release(8);
  EXPECT_TRUE(s.empty());
  EXPECT_EQ(files(dir), 0u);
}

TEST(Spill, outlives_its_process_and_knows_what_was_done) {
  TempDir dir;
  {
    Spill s(dir / "s", 1u << 20);
    ASSERT_TRUE(s.open());
    for (int i = 0; i < 5; ++i) s.append("old " + std::to_string(i));
    std::string_view record;
    s.next(record);
    s.release(record.size());
  }
  Spill s(dir / "s", 1u << 20);
  ASSERT_TRUE(s.open());
  s.append("new");
  EXPECT_EQ(all(s), (std::vector<std::string>{"old 1", "old 2", "old 3", "old 4", "new"}));
}

TEST(Spill, never_takes_what_another_one_still_has) {
  TempDir dir;
  Spill a(dir / "s", 1u << 20);
  ASSERT_TRUE(a.open());
  a.append("of a");
  a.flush();
  {
    Spill other(dir / "s", 1u << 20);
    ASSERT_TRUE(other.open());
    EXPECT_TRUE(other.empty());
  }
  EXPECT_EQ(all(a).size(), 1u);
}

TEST(Spill, takes_over_what_an_ended_one_left) {
  TempDir dir;
  Spill b(dir / "s", 1u << 20);
  ASSERT_TRUE(b.open());
  b.append("mine");
  {
    Spill a(dir / "s", 1u << 20);
    ASSERT_TRUE(a.open());
    a.append("left");
  }
  b.adopt();
  EXPECT_EQ(all(b).size(), 2u);
}

TEST(Spill, is_full_at_its_limit_and_takes_again_when_there_is_room) {
  TempDir dir;
  Spill s(dir / "s", 4096);
  ASSERT_TRUE(s.open());
  const std::string record(96, 'x');
  int taken = 0;
  while (s.append(record)) ++taken;
  EXPECT_EQ(taken, 40);
  std::string_view out;
  ASSERT_TRUE(s.next(out));
  s.release(out.size());
  EXPECT_TRUE(s.append(record));
  EXPECT_FALSE(s.append(record));
}

TEST(Spill, goes_over_many_files_and_removes_each_when_it_is_done) {
  TempDir dir;
  Spill s(dir / "s", 8u << 20);
  ASSERT_TRUE(s.open());
  const std::string record(1000, 'x');
  for (int i = 0; i < 4000; ++i) ASSERT_TRUE(s.append(record + std::to_string(i)));
  s.flush();
  EXPECT_GT(files(dir), 3u);
  int i = 0;
  std::string_view out;
  while (s.next(out)) {
    EXPECT_EQ(out, record + std::to_string(i++));
    s.release(out.size());
  }
  EXPECT_EQ(i, 4000);
  EXPECT_EQ(files(dir), 0u);
}

TEST(Spill, what_is_put_in_front_comes_first) {
  TempDir dir;
  {
    Spill s(dir / "s", 1u << 20);
    ASSERT_TRUE(s.open());
    s.append("three");
    s.flush();
    std::string front;
    Spill::frame("one", front);
    Spill::frame("two", front);
    EXPECT_TRUE(s.prepend(front));
    EXPECT_EQ(all(s), (std::vector<std::string>{"one", "two", "three"}));
  }
  Spill s(dir / "s", 1u << 20);
  ASSERT_TRUE(s.open());
  EXPECT_EQ(all(s), (std::vector<std::string>{"one", "two", "three"}));
}

TEST(Spill, a_torn_or_foreign_file_harms_nobody) {
  TempDir dir;
  {
    Spill s(dir / "s", 1u << 20);
    ASSERT_TRUE(s.open());
    s.append("whole");
    s.append("torn");
  }
  for (const auto& e : std::filesystem::directory_iterator(dir / "s")) {
    std::filesystem::resize_file(e.path(), std::filesystem::file_size(e.path()) - 2);
  }
  std::FILE* f = std::fopen((dir / "s/0-1-1.seg").c_str(), "w");
  std::fputs("no segment at all, but long enough", f);
  std::fclose(f);
  Spill s(dir / "s", 1u << 20);
  ASSERT_TRUE(s.open());
  EXPECT_EQ(all(s), (std::vector<std::string>{"whole"}));
  s.release(5);
  EXPECT_TRUE(s.empty());
  EXPECT_EQ(files(dir), 0u);
}

}  // namespace
}  // namespace genkan::net
