// Signed requests to a CA: JWS in its flattened JSON form (RFC 7515 7.2.2, RFC 8555 6.2) with ES256, the key as a JWK
// (RFC 7517) and its thumbprint (RFC 7638), external account binding with HS256 (RFC 8555 7.3.4). Pure.
#pragma once

#include <string>
#include <string_view>

#include "base/crypto_ec_key.hpp"

namespace genkan::acme {

// {"crv":"P-256","kty":"EC","x":"...","y":"..."}: the members in the order that the thumbprint wants.
std::string jwk_of(const base::EcKey& key);
std::string thumbprint_of(const base::EcKey& key);

struct Envelope {
  std::string url, nonce;
  std::string account;  // the account's URL ("kid"); empty: the key itself goes along ("jwk")
};
std::string sign(const base::EcKey& key, const Envelope& envelope, std::string_view payload);

// The value of "externalAccountBinding". `mac_key` is raw.
std::string bind_external(const base::EcKey& key, std::string_view new_account_url, std::string_view key_id,
                          std::string_view mac_key);

// RFC 8555 8.1.
inline std::string key_authorization(std::string_view token, std::string_view thumbprint) {
  return std::string(token) + "." + std::string(thumbprint);
}

}  // namespace genkan::acme
