#include "net/dns_cache.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>

#include "net/dns_hosts.hpp"

namespace genkan::net::dns {
namespace {

const Time kStart{std::chrono::hours(1)};

TEST(DnsCacheTest, KeepsAValueUntilItsTimeIsOver) {
  Cache<int> cache(10, 10'000);
  cache.put("a", 7, 10, kStart + 5s);
  ASSERT_NE(cache.find("a", kStart), nullptr);
  EXPECT_EQ(*cache.find("a", kStart + 4999ms), 7);
  EXPECT_EQ(cache.find("b", kStart), nullptr);
  EXPECT_EQ(cache.find("a", kStart + 5s), nullptr);
  EXPECT_EQ(cache.size(), 0u);
  EXPECT_EQ(cache.bytes(), 0u);
}

TEST(DnsCacheTest, ANewValueTakesThePlaceOfTheOld) {
  Cache<int> cache(10, 10'000);
  cache.put("a", 1, 500, kStart + 5s);
  const auto before = cache.bytes();
  cache.put("a", 2, 100, kStart + 9s);
  EXPECT_EQ(*cache.find("a", kStart + 8s), 2);
  EXPECT_EQ(cache.size(), 1u);
  EXPECT_EQ(cache.bytes(), before - 400);
}

TEST(DnsCacheTest, ForgetsTheOneUsedLongestAgoWhenThereAreTooMany) {
  Cache<int> cache(3, 1'000'000);
  for (int i = 0; i < 3; ++i) cache.put(std::to_string(i), i, 1, kStart + 5s);
  EXPECT_NE(cache.find("0", kStart), nullptr);
  cache.put("3", 3, 1, kStart + 5s);
  EXPECT_EQ(cache.size(), 3u);
  EXPECT_EQ(cache.find("1", kStart), nullptr);
  EXPECT_NE(cache.find("0", kStart), nullptr);
  EXPECT_NE(cache.find("3", kStart), nullptr);
}

TEST(DnsCacheTest, StaysWithinItsBytes) {
  Cache<int> cache(10'000, 10'000);
  for (int i = 0; i < 1000; ++i) cache.put(std::to_string(i), i, 1000, kStart + 5s);
  EXPECT_LE(cache.bytes(), 10'000u);
  EXPECT_LT(cache.size(), 10u);
  EXPECT_NE(cache.find("999", kStart), nullptr);
  cache.put("giant", 1, 20'000, kStart + 5s);
  EXPECT_EQ(cache.find("giant", kStart), nullptr);
  EXPECT_NE(cache.find("999", kStart), nullptr);
}

std::string text_of(const Hosts& hosts, const std::string& name) {
  std::string out;
  const auto found = hosts.find(name);
  if (found == hosts.end()) return "none";
  for (const auto& ip : found->second) out += (out.empty() ? "" : " ") + ip.text();
  return out;
}

TEST(HostsFileTest, ReadsWhatOthersRead) {
  const Hosts hosts = parse_hosts(
      "127.0.0.1\tlocalhost\n"
      "# a comment\n"
      "  192.0.2.1   Web1 web1.Example.  # more\r\n"
      "2001:db8::1 web1\n"
      "192.0.2.2 web1\n"
      "192.0.2.2 web1\n"
      "not-an-address name\n"
      "192.0.2.3\n"
      "fe80::1%lo0 scoped\n"
      "192.0.2.4 bad\\name good");
  EXPECT_EQ(text_of(hosts, "localhost"), "127.0.0.1");
  EXPECT_EQ(text_of(hosts, "web1"), "192.0.2.1 192.0.2.2 2001:db8::1");
  EXPECT_EQ(text_of(hosts, "web1.example"), "192.0.2.1");
  EXPECT_EQ(text_of(hosts, "good"), "192.0.2.4");
  EXPECT_EQ(hosts.size(), 4u);
}

TEST(HostsFileTest, IsReadAgainWhenItChanges) {
  char path[] = "/tmp/genkan-hosts-XXXXXX";
  const int fd = ::mkstemp(path);
  ASSERT_GE(fd, 0);
  ::close(fd);
  std::ofstream(path) << "192.0.2.1 one\n";
  HostsFile file(path);
  ASSERT_NE(file.find("one", kStart), nullptr);
  std::ofstream(path) << "192.0.2.1 one\n192.0.2.22 two\n";
  EXPECT_EQ(file.find("two", kStart + 500ms), nullptr) << "looked at more than once a second";
  EXPECT_NE(file.find("two", kStart + 1500ms), nullptr);
  ::unlink(path);
  EXPECT_EQ(file.find("one", kStart + 3s), nullptr);
}

}  // namespace
}  // namespace genkan::net::dns
