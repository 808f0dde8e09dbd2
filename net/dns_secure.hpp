// What a name server that validates DNSSEC says, and whether it vouches for it: the AD bit (RFC 4035 3.2.3). Worth as
// much as the way to that server: the caller answers for it being this host's own, or one that can be trusted.
// Pure: bytes in, limited records out.
#pragma once

#include "net/dns_message.hpp"

namespace genkan::net::dns {

constexpr std::size_t kMaxTlsa = 32;        // of one host
constexpr std::size_t kMaxTlsaData = 4096;  // a whole certificate in a record (matching type 0)

// Whether the server vouches for the answer, be it that there is nothing. TLSA records (RFC 6698 2.1) are taken from
// the answer for Type::tlsa; those that are malformed or too long are left out. Errc::unavailable: the server did not
// answer the question (SERVFAIL is also what a false signature looks like). Errc::malformed: a broken message.
Result<SecureAnswer> parse_secure(Bytes message, Type type);

}  // namespace genkan::net::dns
