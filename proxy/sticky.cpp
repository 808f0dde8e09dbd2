#include "proxy/sticky.hpp"

#include "base/crypto.hpp"
#include "base/text.hpp"
#include "http/lookup.hpp"

namespace genkan::proxy {
namespace {

constexpr std::size_t kTokenBytes = 12;

std::string token_of(std::string_view key, const cluster::Backend& backend) {
  const std::string text = "genkan sticky\n" + backend.pool() + "\n" + backend.name();
  const auto mac = base::hmac_sha256(key, text);
  return base::base64url({reinterpret_cast<const char*>(mac.data()), kTokenBytes});
}

}  // namespace

Sticky::Sticky(const cluster::Pool& pool, std::string cookie, std::string_view key, std::chrono::milliseconds max_age)
    : cookie_(std::move(cookie)), attributes_("; Path=/; HttpOnly; SameSite=Lax") {
  if (max_age.count() > 0) attributes_ += "; Max-Age=" + std::to_string(max_age.count() / 1000);
  for (const auto& backend : pool.backends()) {
    std::string token = token_of(key, *backend);
    by_token_.emplace(token, backend.get());
    tokens_.emplace(backend.get(), std::move(token));
  }
}

cluster::Backend* Sticky::find(const http::Request& request) const {
  const auto token = http::cookie_value(request.fields, cookie_);
  if (!token) return nullptr;
  const auto found = by_token_.find(*token);
  return found == by_token_.end() ? nullptr : found->second;
}

void Sticky::mark(const http::Request& request, const cluster::Backend& backend, http::ResponseHead& head) const {
  const auto token = tokens_.find(&backend);
  if (token == tokens_.end()) return;
  const auto has = http::cookie_value(request.fields, cookie_);
  if (has && *has == token->second) return;
  std::string cookie = cookie_ + "=" + token->second + attributes_;
  if (request.scheme == "https") cookie += "; Secure";
  head.fields.add(http::FieldId::set_cookie, cookie);
}

}  // namespace genkan::proxy
