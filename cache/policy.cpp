#include "cache/policy.hpp"

#include <algorithm>

#include "base/text.hpp"

namespace genkan::cache {
namespace {

using http::FieldId;
using http::Fields;

constexpr seconds kHeuristicMax = std::chrono::hours(24);
constexpr seconds kLongestLifetime{1LL << 31};  // as of a delta-seconds; nanoseconds of it fit into 64 bits
constexpr seconds kOldest = std::chrono::hours(24 * 365 * 100);

std::optional<WallTime> date_of(const Fields& fields, FieldId id) {
  auto text = fields.get(id);
  return text ? base::parse_http_date(*text) : std::nullopt;
}

// RFC 9110 6.6.1: who receives a message without Date knows when that was.
WallTime date_or(const Fields& fields, WallTime received) { return date_of(fields, FieldId::date).value_or(received); }

// In seconds: the whole range of WallTime does not fit into a difference of nanoseconds.
seconds between(WallTime from, WallTime to) {
  return std::chrono::floor<seconds>(to) - std::chrono::floor<seconds>(from);
}

bool names_one_connection(std::string_view name, FieldId id) {
  switch (id) {
    case FieldId::connection:
    case FieldId::keep_alive:
    case FieldId::proxy_authenticate:
    case FieldId::proxy_authorization:
    case FieldId::proxy_connection:
    case FieldId::te:
    case FieldId::trailer:
    case FieldId::transfer_encoding:
    case FieldId::upgrade:
      return true;
    default:
      return base::iequals(name, "Proxy-Authentication-Info");
  }
}

// Names that must not be kept: listed in Connection, or withheld by a directive. Lower case.
std::vector<std::string> excepted_names(const Fields& fields, const ResponseDirectives& cc) {
  auto names = cc.withheld;
  fields.each_element(FieldId::connection, [&](std::string_view name) { names.push_back(base::to_lower(name)); });
  return names;
}

bool kept(std::string_view name, FieldId id, const std::vector<std::string>& excepted) {
  if (names_one_connection(name, id)) return false;
  if (id == FieldId::set_cookie || id == FieldId::content_length || id == FieldId::age) return false;
  return std::none_of(excepted.begin(), excepted.end(), [&](const auto& e) { return base::iequals(e, name); });
}

bool shared_by_word(const ResponseDirectives& cc) { return cc.is_public || cc.s_maxage; }

}  // namespace

std::string_view storable_name(Storable s) noexcept {
  switch (s) {
    case Storable::yes:
      return "yes";
    case Storable::method:
      return "method";
    case Storable::status:
      return "status";
    case Storable::no_store:
      return "no-store";
    case Storable::is_private:
      return "private";
    case Storable::authorization:
      return "authorization";
    case Storable::vary_any:
      return "vary-any";
    case Storable::set_cookie:
      return "set-cookie";
    case Storable::no_lifetime:
      return "no-lifetime";
    case Storable::useless:
      return "no-validator";
  }
  return "?";
}

bool understood_status(int status) noexcept {
  return status >= 200 && status != 206 && status != 304 && http::reason_phrase(status) != "Unknown";
}

bool heuristically_cacheable(int status) noexcept {
  switch (status) {
    case 200:
    case 203:
    case 204:
    case 300:
    case 301:
    case 308:
    case 404:
    case 405:
    case 410:
    case 414:
    case 501:
      return true;
    default:
      return false;  // 206 too: we keep whole responses only
  }
}

Storable storable(http::Method method, const Fields& request, int status, const Fields& response,
                  const ResponseDirectives& cc, WallTime received) {
  if (method != http::Method::get) return Storable::method;
  if (status < 200 || status == 206 || status == 304) return Storable::status;
  if (cc.must_understand && !understood_status(status)) return Storable::status;
  // 5.2.2.3: a cache that understands the status ignores the no-store that stands beside must-understand.
  if (cc.no_store && !cc.must_understand) return Storable::no_store;
  if (request_directives(request).no_store) return Storable::no_store;
  if (cc.is_private) return Storable::is_private;
  if (request.has(FieldId::authorization) && !cc.must_revalidate && !shared_by_word(cc)) return Storable::authorization;
  bool any = false;
  response.each_element(FieldId::vary, [&](std::string_view name) { any |= name == "*"; });
  if (any) return Storable::vary_any;
  if (response.has(FieldId::set_cookie) && !shared_by_word(cc)) return Storable::set_cookie;
  auto lifetime = freshness_lifetime(status, response, cc, received);
  if (!lifetime.known) return Storable::no_lifetime;
  bool validator = response.has(FieldId::etag) || response.has(FieldId::last_modified);
  bool fresh = lifetime.value > initial_age(response, Duration::zero(), received) && !cc.no_cache;
  if (!fresh && !validator) return Storable::useless;
  return Storable::yes;
}

Fields stored_fields(const Fields& response, const ResponseDirectives& cc, WallTime received) {
  Fields out;
  auto excepted = excepted_names(response, cc);
  response.each([&](std::string_view name, std::string_view value, FieldId id) {
    if (kept(name, id, excepted)) out.add(name, value);
  });
  if (!out.has(FieldId::date)) out.add(FieldId::date, base::http_date(received));
  return out;
}

Fields freshened_fields(const Fields& stored, const Fields& newer, const ResponseDirectives& cc, WallTime received) {
  Fields out = stored;
  auto excepted = excepted_names(newer, cc);
  // The content is kept as it was coded when it was stored, so what describes its coding stays too.
  auto updates = [&](std::string_view name, FieldId id) {
    return kept(name, id, excepted) && id != FieldId::content_encoding && id != FieldId::content_range;
  };
  newer.each([&](std::string_view name, std::string_view, FieldId id) {
    if (updates(name, id)) out.remove(name);
  });
  newer.each([&](std::string_view name, std::string_view value, FieldId id) {
    if (updates(name, id)) out.add(name, value);
  });
  if (!newer.has(FieldId::date)) out.set(FieldId::date, base::http_date(received));
  return out;
}

Lifetime freshness_lifetime(int status, const Fields& response, const ResponseDirectives& cc, WallTime received) {
  if (cc.s_maxage) return {*cc.s_maxage, true, false};
  if (cc.max_age) return {*cc.max_age, true, false};
  if (auto text = response.get(FieldId::expires)) {
    // 5.3: what is not a date, "0" above all, lies in the past.
    auto expires = base::parse_http_date(*text);
    if (!expires) return {seconds(0), true, false};
    return {std::clamp(between(date_or(response, received), *expires), seconds(0), kLongestLifetime), true, false};
  }
  if (!heuristically_cacheable(status) && !cc.is_public) return {};
  auto modified = date_of(response, FieldId::last_modified);
  if (!modified) return {seconds(0), true, true};
  auto tenth = between(*modified, date_or(response, received)) / 10;
  return {std::clamp(tenth, seconds(0), kHeuristicMax), true, true};
}

Duration initial_age(const Fields& response, Duration delay, WallTime received) {
  Duration apparent = std::clamp(between(date_or(response, received), received), seconds(0), kOldest);
  // 5.1: the first of several; what is not a number is ignored.
  Duration age{};
  if (auto text = response.get(FieldId::age)) {
    auto first = base::trim(text->substr(0, text->find(',')));
    age = parse_delta_seconds(first).value_or(seconds(0));
  }
  return std::max(apparent, age + delay);
}

ReusePolicy reuse_policy(const ResponseDirectives& cc, seconds lifetime) {
  ReusePolicy out;
  out.lifetime = lifetime;
  out.always_validate = cc.no_cache;
  out.never_stale = cc.must_revalidate || cc.proxy_revalidate || cc.s_maxage.has_value();
  out.stale_if_error = cc.stale_if_error.value_or(seconds(0));
  return out;
}

Reuse reuse(const ReusePolicy& stored, const RequestDirectives& request, seconds age) noexcept {
  if (stored.always_validate) return Reuse::validate;
  const bool fresh = stored.lifetime > age;
  if (request.no_cache) return fresh ? Reuse::refused : Reuse::validate;
  if (fresh) {
    // 5.2.1.1: max-stale lifts what max-age asks, as far as the response is fresh anyway.
    if (request.max_age && age > *request.max_age && !request.max_stale) return Reuse::refused;
    if (request.min_fresh && stored.lifetime - age < *request.min_fresh) return Reuse::refused;
    return Reuse::fresh;
  }
  if (stored.never_stale || !request.max_stale || request.min_fresh) return Reuse::validate;
  if (request.max_age && age > *request.max_age && *request.max_stale != seconds::max() &&
      age - *request.max_age > *request.max_stale) {
    return Reuse::validate;
  }
  return age - stored.lifetime <= *request.max_stale ? Reuse::stale : Reuse::validate;
}

bool reusable_on_error(const ReusePolicy& stored, seconds age) noexcept {
  if (stored.always_validate || stored.never_stale) return false;
  return age - stored.lifetime <= stored.stale_if_error && stored.stale_if_error > seconds(0);
}

bool invalidates(http::Method method, int status) noexcept {
  return !http::is_safe(method) && method != http::Method::purge && status >= 200 && status < 400;
}

}  // namespace genkan::cache
