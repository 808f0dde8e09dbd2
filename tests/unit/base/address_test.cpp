#include "base/address.hpp"

#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>

namespace genkan::base {
namespace {

std::string canonical(std::string_view text) {
  auto ip = IpAddress::parse(text);
  return ip ? ip->text() : "refused";
}

TEST(IpAddress, Ipv6IsWrittenByRfc5952) {
  EXPECT_EQ(canonical("2001:0db8:0000:0000:0001:0000:0000:0001"), "2001:db8::1:0:0:1");  // first of two equal runs
  EXPECT_EQ(canonical("2001:db8:0:0:1:0:0:0"), "2001:db8:0:0:1::");                      // the longest run
  EXPECT_EQ(canonical("2001:db8::0:1"), "2001:db8::1");
  EXPECT_EQ(canonical("2001:db8:0:1:1:1:1:1"), "2001:db8:0:1:1:1:1:1");  // one group is not shortened
  EXPECT_EQ(canonical("2001:DB8::ABCD"), "2001:db8::abcd");              // lower case
  EXPECT_EQ(canonical("::"), "::");
  EXPECT_EQ(canonical("::1"), "::1");
  EXPECT_EQ(canonical("1::"), "1::");
  EXPECT_EQ(canonical("fe80:0:0:0:0:0:0:0"), "fe80::");
}

TEST(IpAddress, Ipv4AndItsMappedFormAreTheSameAddress) {
  EXPECT_EQ(canonical("192.0.2.1"), "192.0.2.1");
  EXPECT_EQ(canonical("::ffff:192.0.2.1"), "192.0.2.1");
  EXPECT_EQ(*IpAddress::parse("::ffff:c000:201"), *IpAddress::parse("192.0.2.1"));
  EXPECT_EQ(IpAddress::v4(0xc0000201).text(), "192.0.2.1");
  EXPECT_TRUE(IpAddress::any_v4().is_v4());
  EXPECT_FALSE(IpAddress{}.is_v4());
}

TEST(IpAddress, ShortOctalAndDecoratedFormsAreRefused) {
  for (const char* bad : {"", "1.2.3", "1.2.3.4.5", "01.2.3.4", "1.2.3.256", "0x7f.0.0.1", "127.1", "1.2.3.4 ",
                          ":::", "1::2::3", "12345::", "::1%eth0", "[::1]", "1:2:3:4:5:6:7", "g::", "::1.2.3"}) {
    EXPECT_EQ(canonical(bad), "refused") << bad;
  }
  EXPECT_EQ(canonical(std::string_view("1.2.3.4\0x", 9)), "refused");
  EXPECT_EQ(canonical(std::string(5000, '1')), "refused");
}

TEST(IpAddress, KnowsLoopbackAndMulticast) {
  EXPECT_TRUE(IpAddress::parse("127.9.9.9")->is_loopback());
  EXPECT_TRUE(IpAddress::parse("::1")->is_loopback());
  EXPECT_FALSE(IpAddress::parse("128.0.0.1")->is_loopback());
  EXPECT_TRUE(IpAddress::parse("239.255.71.75")->is_multicast());
  EXPECT_TRUE(IpAddress::parse("ff02::1")->is_multicast());
  EXPECT_FALSE(IpAddress::parse("192.0.2.1")->is_multicast());
}

TEST(Endpoint, IsWrittenTheWayItIsRead) {
  for (const char* text : {"192.0.2.1:80", "[2001:db8::1]:443", "unix:/run/x.sock", "0.0.0.0:0"}) {
    EXPECT_EQ(Endpoint::parse(text).value().text(), text);
  }
  EXPECT_EQ(Endpoint::parse(":80").value().text(), "0.0.0.0:80");
  EXPECT_EQ(Endpoint::parse("*:80").value().text(), "0.0.0.0:80");
}

TEST(Endpoint, WhatIsAmbiguousOrANameIsRefused) {
  for (const char* bad : {"", "80", "1.2.3.4", "1.2.3.4:", "1.2.3.4:65536", "1.2.3.4:-1", "1.2.3.4:080000", "::1:80",
                          "[::1]", "[1.2.3.4]:80", "[]:80", "host:80", "unix:", "[::1:80"}) {
    EXPECT_FALSE(Endpoint::parse(bad)) << bad;
  }
  EXPECT_EQ(Endpoint::parse("unix:/" + std::string(200, 'x')).error(), Errc::too_large);
}

TEST(Endpoint, GoesToTheSystemAndBack) {
  for (const char* text : {"192.0.2.1:80", "[2001:db8::1]:443", "unix:/run/x.sock"}) {
    auto endpoint = Endpoint::parse(text).value();
    sockaddr_storage storage;
    auto length = endpoint.to_sockaddr(storage);
    EXPECT_LE(length, sizeof storage);
    EXPECT_EQ(Endpoint::from_sockaddr(reinterpret_cast<sockaddr*>(&storage)), endpoint);
  }
  sockaddr_storage v4;
  EXPECT_EQ(Endpoint::parse("1.2.3.4:5")->to_sockaddr(v4), sizeof(sockaddr_in));
  EXPECT_EQ(v4.ss_family, AF_INET);
}

TEST(Cidr, ContainsWhatSharesItsPrefix) {
  auto ten = Cidr::parse("10.0.0.0/8").value();
  EXPECT_TRUE(ten.contains(*IpAddress::parse("10.255.0.1")));
  EXPECT_TRUE(ten.contains(*IpAddress::parse("::ffff:10.1.2.3")));
  EXPECT_FALSE(ten.contains(*IpAddress::parse("11.0.0.1")));
  auto odd = Cidr::parse("192.0.2.128/25").value();
  EXPECT_TRUE(odd.contains(*IpAddress::parse("192.0.2.200")));
  EXPECT_FALSE(odd.contains(*IpAddress::parse("192.0.2.127")));
  auto six = Cidr::parse("2001:db8::/33").value();
  EXPECT_TRUE(six.contains(*IpAddress::parse("2001:db8:7fff::1")));
  EXPECT_FALSE(six.contains(*IpAddress::parse("2001:db8:8000::1")));
  EXPECT_TRUE(Cidr::parse("::1")->contains(*IpAddress::parse("::1")));
}

TEST(Cidr, TheWholeOfOneFamilyLeavesTheOtherOut) {
  auto four = Cidr::parse("0.0.0.0/0").value();
  auto six = Cidr::parse("::/0").value();
  EXPECT_TRUE(four.contains(*IpAddress::parse("8.8.8.8")));
  EXPECT_FALSE(four.contains(*IpAddress::parse("2001:db8::1")));
  EXPECT_TRUE(six.contains(*IpAddress::parse("2001:db8::1")));
  EXPECT_FALSE(six.contains(*IpAddress::parse("8.8.8.8")));
}

TEST(Cidr, HostBitsAndBadPrefixesAreRefused) {
  for (const char* bad : {"10.0.0.1/8", "192.0.2.1/31", "2001:db8::1/64", "10.0.0.0/33", "::/129", "10.0.0.0/", "/8",
                          "10.0.0.0/08", "10.0.0.0/-1", "10.0.0.0/8/8", "10.0.0.0/255.0.0.0", "10/8"}) {
    EXPECT_FALSE(Cidr::parse(bad)) << bad;
  }
}

TEST(Cidr, IsWrittenTheWayItIsRead) {
  for (const char* text : {"10.0.0.0/8", "0.0.0.0/0", "192.0.2.1/32", "2001:db8::/32", "::/0", "::1/128"}) {
    EXPECT_EQ(Cidr::parse(text)->text(), text);
  }
  EXPECT_EQ(Cidr::parse("192.0.2.1")->text(), "192.0.2.1/32");
}

}  // namespace
}  // namespace genkan::base
