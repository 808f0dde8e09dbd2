#include "net/dns_message.hpp"

#include <gtest/gtest.h>

#include "dns_server.hpp"

namespace genkan::net::dns {
namespace {

using test::Message;

Message answer(std::uint16_t type) { return Message(1, "q.example", type); }
std::string label(std::size_t size) { return std::string(size, 'a'); }

TEST(DnsNameTest, HasANormalForm) {
  EXPECT_EQ(normal_name("WWW.Example.COM."), "www.example.com");
  EXPECT_EQ(normal_name("_dmarc.x-1.example"), "_dmarc.x-1.example");
  EXPECT_EQ(normal_name("single"), "single");
  EXPECT_EQ(normal_name(label(63) + ".example"), label(63) + ".example");
}

TEST(DnsNameTest, RefusesWhatCannotBeOne) {
  for (const auto* name : {"", ".", "..", "a..b", ".a", "a b", "a\\.b", "a/b", "ümlaut.example", "a\n", "-.a..", "*"}) {
    EXPECT_EQ(normal_name(name), "") << name;
  }
  EXPECT_EQ(normal_name(label(64) + ".example"), "");
  const std::string longest = label(63) + "." + label(63) + "." + label(63) + "." + label(61);
  EXPECT_EQ(normal_name(longest), longest);
  EXPECT_EQ(normal_name(longest + "a"), "");
}

TEST(DnsMessageTest, TakesTheLeastTtlOfAllRecords) {
  EXPECT_EQ(least_ttl(answer(1).a("q.example", "192.0.2.1", 90).a("q.example", "192.0.2.2", 30).octets()), 30u);
  EXPECT_EQ(least_ttl(answer(1).octets()), 0u);
  EXPECT_EQ(least_ttl(answer(1).a("q.example", "192.0.2.1", 0x8000'0000).octets()), 0u);
}

TEST(DnsMessageTest, OfTooManyAddressesTheSameAreTakenInWhateverOrderTheyCome) {
  const auto many = [](int step) {
    auto message = answer(1);
    for (int i = 0; i < 200; ++i) {
      message.a("q.example", ("192.0.2." + std::to_string((i * step + 17) % 200 + 1)).c_str());
    }
    return parse_addresses(message.octets(), Type::a);
  };
  const auto one = many(1), other = many(7);
  ASSERT_TRUE(one && other);
  EXPECT_EQ(one->records.size(), kMaxRecords);
  EXPECT_EQ(one->records, other->records);
}

TEST(DnsMessageTest, ACutMessageHasNoTtlAndNoRecords) {
  const auto whole = answer(15).mx("q.example", 5, "m.example").octets();
  for (std::size_t n = 0; n < whole.size(); ++n) {
    const std::vector<std::uint8_t> cut(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(n));
    EXPECT_FALSE(parse_mx(cut)) << n;
    static_cast<void>(least_ttl(cut));
  }
  EXPECT_TRUE(parse_mx(whole));
}

TEST(DnsMessageTest, LeavesOutNamesThatAreNone) {
  const auto found =
      parse_mx(answer(15).mx("q.example", 5, "bad name.example").mx("q.example", 6, "good.example").octets());
  ASSERT_TRUE(found);
  ASSERT_EQ(found->records.size(), 1u);
  EXPECT_EQ(found->records[0].host, "good.example");
}

TEST(DnsMessageTest, AnAnswerOfNothingButBadNamesIsMalformedAndNotEmpty) {
  const auto found = parse_mx(answer(15).mx("q.example", 5, "bad name.example").octets());
  ASSERT_FALSE(found);
  EXPECT_EQ(found.error(), Errc::malformed);
}

TEST(DnsMessageTest, RecordsOfAnotherTypeAreNoAnswer) {
  const auto message = answer(15).a("q.example", "192.0.2.1").octets();
  const auto found = parse_mx(message);
  ASSERT_FALSE(found);
  EXPECT_EQ(found.error(), Errc::not_found);
  EXPECT_EQ(parse_txt(message).error(), Errc::not_found);
  EXPECT_EQ(parse_srv(message).error(), Errc::not_found);
  EXPECT_EQ(parse_addresses(message, Type::aaaa).error(), Errc::not_found);
}

TEST(DnsMessageTest, ATextMayBeLongAndIsThenLeftOut) {
  const std::vector<std::string> at_limit(16, std::string(255, 'x'));  // 4,080
  const std::vector<std::string> beyond(17, std::string(255, 'y'));    // 4,335
  const auto found = parse_txt(answer(16).txt("q.example", beyond).txt("q.example", at_limit).octets());
  ASSERT_TRUE(found);
  ASSERT_EQ(found->records.size(), 1u);
  EXPECT_EQ(found->records[0], std::string(4080, 'x'));
}

TEST(DnsMessageTest, AnEmptyTextIsARecord) {
  const auto found = parse_txt(answer(16).txt("q.example", {""}).octets());
  ASSERT_TRUE(found);
  EXPECT_EQ(found->records, std::vector<std::string>{""});
}

TEST(DnsMessageTest, AServiceThatIsDecidedlyNotThereIsNotFound) {
  const auto found = parse_srv(answer(33).srv("q.example", 0, 0, 0, "").octets());
  ASSERT_FALSE(found);
  EXPECT_EQ(found.error(), Errc::not_found);
}

TEST(DnsMessageTest, APointerThatPointsToItselfEndsInAnError) {
  Message loop = answer(15);
  const std::size_t at = loop.bytes.size();
  loop.record("", 15, 60, Message().word(1).word(0xC000u | static_cast<unsigned>(at + 13)).bytes);
  EXPECT_FALSE(parse_mx(loop.octets()));
}

}  // namespace
}  // namespace genkan::net::dns
