#include "net/address_set.hpp"

#include <gtest/gtest.h>

#include <random>

namespace genkan::net {
namespace {

base::Cidr cidr(const char* text) { return *base::Cidr::parse(text); }
base::IpAddress ip(const char* text) { return *base::IpAddress::parse(text); }

TEST(AddressSetTest, AnEmptySetHoldsNothing) {
  const AddressSet set;
  EXPECT_TRUE(set.empty());
  EXPECT_FALSE(set.contains(ip("0.0.0.0")));
  EXPECT_FALSE(set.contains(ip("::")));
}

TEST(AddressSetTest, HoldsTheFirstAndTheLastAddressOfANetworkAndNotTheirNeighbours) {
  const AddressSet set(std::vector{cidr("10.1.2.0/24"), cidr("2001:db8::/32"), cidr("192.0.2.7")});
  EXPECT_TRUE(set.contains(ip("10.1.2.0")));
  EXPECT_TRUE(set.contains(ip("10.1.2.255")));
  EXPECT_FALSE(set.contains(ip("10.1.1.255")));
  EXPECT_FALSE(set.contains(ip("10.1.3.0")));
  EXPECT_TRUE(set.contains(ip("2001:db8:ffff:ffff:ffff:ffff:ffff:ffff")));
  EXPECT_FALSE(set.contains(ip("2001:db9::")));
  EXPECT_TRUE(set.contains(ip("192.0.2.7")));
  EXPECT_FALSE(set.contains(ip("192.0.2.8")));
}

TEST(AddressSetTest, MergesNetworksThatOverlapOrTouch) {
  const AddressSet set(std::vector{cidr("10.0.1.0/24"), cidr("10.0.0.0/24"), cidr("10.0.0.0/25"), cidr("10.0.3.0/24")});
  EXPECT_EQ(set.size(), 2u);
  EXPECT_EQ(set, AddressSet(std::vector{cidr("10.0.0.0/23"), cidr("10.0.3.0/24")}));
  EXPECT_NE(set, AddressSet(std::vector{cidr("10.0.0.0/23")}));
}

TEST(AddressSetTest, HoldsWholeFamilies) {
  const AddressSet v4(std::vector{cidr("0.0.0.0/0")});
  EXPECT_TRUE(v4.contains(ip("255.255.255.255")));
  EXPECT_FALSE(v4.contains(ip("::1")));
  const AddressSet all(std::vector{cidr("::/0"), cidr("10.0.0.0/8")});
  EXPECT_EQ(all.size(), 1u);
  EXPECT_TRUE(all.contains(ip("::")));
  EXPECT_TRUE(all.contains(ip("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff")));
}

TEST(AddressSetTest, SaysWhatALinearScanOfThousandsSays) {
  std::mt19937 random(7);
  const auto number = [&random](std::uint32_t n) { return static_cast<std::uint32_t>(random() % n); };
  std::vector<base::Cidr> networks;
  for (int i = 0; i < 5000; ++i) {
    base::Cidr network;
    network.prefix = static_cast<std::uint8_t>(96 + 14 + number(19));
    const std::uint32_t bits = network.prefix - 96u;
    network.network = base::IpAddress::v4(static_cast<std::uint32_t>(random() & ~(0xFFFF'FFFFull >> bits)));
    networks.push_back(network);
  }
  const AddressSet set(networks);
  int inside = 0;
  for (int i = 0; i < 4000; ++i) {
    base::IpAddress address = base::IpAddress::v4(static_cast<std::uint32_t>(random()));
    if (i % 2) {  // near a border
      address = networks[number(5000)].network;
      address.bytes[15] = static_cast<std::uint8_t>(address.bytes[15] + number(3) - 1);
    }
    bool expected = false;
    for (const auto& network : networks) expected = expected || network.contains(address);
    ASSERT_EQ(set.contains(address), expected) << address.text();
    inside += expected;
  }
  EXPECT_GT(inside, 1000);
}

}  // namespace
}  // namespace genkan::net
