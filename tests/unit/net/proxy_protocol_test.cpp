#include "net/proxy_protocol.hpp"

#include <gtest/gtest.h>

#include <string>

namespace genkan::net {
namespace {

using State = ProxyHeader::State;
constexpr std::string_view kSignature("\r\n\r\n\0\r\nQUIT\n", 12);

std::string v2(unsigned version, unsigned family, std::string_view rest, std::size_t length) {
  std::string out(kSignature);
  for (const std::size_t byte : {std::size_t{version}, std::size_t{family}, length >> 8, length & 0xFF}) {
    out += static_cast<char>(byte);
  }
  out += rest;
  return out;
}
std::string v2(unsigned version, unsigned family, std::string_view rest) {
  return v2(version, family, rest, rest.size());
}

const std::string kV4("\xC0\x00\x02\x01\xC6\x33\x64\x02\xDC\x04\x01\xBB", 12);  // 192.0.2.1:56324 198.51.100.2:443
const std::string kV6 = std::string("\x20\x01\x0D\xB8", 4) + std::string(11, '\0') + "\x01" +
                        std::string("\x20\x01\x0D\xB8", 4) + std::string(11, '\0') + "\x02" +
                        std::string("\xDC\x04\x01\xBB", 4);

// Complete at its last byte and not before, whatever follows it; the same with what follows.
ProxyHeader complete(const std::string& text) {
  for (std::size_t n = 0; n < text.size(); ++n) {
    EXPECT_EQ(parse_proxy_header(std::string_view(text).substr(0, n)).state, State::more) << n << " of " << text;
  }
  const ProxyHeader header = parse_proxy_header(text + "GET / HTTP/1.1\r\n\r\n");
  EXPECT_EQ(header.state, State::complete) << text;
  EXPECT_EQ(header.size, text.size()) << text;
  EXPECT_EQ(parse_proxy_header(text).size, text.size());
  return header;
}

// Malformed as a whole, and never complete on the way: a split must not let it through.
void expect_malformed(const std::string& text) {
  EXPECT_EQ(parse_proxy_header(text).state, State::malformed) << text;
  bool malformed = false;
  for (std::size_t n = 0; n <= text.size(); ++n) {
    const auto state = parse_proxy_header(std::string_view(text).substr(0, n)).state;
    EXPECT_NE(state, State::complete) << n << " of " << text;
    EXPECT_FALSE(malformed && state != State::malformed) << "more bytes healed it: " << n << " of " << text;
    malformed = state == State::malformed;
  }
}

TEST(ProxyProtocolTest, ReadsTheLineOfVersion1) {
  const auto v4 = complete("PROXY TCP4 192.0.2.1 198.51.100.2 56324 443\r\n");
  ASSERT_TRUE(v4.source && v4.destination);
  EXPECT_EQ(v4.source->text(), "192.0.2.1:56324");
  EXPECT_EQ(v4.destination->text(), "198.51.100.2:443");
  const auto v6 = complete("PROXY TCP6 2001:db8::1 2001:DB8::2 0 65535\r\n");
  ASSERT_TRUE(v6.source && v6.destination);
  EXPECT_EQ(v6.source->text(), "[2001:db8::1]:0");
  EXPECT_EQ(v6.destination->text(), "[2001:db8::2]:65535");
}

TEST(ProxyProtocolTest, ReadsAnIPv4ClientInItsMappedForm) {
  const auto header = complete("PROXY TCP6 ::ffff:192.0.2.1 ::ffff:198.51.100.2 56324 443\r\n");
  ASSERT_TRUE(header.source);
  EXPECT_EQ(header.source->text(), "192.0.2.1:56324");
}

TEST(ProxyProtocolTest, ReadsTheLongestLine) {
  const std::string ip = "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff";
  const std::string unknown = "PROXY UNKNOWN " + ip + " " + ip + " 65535 65535\r\n";
  EXPECT_EQ(unknown.size(), 107u);
  EXPECT_FALSE(complete(unknown).source);
  EXPECT_TRUE(complete("PROXY TCP6 " + ip + " " + ip + " 65535 65535\r\n").source);
  expect_malformed("PROXY UNKNOWN " + ip + " " + ip + " 65535 65535 \r\n");
}

TEST(ProxyProtocolTest, AnUnknownConnectionSpeaksForItself) {
  EXPECT_FALSE(complete("PROXY UNKNOWN\r\n").source);
  EXPECT_FALSE(complete("PROXY UNKNOWN whatever the sender likes\r\n").source);
}

TEST(ProxyProtocolTest, RefusesEveryOtherLine) {
  for (const auto* text : {
           "GET / HTTP/1.1\r\n",
           "proxy TCP4 192.0.2.1 198.51.100.2 56324 443\r\n",
           "PROXY\r\n",
           "PROXY \r\n",
           "PROXY  TCP4 192.0.2.1 198.51.100.2 56324 443\r\n",
           "PROXY TCP4\r\n",
           "PROXY TCP5 192.0.2.1 198.51.100.2 56324 443\r\n",
           "PROXY UNKNOWNS\r\n",
           "PROXY TCP4 192.0.2.1 198.51.100.2 56324\r\n",
           "PROXY TCP4 192.0.2.1 198.51.100.2 56324 443 \r\n",
           "PROXY TCP4 192.0.2.1 198.51.100.2 56324 443 1\r\n",
           "PROXY TCP4 192.0.2.1  198.51.100.2 56324 443\r\n",
           "PROXY TCP4 192.0.2.256 198.51.100.2 56324 443\r\n",
           "PROXY TCP4 192.0.2 198.51.100.2 56324 443\r\n",
           "PROXY TCP4 192.0.2.01 198.51.100.2 56324 443\r\n",
           "PROXY TCP4 2001:db8::1 198.51.100.2 56324 443\r\n",
           "PROXY TCP6 192.0.2.1 198.51.100.2 56324 443\r\n",
           "PROXY TCP6 2001:db8:::1 2001:db8::2 56324 443\r\n",
           "PROXY TCP6 fe80::1%eth0 2001:db8::2 56324 443\r\n",
           "PROXY TCP4 192.0.2.1 198.51.100.2 65536 443\r\n",
           "PROXY TCP4 192.0.2.1 198.51.100.2 56324 -1\r\n",
           "PROXY TCP4 192.0.2.1 198.51.100.2 056324 443\r\n",
           "PROXY TCP4 192.0.2.1 198.51.100.2 56324 00\r\n",
           "PROXY TCP4 192.0.2.1 198.51.100.2 56324 0x1\r\n",
           "PROXY TCP4 192.0.2.1 198.51.100.2 56324 \r\n",
           "PROXY TCP4 192.0.2.1 198.51.100.2 56324 443\n\r\n",
       }) {
    expect_malformed(text);
  }
  expect_malformed("PROXY UNKNOWN" + std::string(200, 'x'));
  expect_malformed("PROXY UNKNOWN " + std::string(94, 'x') + "\r\n");
  expect_malformed(std::string("PROXY TCP4 192.0.2.1\0 198.51.100.2 56324 443\r\n", 46));
}

TEST(ProxyProtocolTest, ALineThatNeverEndsIsGivenUpEarly) {
  EXPECT_EQ(parse_proxy_header("PROXY UNKNOWN" + std::string(93, 'x')).state, State::more);
  EXPECT_EQ(parse_proxy_header("PROXY UNKNOWN" + std::string(94, 'x')).state, State::malformed);
}

TEST(ProxyProtocolTest, ReadsVersion2) {
  const auto v4 = complete(v2(0x21, 0x11, kV4));
  ASSERT_TRUE(v4.source && v4.destination);
  EXPECT_EQ(v4.source->text(), "192.0.2.1:56324");
  EXPECT_EQ(v4.destination->text(), "198.51.100.2:443");
  const auto v6 = complete(v2(0x21, 0x21, kV6));
  ASSERT_TRUE(v6.source && v6.destination);
  EXPECT_EQ(v6.source->text(), "[2001:db8::1]:56324");
  EXPECT_EQ(v6.destination->text(), "[2001:db8::2]:443");
}

TEST(ProxyProtocolTest, PassesOverTheExtensionsOfVersion2) {
  const std::string authority = std::string("\x02\x00\x0B", 3) + "example.org";
  const auto header = complete(v2(0x21, 0x11, kV4 + authority));
  ASSERT_TRUE(header.source);
  EXPECT_EQ(header.source->text(), "192.0.2.1:56324");
  EXPECT_TRUE(complete(v2(0x21, 0x11, kV4 + std::string(5000, '\0'))).source);
}

TEST(ProxyProtocolTest, ReadsTheLongestHeaderOfVersion2) {
  const std::string text = v2(0x21, 0x11, kV4 + std::string(65535 - 12, 'x'));
  EXPECT_EQ(text.size(), kMaxProxyHeader);
  EXPECT_EQ(parse_proxy_header(text).state, State::complete);
  EXPECT_EQ(parse_proxy_header(std::string_view(text).substr(0, text.size() - 1)).state, State::more);
}

TEST(ProxyProtocolTest, LocalAndOtherFamiliesSpeakForThemselves) {
  EXPECT_FALSE(complete(v2(0x20, 0x00, "")).source);
  EXPECT_FALSE(complete(v2(0x20, 0x11, kV4)).source) << "LOCAL: the addresses are to be ignored";
  EXPECT_FALSE(complete(v2(0x20, 0xFF, "x")).source);
  EXPECT_FALSE(complete(v2(0x21, 0x00, "")).source);
  EXPECT_FALSE(complete(v2(0x21, 0x12, kV4)).source);
  EXPECT_FALSE(complete(v2(0x21, 0x31, std::string(216, 'p'))).source);
}

TEST(ProxyProtocolTest, RefusesEveryOtherVersion2) {
  for (const unsigned version : {0x11u, 0x31u, 0x01u, 0x22u, 0x2Fu}) expect_malformed(v2(version, 0x11, kV4));
  for (const unsigned family : {0x13u, 0x1Fu, 0x41u, 0xF1u, 0xFFu}) expect_malformed(v2(0x21, family, kV4));
  expect_malformed(v2(0x21, 0x11, kV4.substr(0, 11)));
  expect_malformed(v2(0x21, 0x11, ""));
  expect_malformed(v2(0x21, 0x21, kV6.substr(0, 35)));
  std::string wrong = v2(0x21, 0x11, kV4);
  wrong[11] = 'X';
  expect_malformed(wrong);
}

base::Endpoint at(std::string_view text) { return *base::Endpoint::parse(text); }

TEST(ProxyHeaderWriting, what_is_written_is_read_back) {
  for (const int version : {1, 2}) {
    for (const auto& [from, to] : {std::pair{"192.0.2.1:1234", "198.51.100.7:80"},
                                   {"[2001:db8::1]:65535", "[::1]:443"},
                                   {"192.0.2.1:7", "[2001:db8::2]:80"}}) {
      const base::Endpoint source = at(from), destination = at(to);
      const std::string text = write_proxy_header(version, &source, &destination);
      const ProxyHeader header = parse_proxy_header(text + "GET /");
      ASSERT_EQ(header.state, ProxyHeader::State::complete) << version << from;
      EXPECT_EQ(header.size, text.size());
      EXPECT_EQ(header.source, source) << text;
      EXPECT_EQ(header.destination, destination) << text;
    }
  }
}

TEST(ProxyHeaderWriting, its_form_is_that_of_the_protocol) {
  const base::Endpoint source = at("192.0.2.1:1234"), destination = at("198.51.100.7:80"), local = at("unix:/run/x");
  EXPECT_EQ(write_proxy_header(1, &source, &destination), "PROXY TCP4 192.0.2.1 198.51.100.7 1234 80\r\n");
  EXPECT_EQ(write_proxy_header(1, &local, &local), "PROXY UNKNOWN\r\n");
  EXPECT_EQ(write_proxy_header(2, nullptr, nullptr), std::string("\r\n\r\n\0\r\nQUIT\n\x20\0\0\0", 16));
  const ProxyHeader header = parse_proxy_header(write_proxy_header(2, &local, &destination));
  EXPECT_EQ(header.state, ProxyHeader::State::complete);
  EXPECT_FALSE(header.source);
}

}  // namespace
}  // namespace genkan::net
