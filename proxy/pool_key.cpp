#include "proxy/pool_key.hpp"

#include "cluster/spread.hpp"
#include "http/lookup.hpp"

namespace genkan::proxy {

std::optional<PoolKey> PoolKey::parse(std::string_view text) {
  if (text == "client") return PoolKey(What::client, "");
  if (text == "path") return PoolKey(What::path, "");
  if (text == "uri") return PoolKey(What::uri, "");
  const std::size_t colon = text.find(':');
  if (colon == std::string_view::npos || colon + 1 == text.size()) return std::nullopt;
  const std::string_view kind = text.substr(0, colon);
  std::string name(text.substr(colon + 1));
  if (kind == "header") return PoolKey(What::header, std::move(name));
  if (kind == "cookie") return PoolKey(What::cookie, std::move(name));
  if (kind == "query") return PoolKey(What::query, std::move(name));
  return std::nullopt;
}

std::uint64_t PoolKey::of(const http::Request& r) const {
  std::optional<std::string_view> text;
  std::string decoded;
  switch (what_) {
    case What::client:
      break;
    case What::path:
      text = r.path;
      break;
    case What::uri:
      return cluster::stable_hash(r.query, cluster::stable_hash(r.path));
    case What::header:
      text = r.fields.get(name_);
      break;
    case What::cookie:
      text = http::cookie_value(r.fields, name_);
      break;
    case What::query:
      text = http::query_value(r.query, name_, decoded);
      break;
  }
  return cluster::stable_hash(text && !text->empty() ? *text : r.client_text);
}

}  // namespace genkan::proxy
