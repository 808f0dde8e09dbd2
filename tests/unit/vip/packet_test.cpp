#include "vip/packet.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>
#include <string_view>

namespace genkan::vip {
namespace {

using base::IpAddress;

std::vector<std::uint8_t> from_hex(std::string_view text) {
  std::vector<std::uint8_t> out;
  int high = -1;
  for (const char c : text) {
    if (c == ' ') continue;
    const int digit = c <= '9' ? c - '0' : c - 'a' + 10;
    if (high < 0) {
      high = digit;
    } else {
      out.push_back(static_cast<std::uint8_t>(high << 4 | digit));
      high = -1;
    }
  }
  return out;
}

IpAddress ip(std::string_view text) { return IpAddress::parse(text).value(); }

// Captured from keepalived 2.2.7 on the wire, IP header included.
constexpr std::string_view kKeepalivedV2 =
    "45c0 0028 0001 0000 ff70 d088 0a09 0001 e000 0012 2133 9601 0001 3e5d 0a09 0064 0000 0000 0000 0000";
constexpr std::string_view kKeepalivedV3 =
    "45c0 0020 0001 0000 ff70 d090 0a09 0001 e000 0012 3133 9601 0064 4361 0a09 0064";

struct Read {
  Drop drop = Drop::none;
  Advert advert;
  ChecksumForm form = ChecksumForm::rfc9568;
};

Read read(const std::vector<std::uint8_t>& packet, std::uint8_t version = 3) {
  Read out;
  Datagram datagram;
  out.drop = parse_ipv4(packet, datagram);
  if (out.drop == Drop::none) out.drop = decode(datagram, version, out.advert, out.form);
  return out;
}

Read read_message(const std::vector<std::uint8_t>& message, IpAddress from, IpAddress to, std::uint8_t version = 3,
                  std::uint8_t ttl = 255) {
  Read out;
  out.drop = decode({from, to, ttl, message}, version, out.advert, out.form);
  return out;
}

const IpAddress kFrom = ip("10.9.0.1");
const IpAddress kGroup = IpAddress::v4(kVrrpGroup);

Advert example() { return {3, 51, 150, 100, {ip("10.9.0.100")}}; }

// Puts a right checksum (without pseudo-header) on a message that was changed by hand.
std::vector<std::uint8_t> resum(std::vector<std::uint8_t> m) {
  m[6] = m[7] = 0;
  std::uint32_t sum = 0;
  for (std::size_t i = 0; i < m.size(); i += 2)
    sum += static_cast<std::uint32_t>(m[i] << 8 | (i + 1 < m.size() ? m[i + 1] : 0));
  while (sum >> 16) sum = (sum & 0xFFFF) + (sum >> 16);
  sum = ~sum & 0xFFFF;
  m[6] = static_cast<std::uint8_t>(sum >> 8);
  m[7] = static_cast<std::uint8_t>(sum & 0xFF);
  return m;
}

TEST(Packet, ReadsWhatKeepalivedSendsAsVersion3) {
  const auto r = read(from_hex(kKeepalivedV3));
  ASSERT_EQ(r.drop, Drop::none);
  EXPECT_EQ(r.advert.vrid, 51);
  EXPECT_EQ(r.advert.priority, 150);
  EXPECT_EQ(r.advert.interval, 100);
  EXPECT_EQ(r.advert.addresses, std::vector{ip("10.9.0.100")});
  EXPECT_EQ(r.form, ChecksumForm::pseudo_header);
}

TEST(Packet, ReadsWhatKeepalivedSendsAsVersion2) {
  const auto r = read(from_hex(kKeepalivedV2), 2);
  ASSERT_EQ(r.drop, Drop::none);
  EXPECT_EQ(r.advert.vrid, 51);
  EXPECT_EQ(r.advert.interval, 100);
  EXPECT_EQ(r.advert.addresses, std::vector{ip("10.9.0.100")});
}

TEST(Packet, WritesTheVeryBytesOfKeepalived) {
  const auto v3 = from_hex(kKeepalivedV3);
  EXPECT_EQ(encode(example(), ChecksumForm::pseudo_header, kFrom, kGroup),
            std::vector<std::uint8_t>(v3.begin() + 20, v3.end()));
  const auto v2 = from_hex(kKeepalivedV2);
  auto advert = example();
  advert.version = 2;
  EXPECT_EQ(encode(advert, ChecksumForm::pseudo_header, kFrom, kGroup),
            std::vector<std::uint8_t>(v2.begin() + 20, v2.end()));
}

TEST(Packet, WritesRfc9568sChecksumWithoutThePseudoHeader) {
  // 3133 + 9601 + 0064 + 0a09 + 0064 = d205, and its complement is 2dfa
  EXPECT_EQ(encode(example(), ChecksumForm::rfc9568, kFrom, kGroup), from_hex("3133 9601 0064 2dfa 0a09 0064"));
}

TEST(Packet, TakesBothChecksumFormsAndSaysWhichItWas) {
  for (const auto form : {ChecksumForm::rfc9568, ChecksumForm::pseudo_header}) {
    const auto r = read_message(encode(example(), form, kFrom, kGroup), kFrom, kGroup);
    EXPECT_EQ(r.drop, Drop::none);
    EXPECT_EQ(r.form, form);
  }
}

TEST(Packet, ThePseudoHeaderCoversBothAddresses) {
  const auto message = encode(example(), ChecksumForm::pseudo_header, kFrom, kGroup);
  EXPECT_EQ(read_message(message, ip("10.9.0.2"), kGroup).drop, Drop::checksum);
  EXPECT_EQ(read_message(message, kFrom, ip("10.9.0.3")).drop, Drop::checksum);
}

TEST(Packet, Ipv6AlwaysHasThePseudoHeader) {
  const Advert advert{3, 7, 200, 25, {ip("fe80::100"), ip("2001:db8::100")}};
  const auto from = ip("fe80::1");
  const auto to = ip("ff02::12");
  const auto message = encode(advert, ChecksumForm::rfc9568, from, to);
  EXPECT_EQ(message, from_hex("3107 c802 0019 da73 fe80 0000 0000 0000 0000 0000 0000 0100"
                              "2001 0db8 0000 0000 0000 0000 0000 0100"));
  const auto r = read_message(message, from, to);
  ASSERT_EQ(r.drop, Drop::none);
  EXPECT_EQ(r.advert.addresses, advert.addresses);
  EXPECT_EQ(r.form, ChecksumForm::pseudo_header);
  EXPECT_EQ(read_message(resum(message), from, to).drop, Drop::checksum);
}

TEST(Packet, EveryFieldSurvivesTheRoundTrip) {
  Advert advert{3, 255, 254, kMaxInterval, {}};
  for (std::uint32_t i = 0; i < 255; ++i) advert.addresses.push_back(IpAddress::v4(0x0A000000 + i));
  const auto r = read_message(encode(advert, ChecksumForm::rfc9568, kFrom, kGroup), kFrom, kGroup);
  ASSERT_EQ(r.drop, Drop::none);
  EXPECT_EQ(r.advert.vrid, 255);
  EXPECT_EQ(r.advert.priority, 254);
  EXPECT_EQ(r.advert.interval, kMaxInterval);
  EXPECT_EQ(r.advert.addresses, advert.addresses);
}

TEST(Packet, ATtlUnder255IsDroppedBeforeAnythingElse) {
  auto packet = from_hex(kKeepalivedV3);
  packet[8] = 254;
  packet[20] = 0xF9;  // version and type are wrong, too
  EXPECT_EQ(read(packet).drop, Drop::ttl);
}

TEST(Packet, AnotherVersionIsDropped) {
  EXPECT_EQ(read(from_hex(kKeepalivedV2), 3).drop, Drop::version);
  EXPECT_EQ(read(from_hex(kKeepalivedV3), 2).drop, Drop::version);
  auto message = encode(example(), ChecksumForm::rfc9568, kFrom, kGroup);
  message[0] = 0x41;
  EXPECT_EQ(read_message(resum(message), kFrom, kGroup, 4).drop, Drop::version);
}

TEST(Packet, AnotherTypeIsDropped) {
  auto message = encode(example(), ChecksumForm::rfc9568, kFrom, kGroup);
  message[0] = 0x32;
  EXPECT_EQ(read_message(resum(message), kFrom, kGroup).drop, Drop::type);
}

TEST(Packet, AMessageThatEndsBeforeItsAddressesIsDropped) {
  const auto whole = encode(example(), ChecksumForm::rfc9568, kFrom, kGroup);
  for (std::size_t n = 0; n < whole.size(); ++n) {
    EXPECT_EQ(read_message({whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(n)}, kFrom, kGroup).drop,
              Drop::length)
        << n;
  }
  auto more = whole;
  more[3] = 2;
  EXPECT_EQ(read_message(resum(more), kFrom, kGroup).drop, Drop::length);
}

TEST(Packet, Version2NeedsItsAuthenticationData) {
  auto advert = example();
  advert.version = 2;
  auto message = encode(advert, ChecksumForm::rfc9568, kFrom, kGroup);
  auto cut = message;
  cut.resize(cut.size() - 1);
  EXPECT_EQ(read_message(resum(cut), kFrom, kGroup, 2).drop, Drop::length);
  message[4] = 1;
  EXPECT_EQ(read_message(resum(message), kFrom, kGroup, 2).drop, Drop::authentication);
}

TEST(Packet, EveryFlippedBitIsSeenByTheChecksumOrAnEarlierCheck) {
  const auto whole = encode(example(), ChecksumForm::pseudo_header, kFrom, kGroup);
  for (std::size_t bit = 0; bit < whole.size() * 8; ++bit) {
    auto message = whole;
    message[bit / 8] ^= static_cast<std::uint8_t>(1 << bit % 8);
    EXPECT_NE(read_message(message, kFrom, kGroup).drop, Drop::none) << bit;
  }
}

TEST(Packet, ABrokenIpHeaderIsDropped) {
  const auto good = from_hex(kKeepalivedV3);
  const auto broken = [&](std::size_t at, std::uint8_t value) {
    auto packet = good;
    packet[at] = value;
    return read(packet).drop;
  };
  EXPECT_EQ(broken(0, 0x65), Drop::ip_header);  // version 6
  EXPECT_EQ(broken(0, 0x44), Drop::ip_header);  // 16 bytes of header
  EXPECT_EQ(broken(0, 0x4F), Drop::ip_header);  // header longer than the packet
  EXPECT_EQ(broken(3, 19), Drop::ip_header);    // total under the header
  EXPECT_EQ(broken(3, 0x21), Drop::ip_header);  // total over what came
  EXPECT_EQ(broken(9, 17), Drop::ip_header);    // UDP
  EXPECT_EQ(read({good.begin(), good.begin() + 19}).drop, Drop::ip_header);
  EXPECT_EQ(read({}).drop, Drop::ip_header);
}

TEST(Packet, IpOptionsAreSkipped) {
  auto packet = from_hex(kKeepalivedV3);
  packet.insert(packet.begin() + 20, {0x94, 0x04, 0, 0});  // router alert
  packet[0] = 0x46;
  packet[3] = 0x24;
  EXPECT_EQ(read(packet).drop, Drop::none);
}

class Check : public ::testing::Test {
 protected:
  Advert advert = example();
  std::vector<IpAddress> ours = {ip("10.9.0.100")};
  Expectation expected() { return {51, false, 100, ours}; }
};

TEST_F(Check, TakesWhatIsForUs) { EXPECT_EQ(check(advert, expected()), Drop::none); }

TEST_F(Check, DropsAnotherVirtualRouter) {
  advert.vrid = 52;
  EXPECT_EQ(check(advert, expected()), Drop::vrid);
}

TEST_F(Check, DropsEverythingWhenWeOwnTheAddress) {
  auto e = expected();
  e.owner = true;
  EXPECT_EQ(check(advert, e), Drop::owner);
}

TEST_F(Check, DropsAnIntervalOfZero) {
  advert.interval = 0;
  EXPECT_EQ(check(advert, expected()), Drop::interval);
}

TEST_F(Check, DropsAnotherIntervalInVersion2Only) {
  advert.interval = 200;
  EXPECT_EQ(check(advert, expected()), Drop::none);
  advert.version = 2;
  EXPECT_EQ(check(advert, expected()), Drop::interval);
}

TEST_F(Check, DropsAnEmptyList) {
  advert.addresses.clear();
  EXPECT_EQ(check(advert, expected()), Drop::count);
}

TEST_F(Check, DropsOtherAddressesInWhateverOrder) {
  advert.addresses = {ip("10.9.0.101")};
  EXPECT_EQ(check(advert, expected()), Drop::addresses);
  advert.addresses = {ip("10.9.0.101"), ip("10.9.0.100")};
  EXPECT_EQ(check(advert, expected()), Drop::addresses);
  ours.push_back(ip("10.9.0.101"));
  EXPECT_EQ(check(advert, expected()), Drop::none);
}

TEST_F(Check, LooksInTheOrderOfTheRfc) {
  advert.addresses.clear();
  advert.interval = 0;
  auto e = expected();
  e.owner = true;
  EXPECT_EQ(check(advert, e), Drop::owner);
  e.owner = false;
  EXPECT_EQ(check(advert, e), Drop::interval);
  advert.vrid = 1;
  EXPECT_EQ(check(advert, e), Drop::vrid);
}

TEST(Packet, EveryReasonHasAName) {
  for (std::size_t i = 0; i < kDropReasons; ++i) EXPECT_NE(name_of(static_cast<Drop>(i)), "unknown");
  EXPECT_EQ(name_of(static_cast<Drop>(200)), "unknown");
}

}  // namespace
}  // namespace genkan::vip
