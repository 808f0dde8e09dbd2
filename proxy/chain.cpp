#include "proxy/chain.hpp"

#include <algorithm>

#include "base/file.hpp"
#include "proxy/access.hpp"
#include "proxy/auth_request.hpp"
#include "proxy/basic_auth.hpp"
#include "proxy/body_limit.hpp"
#include "proxy/browser_fields.hpp"
#include "proxy/compress.hpp"
#include "proxy/error_pages.hpp"
#include "proxy/fixed.hpp"
#include "proxy/mirror.hpp"
#include "proxy/rewrite.hpp"
#include "proxy/split.hpp"
#include "proxy/static_files.hpp"

namespace genkan::proxy {

HandlerPtr ChainBuilder::pool(const std::string& name, const std::string& host) {
  auto& made = pools_[{name, host}];
  if (made) return made;
  const conf::Pool& pool = *conf_.find_pool(name);
  if (!pool.webmail) {
    made = parts_.forward(pool, host);
  } else {
    made = parts_.webmail;
    if (!made) made = std::make_shared<FixedAnswer>(503, "Webmail is switched off ([webmail] enabled).\n");
  }
  return made;
}

HandlerPtr ChainBuilder::pool_with_split(const conf::Route& route) {
  HandlerPtr rest = pool(route.pool, route.host_to_backend);
  if (route.splits.empty()) return rest;
  std::vector<HandlerPtr> parts;
  for (const auto& split : route.splits) parts.push_back(pool(split.pool, route.host_to_backend));
  return std::make_shared<Split>(route, std::move(parts), std::move(rest));
}

HandlerPtr ChainBuilder::action(const conf::Route& route) {
  const int status = static_cast<int>(route.status);
  if (!route.redirect.empty()) return std::make_shared<Redirect>(route.redirect, status ? status : 302);
  if (!route.root.empty()) {
    StaticFiles::Options options{route.root, route.path_prefix, route.index, {}};
    for (const auto& text : route.try_files) options.try_files.emplace_back(text);
    return std::make_shared<StaticFiles>(std::move(options), parts_.files);
  }
  if (!route.pool.empty()) return pool_with_split(route);
  return std::make_shared<FixedAnswer>(status ? status : 200, route.body);
}

HandlerPtr ChainBuilder::inner_layers(const conf::Route& route, HandlerPtr handler) {
  const bool webmail = !route.pool.empty() && conf_.find_pool(route.pool)->webmail;
  if (route.cache && !webmail) {
    handler =
        std::make_shared<cache::CacheHandler>(parts_.cache, std::move(handler), conf_.cache, conf_.http.server_name);
  }
  if (RewriteLayer::wanted(route)) handler = std::make_shared<RewriteLayer>(std::move(handler), route);
  if (!route.mirror.pool.empty() && route.mirror.share > 0) {
    handler = std::make_shared<MirrorLayer>(std::move(handler), pool(route.mirror.pool, route.host_to_backend),
                                            route.mirror, parts_.telemetry);
  }
  return handler;
}

Result<HandlerPtr> ChainBuilder::response_layers(const conf::Route& route, HandlerPtr handler, std::string& why) {
  if (!route.error_pages.empty()) {
    auto pages = read_error_pages(route.error_pages, why);
    if (!pages) return pages.error();
    handler = std::make_shared<ErrorPageLayer>(std::move(handler), std::move(*pages), route.error_pages_for_backend);
  }
  if (!route.response.set.empty() || !route.response.add.empty() || !route.response.remove.empty()) {
    handler = std::make_shared<ResponseFieldsLayer>(std::move(handler), route.response);
  }
  if (conf_.compression.enabled && route.compress) {
    handler = std::make_shared<CompressLayer>(std::move(handler), conf_.compression);
  }
  if (route.max_body || route.max_response_body) {
    handler = std::make_shared<BodyLimitLayer>(std::move(handler), route.max_body, route.max_response_body);
  }
  return handler;
}

Result<HandlerPtr> ChainBuilder::access_layers(const conf::Route& route, HandlerPtr handler, std::string& why) {
  if (!route.auth.pool.empty()) {
    handler = std::make_shared<AuthRequestLayer>(std::move(handler), pool(route.auth.pool, route.host_to_backend),
                                                 route.auth, parts_.telemetry);
  }
  if (!route.basic.file.empty()) {
    const auto text = base::read_file(route.basic.file);
    if (!text) {
      why = "[route.basic] file: cannot read " + route.basic.file + ": " + text.error().message();
      return text.error();
    }
    auto users = parse_passwords(*text, why);
    if (!users) {
      why = "[route.basic] file: " + route.basic.file + ": " + why;
      return users.error();
    }
    handler = std::make_shared<BasicAuthLayer>(std::move(handler), route.basic.realm, std::move(*users), parts_.files);
  }
  if (route.security.enabled) handler = std::make_shared<SecurityLayer>(std::move(handler), route.security);
  if (!route.cors.origins.empty()) handler = std::make_shared<CorsLayer>(std::move(handler), route.cors);
  if (!route.allow_certificates.empty()) {
    std::vector<base::Pattern> patterns;
    for (const auto& text : route.allow_certificates) {
      auto pattern = base::Pattern::compile(text, why);
      if (!pattern) return pattern.error();
      patterns.push_back(std::move(*pattern));
    }
    handler = std::make_shared<CertificateLayer>(std::move(handler), std::move(patterns));
  }
  if (!route.allow.empty() || !route.deny.empty()) handler = std::make_shared<AddressLayer>(std::move(handler), route);
  return handler;
}

HandlerPtr ChainBuilder::limit_layer(const conf::Route& route, HandlerPtr handler) {
  std::vector<std::string> names = conf_.http.limits;
  for (const auto& name : route.limits) {
    if (std::find(names.begin(), names.end(), name) == names.end()) names.push_back(name);
  }
  std::vector<LimitUse> uses;
  for (const auto& name : names) {
    const auto limit =
        std::find_if(conf_.limits.begin(), conf_.limits.end(), [&](const conf::Limit& l) { return l.name == name; });
    if (limit != conf_.limits.end()) uses.push_back(parts_.limits.use(*limit));
  }
  if (uses.empty()) return handler;
  return std::make_shared<LimitLayer>(std::move(handler), std::move(uses));
}

Result<HandlerPtr> ChainBuilder::make(const conf::Route& route, std::string& why) {
  auto handler = response_layers(route, inner_layers(route, action(route)), why);
  if (handler) handler = access_layers(route, std::move(*handler), why);
  if (!handler) {
    why += " (the route " + route.name + ")";
    return handler.error();
  }
  HandlerPtr out = limit_layer(route, std::move(*handler));
  if (route.maintenance) out = std::make_shared<MaintenanceLayer>(std::move(out), route);
  return out;
}

}  // namespace genkan::proxy
