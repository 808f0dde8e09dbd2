// What a validating name server vouches for.
#include "net/dns_secure.hpp"

#include <gtest/gtest.h>

namespace genkan::net::dns {
namespace {

// An answer to a question about "a.b": flags of the second octet, records as (type, data).
std::vector<std::uint8_t> message(std::uint8_t flags,
                                  const std::vector<std::pair<std::uint16_t, std::string>>& records) {
  const auto count = static_cast<std::uint8_t>(records.size());
  std::vector<std::uint8_t> out{0, 1, 0x81, flags, 0, 1, 0, count, 0, 0, 0, 0, 1, 'a', 1, 'b', 0, 0, 52, 0, 1};
  for (const auto& [type, data] : records) {
    for (const auto octet : {0xC0, 12, type >> 8, type & 255, 0, 1, 0, 0, 1, 44, static_cast<int>(data.size() >> 8),
                             static_cast<int>(data.size() & 255)})
      out.push_back(static_cast<std::uint8_t>(octet));
    out.insert(out.end(), data.begin(), data.end());
  }
  return out;
}

const std::string kRecord(
    "\x03\x01\x01"
    "digest",
    9);

TEST(DnsSecure, RecordsAndWhoVouchesForThem) {
  const auto answer = parse_secure(message(0xA0, {{5, "x"}, {52, kRecord}, {52, "\x03\x01"}}), Type::tlsa);
  ASSERT_TRUE(answer);
  EXPECT_TRUE(answer->authentic && answer->any);
  ASSERT_EQ(answer->tlsa.size(), 1u) << "an alias is none, and what is cut short is left out";
  EXPECT_EQ(answer->tlsa[0].usage, 3);
  EXPECT_EQ(answer->tlsa[0].data, "digest");
  EXPECT_EQ(answer->ttl, std::chrono::seconds(300));
  EXPECT_FALSE(parse_secure(message(0x80, {{52, kRecord}}), Type::tlsa)->authentic);
}

TEST(DnsSecure, ThatThereIsNothingIsAnAnswerTooAndAFailureIsNone) {
  const auto nothing = parse_secure(message(0xA3, {}), Type::tlsa);
  ASSERT_TRUE(nothing);
  EXPECT_TRUE(nothing->authentic);
  EXPECT_FALSE(nothing->any);
  EXPECT_EQ(parse_secure(message(0x82, {}), Type::tlsa).error(), Errc::unavailable) << "SERVFAIL";
  EXPECT_EQ(parse_secure(message(0x85, {}), Type::tlsa).error(), Errc::unavailable) << "REFUSED";
}

TEST(DnsSecure, BrokenMessagesAreMalformed) {
  const auto whole = message(0xA0, {{52, kRecord}});
  for (std::size_t size = 0; size < whole.size(); ++size)
    EXPECT_EQ(parse_secure(Bytes(whole).first(size), Type::tlsa).error(), Errc::malformed) << size;
  auto question = whole;
  question[2] = 1;
  EXPECT_EQ(parse_secure(question, Type::tlsa).error(), Errc::malformed);
}

TEST(DnsSecure, AHostHasSoManyRecords) {
  const auto many = message(0xA0, std::vector<std::pair<std::uint16_t, std::string>>(kMaxTlsa + 8, {52, kRecord}));
  EXPECT_EQ(parse_secure(many, Type::tlsa)->tlsa.size(), kMaxTlsa);
}

}  // namespace
}  // namespace genkan::net::dns
