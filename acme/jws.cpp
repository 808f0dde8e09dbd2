#include "acme/jws.hpp"

#include "base/crypto.hpp"
#include "base/text.hpp"

namespace genkan::acme {
namespace {

std::string_view view(const base::Sha256& digest) {
  return {reinterpret_cast<const char*>(digest.data()), digest.size()};
}

std::string flattened(const std::string& head, const std::string& payload, std::string_view signature) {
  return R"({"protected":")" + head + R"(","payload":")" + payload + R"(","signature":")" + base::base64url(signature) +
         "\"}";
}

}  // namespace

std::string jwk_of(const base::EcKey& key) {
  const auto point = key.point();
  return R"({"crv":"P-256","kty":"EC","x":")" + base::base64url(point.x) + R"(","y":")" + base::base64url(point.y) +
         "\"}";
}

std::string thumbprint_of(const base::EcKey& key) { return base::base64url(view(base::sha256(jwk_of(key)))); }

std::string sign(const base::EcKey& key, const Envelope& envelope, std::string_view payload) {
  const std::string who =
      envelope.account.empty() ? R"("jwk":)" + jwk_of(key) : R"("kid":)" + base::json_quote(envelope.account);
  const std::string head =
      base::base64url(R"({"alg":"ES256",)" + who + R"(,"nonce":)" + base::json_quote(envelope.nonce) + R"(,"url":)" +
                      base::json_quote(envelope.url) + "}");
  const std::string body = base::base64url(payload);
  return flattened(head, body, key.sign(head + "." + body));
}

std::string bind_external(const base::EcKey& key, std::string_view new_account_url, std::string_view key_id,
                          std::string_view mac_key) {
  const std::string head = base::base64url(R"({"alg":"HS256","kid":)" + base::json_quote(key_id) + R"(,"url":)" +
                                           base::json_quote(new_account_url) + "}");
  const std::string body = base::base64url(jwk_of(key));
  return flattened(head, body, view(base::hmac_sha256(mac_key, head + "." + body)));
}

}  // namespace genkan::acme
