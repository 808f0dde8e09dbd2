#include "base/random.hpp"

#include <gtest/gtest.h>

#include <set>
#include <string>
#include <thread>

namespace genkan::base {
namespace {

TEST(FastRandom, does_not_repeat_itself) {
  std::set<std::uint64_t> seen;
  for (int i = 0; i < 10'000; ++i) seen.insert(fast_random()());
  EXPECT_EQ(seen.size(), 10'000u);
}

TEST(FastRandom, each_thread_has_its_own_course) {
  const std::uint64_t mine = fast_random()();
  std::uint64_t other = 0;
  std::thread([&] { other = fast_random()(); }).join();
  EXPECT_NE(mine, other);
}

TEST(FastRandom, every_bit_is_used) {
  std::uint64_t any = 0, all = ~0ull;
  for (int i = 0; i < 1000; ++i) {
    const auto n = fast_random()();
    any |= n;
    all &= n;
  }
  EXPECT_EQ(any, ~0ull);
  EXPECT_EQ(all, 0u);
}

TEST(PutHex, writes_sixteen_digits) {
  std::string out(16, 'x');
  put_hex(0x0123456789abcdefull, out.data());
  EXPECT_EQ(out, "0123456789abcdef");
  put_hex(1, out.data());
  EXPECT_EQ(out, "0000000000000001");
}

}  // namespace
}  // namespace genkan::base
