// What can be said of a client's certificate: in fields for backends ([tls] client_fields), in {placeholders} and in
// the access log. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "base/result.hpp"

namespace genkan::conf {

enum class ClientFact : std::uint8_t {
  verified,     // SUCCESS or NONE, as others put it
  subject,      // RFC 2253: "CN=ann,O=Example"
  issuer,       //
  serial,       // hexadecimal, capitals
  fingerprint,  // SHA-256 of the certificate, hexadecimal
  san,          // subjectAltName: "DNS:a.example, email:ann@example.org"
  not_after,    // 2030-01-31T12:00:00Z
  certificate,  // RFC 9440 2.2: ":MIIB...:"
};

std::optional<ClientFact> client_fact(std::string_view name) noexcept;
// Names of placeholders and items of the log: "client_issuer"; the subject is "client_certificate".
std::optional<ClientFact> client_fact_item(std::string_view name) noexcept;

// "X-Client-Cert-Subject: subject". Errc::malformed: no field name, or no such fact.
struct ClientField {
  std::string_view name;
  ClientFact fact = ClientFact::subject;
};
Result<ClientField> parse_client_field(std::string_view rule);

}  // namespace genkan::conf
