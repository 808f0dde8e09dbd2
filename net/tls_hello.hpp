// What a ClientHello's extensions say, as far as the choice of a certificate needs it. Bytes of strangers. Pure.
#pragma once

#include <string>
#include <string_view>

namespace genkan::net {

constexpr std::string_view kChallengeProtocol = "acme-tls/1";  // RFC 8737

// server_name (RFC 6066 3): the host name in lower case. Empty: none. OpenSSL refuses a malformed one later by itself.
std::string hello_name(std::string_view extension);
// application_layer_protocol_negotiation: a client that wants the answer to a challenge offers nothing else.
bool hello_wants_challenge(std::string_view extension) noexcept;
// signature_algorithms (RFC 8446 4.2.3): whether the client can verify ECDSA.
bool hello_knows_ecdsa(std::string_view extension) noexcept;

}  // namespace genkan::net
