// What a name server's answer says. Pure: bytes in, limited records out. c-ares takes the messages apart; the limits,
// the names that we accept and the TTL (which ares_parse_mx_reply and its kin drop) are ours.
//
// Answers are hostile: at most kMaxRecords of them, names only of letters, digits, '-', '_' and '.', texts up to
// kMaxText. What breaks a limit is left out; an answer in which nothing is left is Errc::malformed.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "base/address.hpp"
#include "base/result.hpp"
#include "net/resolver.hpp"

namespace genkan::net::dns {

enum class Type : std::uint16_t { a = 1, ptr = 12, mx = 15, txt = 16, aaaa = 28, srv = 33, tlsa = 52 };

using Bytes = std::span<const std::uint8_t>;

constexpr std::size_t kMaxRecords = 64;
constexpr std::size_t kMaxName = 253;   // RFC 1035 2.3.4, as text
constexpr std::size_t kMaxText = 4096;  // one TXT record, its strings joined

// Lower case, without the final dot; empty when it can't be the name of anything (RFC 1035 2.3.1, with '_').
std::string normal_name(std::string_view name);
// What may be asked: as normal_name(), and every visible ASCII character but the backslash, for labels are octets
// (RFC 2181 11) and SPF makes them of mail addresses.
std::string question_name(std::string_view name);
std::string reverse_name(const base::IpAddress& ip);  // "4.3.2.1.in-addr.arpa", "....ip6.arpa"

// The least TTL of the answer section, in seconds; 0 when there is none. Values over 2^31 - 1 are 0 (RFC 2181 8).
std::uint32_t least_ttl(Bytes message);

// Errc::not_found: no record of that type. Errc::malformed: a broken message, or none that we accept.
Result<DnsAnswer<base::IpAddress>> parse_addresses(Bytes message, Type type);  // Type::a or Type::aaaa
Result<DnsAnswer<MxRecord>> parse_mx(Bytes message);                           // sorted by preference
Result<DnsAnswer<std::string>> parse_txt(Bytes message);
Result<DnsAnswer<std::string>> parse_ptr(Bytes message);
Result<DnsAnswer<SrvRecord>> parse_srv(Bytes message);  // sorted by priority

}  // namespace genkan::net::dns
