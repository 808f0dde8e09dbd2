#include "net/address_counter.hpp"

#include <gtest/gtest.h>

#include <thread>
#include <vector>

namespace genkan::net {
namespace {

base::IpAddress ip(const char* text) { return *base::IpAddress::parse(text); }

TEST(AddressCounter, counts_each_address_up_to_the_limit) {
  AddressCounter c;
  EXPECT_TRUE(c.enter(ip("192.0.2.1"), 2));
  EXPECT_TRUE(c.enter(ip("192.0.2.1"), 2));
  EXPECT_FALSE(c.enter(ip("192.0.2.1"), 2));
  EXPECT_TRUE(c.enter(ip("192.0.2.2"), 2));
  c.leave(ip("192.0.2.1"));
  EXPECT_TRUE(c.enter(ip("192.0.2.1"), 2));
}

TEST(AddressCounter, takes_a_64_of_ipv6_for_one_client) {
  AddressCounter c;
  EXPECT_TRUE(c.enter(ip("2001:db8::1"), 1));
  EXPECT_FALSE(c.enter(ip("2001:db8::ffff:1"), 1));
  EXPECT_TRUE(c.enter(ip("2001:db8:0:1::1"), 1));
}

TEST(AddressCounter, forgets_who_has_left) {
  AddressCounter c;
  c.enter(ip("192.0.2.1"), 5);
  c.enter(ip("2001:db8::1"), 5);
  EXPECT_EQ(c.size(), 2u);
  c.leave(ip("192.0.2.1"));
  c.leave(ip("2001:db8::2"));
  EXPECT_EQ(c.size(), 0u);
  c.leave(ip("192.0.2.1"));
  EXPECT_FALSE(c.enter(ip("192.0.2.1"), 0));
  EXPECT_EQ(c.size(), 0u);
}

TEST(AddressCounter, is_shared_by_threads) {
  AddressCounter c;
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&c] {
      for (int i = 0; i < 2000; ++i) {
        if (c.enter(ip("192.0.2.1"), 3)) c.leave(ip("192.0.2.1"));
      }
    });
  }
  for (auto& t : threads) t.join();
  EXPECT_EQ(c.size(), 0u);
}

}  // namespace
}  // namespace genkan::net
