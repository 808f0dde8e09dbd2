#include "cache/directives.hpp"

#include "base/text.hpp"

namespace genkan::cache {
namespace {

using base::iequals;
using http::FieldId;

constexpr seconds kLongest{1LL << 31};

struct Directive {
  std::string_view name;
  std::optional<std::string_view> value;  // unquoted unless it has escapes, which no known directive needs
};

Directive split_directive(std::string_view element) {
  auto equals = element.find('=');
  if (equals == std::string_view::npos) return {element, std::nullopt};
  auto value = element.substr(equals + 1);
  if (value.size() >= 2 && value.front() == '"' && value.back() == '"') value = value.substr(1, value.size() - 2);
  return {base::trim(element.substr(0, equals)), value};
}

// A lifetime that is there but cannot be read makes the response stale (4.2.1).
void lifetime(const Directive& d, std::optional<seconds>& out) {
  if (out) return;
  out = d.value ? parse_delta_seconds(*d.value).value_or(seconds(0)) : seconds(0);
}

// no-cache="a, b": only these fields. Without an argument, or with an empty one, the directive means all of it.
bool names_fields(const Directive& d, std::vector<std::string>& out) {
  if (!d.value || base::trim(*d.value).empty()) return false;
  base::each_in_list(*d.value, [&](std::string_view name) { out.push_back(base::to_lower(name)); });
  return true;
}

}  // namespace

std::optional<seconds> parse_delta_seconds(std::string_view text) noexcept {
  if (text.empty() || text.find_first_not_of("0123456789") != std::string_view::npos) return std::nullopt;
  auto number = base::parse_uint(text);
  if (!number || *number > static_cast<std::uint64_t>(kLongest.count())) return kLongest;
  return seconds(static_cast<std::int64_t>(*number));
}

RequestDirectives request_directives(const http::Fields& fields) {
  RequestDirectives out;
  if (!fields.has(FieldId::cache_control)) {
    fields.each_element(FieldId::pragma, [&](std::string_view e) { out.no_cache |= iequals(e, "no-cache"); });
    return out;
  }
  fields.each_element(FieldId::cache_control, [&](std::string_view element) {
    auto d = split_directive(element);
    if (iequals(d.name, "no-cache")) {
      out.no_cache = true;
    } else if (iequals(d.name, "no-store")) {
      out.no_store = true;
    } else if (iequals(d.name, "only-if-cached")) {
      out.only_if_cached = true;
    } else if (iequals(d.name, "max-age")) {
      lifetime(d, out.max_age);
    } else if (iequals(d.name, "min-fresh")) {
      if (d.value && !out.min_fresh) out.min_fresh = parse_delta_seconds(*d.value);
    } else if (iequals(d.name, "max-stale") && !out.max_stale) {
      out.max_stale = d.value ? parse_delta_seconds(*d.value) : seconds::max();
    }
  });
  return out;
}

ResponseDirectives response_directives(const http::Fields& fields) {
  ResponseDirectives out;
  fields.each_element(FieldId::cache_control, [&](std::string_view element) {
    auto d = split_directive(element);
    if (iequals(d.name, "no-store")) {
      out.no_store = true;
    } else if (iequals(d.name, "no-cache")) {
      if (!names_fields(d, out.withheld)) out.no_cache = true;
    } else if (iequals(d.name, "private")) {
      if (!names_fields(d, out.withheld)) out.is_private = true;
    } else if (iequals(d.name, "public")) {
      out.is_public = true;
    } else if (iequals(d.name, "max-age")) {
      lifetime(d, out.max_age);
    } else if (iequals(d.name, "s-maxage")) {
      lifetime(d, out.s_maxage);
    } else if (iequals(d.name, "must-revalidate")) {
      out.must_revalidate = true;
    } else if (iequals(d.name, "proxy-revalidate")) {
      out.proxy_revalidate = true;
    } else if (iequals(d.name, "must-understand")) {
      out.must_understand = true;
    } else if (iequals(d.name, "stale-if-error") && d.value && !out.stale_if_error) {
      out.stale_if_error = parse_delta_seconds(*d.value);
    }
  });
  return out;
}

}  // namespace genkan::cache
