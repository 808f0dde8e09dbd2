#include "net/dns_secure.hpp"

#include <algorithm>

namespace genkan::net::dns {
namespace {

constexpr std::size_t kHead = 12;
constexpr std::uint8_t kAuthentic = 0x20;  // in the second octet of the flags
constexpr std::uint8_t kResponse = 0x80;   // in the first

// Skips a name; 0: the message ends in it.
std::size_t after_name(Bytes m, std::size_t at) {
  while (at < m.size()) {
    const std::uint8_t length = m[at];
    if (length == 0) return at + 1;
    if (length >= 0xC0) return at + 2;
    at += 1u + length;
  }
  return 0;
}

std::size_t number(Bytes m, std::size_t at) { return static_cast<std::size_t>(m[at]) << 8 | m[at + 1]; }

void take_tlsa(Bytes data, SecureAnswer& out) {
  if (data.size() < 4 || data.size() > 3 + kMaxTlsaData || out.tlsa.size() >= kMaxTlsa) return;
  TlsaRecord record;
  record.usage = data[0];
  record.selector = data[1];
  record.matching = data[2];
  record.data.assign(data.begin() + 3, data.end());
  out.tlsa.push_back(std::move(record));
}

}  // namespace

Result<SecureAnswer> parse_secure(Bytes m, Type type) {
  if (m.size() < kHead || (m[2] & kResponse) == 0) return Errc::malformed;
  const int code = m[3] & 15;
  if (code != 0 && code != 3) return Errc::unavailable;
  SecureAnswer out;
  out.authentic = (m[3] & kAuthentic) != 0;
  std::size_t at = kHead;
  for (auto left = number(m, 4); left > 0; --left) {
    at = after_name(m, at);
    if (at == 0 || at + 4 > m.size()) return Errc::malformed;
    at += 4;
  }
  for (auto left = number(m, 6); left > 0; --left) {
    at = after_name(m, at);
    if (at == 0 || at + 10 > m.size()) return Errc::malformed;
    const auto kind = number(m, at);
    const auto length = number(m, at + 8);
    at += 10;
    if (at + length > m.size()) return Errc::malformed;
    if (kind == static_cast<std::size_t>(type)) {
      out.any = true;
      if (type == Type::tlsa) take_tlsa(m.subspan(at, length), out);
    }
    at += length;
  }
  out.ttl = std::chrono::seconds(least_ttl(m));
  return out;
}

}  // namespace genkan::net::dns
