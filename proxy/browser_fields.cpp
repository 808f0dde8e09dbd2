#include "proxy/browser_fields.hpp"

#include <algorithm>

#include "base/text.hpp"

namespace genkan::proxy {
namespace {

using http::FieldId;

constexpr std::string_view kAllowOrigin = "Access-Control-Allow-Origin";

std::string listed(const std::vector<std::string>& items) {
  std::string out;
  for (const auto& item : items) (out += out.empty() ? "" : ", ") += item;
  return out;
}

bool one_allows(std::string_view allowed, std::string_view origin) {
  if (allowed == "*") return true;
  const std::size_t star = allowed.find("://*.");
  if (star == std::string_view::npos) return base::iequals(allowed, origin);
  const auto scheme = allowed.substr(0, star + 3), suffix = allowed.substr(star + 4);
  if (origin.size() <= scheme.size() + suffix.size() || !base::istarts_with(origin, scheme)) return false;
  const auto host = origin.substr(scheme.size(), origin.size() - scheme.size() - suffix.size());
  if (host.find_first_of("/@:") != std::string_view::npos) return false;
  return base::iequals(origin.substr(origin.size() - suffix.size()), suffix);
}

}  // namespace

void add_vary(http::Fields& fields, std::string_view name) {
  bool there = false;
  fields.each_element(FieldId::vary, [&](std::string_view item) { there |= item == "*" || base::iequals(item, name); });
  if (there) return;
  std::string all = fields.joined(FieldId::vary);
  if (!all.empty()) all += ", ";
  all += name;
  fields.set(FieldId::vary, all);
}

bool origin_allowed(const std::vector<std::string>& allowed, std::string_view origin) {
  return std::any_of(allowed.begin(), allowed.end(), [&](const std::string& one) { return one_allows(one, origin); });
}

CorsLayer::CorsLayer(HandlerPtr next, conf::RouteCors cors)
    : Layer(std::move(next)),
      cors_(std::move(cors)),
      everybody_(std::find(cors_.origins.begin(), cors_.origins.end(), "*") != cors_.origins.end()),
      methods_(listed(cors_.methods)),
      headers_(listed(cors_.headers)),
      expose_(listed(cors_.expose)),
      max_age_(std::to_string(std::chrono::duration_cast<std::chrono::seconds>(cors_.max_age).count())) {}

// The answer depends on who asks, also where nobody is named.
void CorsLayer::tell(const http::Request& r, http::Fields& fields) const {
  if (everybody_) {
    fields.set(kAllowOrigin, "*");
    return;
  }
  fields.remove(kAllowOrigin);
  add_vary(fields, "Origin");
  const auto origin = r.fields.get(FieldId::origin);
  if (!origin || !origin_allowed(cors_.origins, *origin)) return;
  fields.add(kAllowOrigin, *origin);
  if (cors_.credentials) fields.set("Access-Control-Allow-Credentials", "true");
}

net::Task<Result<http::Response>> CorsLayer::handle(http::Request& r) {
  const bool preflight = r.method == http::Method::options && r.fields.has(FieldId::origin) &&
                         r.fields.get("Access-Control-Request-Method").has_value();
  return preflight ? answer_preflight(r) : answer(r);
}

net::Task<Result<http::Response>> CorsLayer::answer(http::Request& r) {
  auto response = co_await next_->handle(r);
  if (!response) co_return response.error();
  http::Fields& fields = response->head->fields;
  tell(r, fields);
  if (!expose_.empty() && fields.get(kAllowOrigin)) fields.set("Access-Control-Expose-Headers", expose_);
  co_return std::move(response);
}

net::Task<Result<http::Response>> CorsLayer::answer_preflight(http::Request& r) {
  http::Response response = r.reply(204);
  http::Fields& fields = response.head->fields;
  tell(r, fields);
  if (fields.get(kAllowOrigin)) {
    fields.add("Access-Control-Allow-Methods", methods_);
    if (!headers_.empty()) fields.add("Access-Control-Allow-Headers", headers_);
    fields.add("Access-Control-Max-Age", max_age_);
  }
  co_return response;
}

SecurityLayer::SecurityLayer(HandlerPtr next, const conf::RouteSecurity& s) : Layer(std::move(next)) {
  fields_.emplace_back("X-Content-Type-Options", "nosniff");
  if (!s.frame_options.empty()) fields_.emplace_back("X-Frame-Options", s.frame_options);
  if (!s.referrer_policy.empty()) fields_.emplace_back("Referrer-Policy", s.referrer_policy);
  if (!s.content_security_policy.empty()) fields_.emplace_back("Content-Security-Policy", s.content_security_policy);
  if (s.hsts.count() > 0) {
    hsts_ = "max-age=" + std::to_string(std::chrono::duration_cast<std::chrono::seconds>(s.hsts).count());
  }
}

net::Task<Result<http::Response>> SecurityLayer::handle(http::Request& r) {
  auto response = co_await next_->handle(r);
  if (!response) co_return response.error();
  http::Fields& fields = response->head->fields;
  for (const auto& [name, value] : fields_) {
    if (!fields.get(name)) fields.add(name, value);
  }
  if (!hsts_.empty() && r.scheme == "https" && !fields.get("Strict-Transport-Security")) {
    fields.add("Strict-Transport-Security", hsts_);
  }
  co_return std::move(response);
}

}  // namespace genkan::proxy
