#include "proxy/encoding.hpp"

#include <algorithm>
#include <array>
#include <optional>

#include "base/text.hpp"

namespace genkan::proxy {
namespace {

using http::FieldId;

// "0.8" in thousandths (RFC 9110 12.4.2); nothing when it is no weight.
std::optional<int> weight(std::string_view text) {
  if (text.empty() || text.size() > 5 || (text[0] != '0' && text[0] != '1')) return std::nullopt;
  int value = (text[0] - '0') * 1000, unit = 100;
  if (text.size() == 1) return value;
  if (text[1] != '.') return std::nullopt;
  for (const char c : text.substr(2)) {
    if (c < '0' || c > '9') return std::nullopt;
    value += (c - '0') * unit;
    unit /= 10;
  }
  return value <= 1000 ? std::optional<int>(value) : std::nullopt;
}

int weight_of(std::string_view parameters) {
  for (auto part : base::split(parameters, ';')) {
    part = base::trim(part);
    if (part.size() > 2 && base::lower(part[0]) == 'q' && part[1] == '=') return weight(part.substr(2)).value_or(0);
  }
  return 1000;
}

// What a page, a document of an interface or a plain text is: the kinds that show a visitor's own things.
bool personal_type(std::string_view type) noexcept {
  for (const std::string_view pattern :
       {"text/html", "text/plain", "text/xml", "application/json", "application/xml", "*+json", "*+xml"}) {
    if (type_matches(pattern, type)) return !type_matches("image/svg+xml", type);
  }
  return false;
}

}  // namespace

std::string_view coding_name(Coding coding) noexcept {
  constexpr std::array<std::string_view, 4> kNames{"identity", "gzip", "br", "zstd"};
  return kNames[static_cast<std::size_t>(coding)];
}

Coding negotiate(std::string_view accept, const std::vector<Coding>& ours) {
  std::array<int, 4> q{-1, -1, -1, -1};  // -1: not named
  int others = 0;
  base::each_in_list(accept, [&](std::string_view item) {
    const std::size_t semicolon = std::min(item.find(';'), item.size());
    const auto name = base::trim(item.substr(0, semicolon));
    const int value = weight_of(item.substr(std::min(semicolon + 1, item.size())));
    if (name == "*") others = value;
    for (std::size_t i = 0; i < q.size(); ++i) {
      const auto known = coding_name(static_cast<Coding>(i));
      if (base::iequals(name, known) || (known == "gzip" && base::iequals(name, "x-gzip"))) q[i] = value;
    }
  });
  Coding best = Coding::identity;
  int best_q = 0;
  for (const Coding coding : ours) {
    const int named = q[static_cast<std::size_t>(coding)];
    const int value = named < 0 ? others : named;
    if (value > best_q) best = coding, best_q = value;
  }
  // Who prefers it plain gets it plain.
  return q[0] > best_q ? Coding::identity : best;
}

bool type_matches(std::string_view pattern, std::string_view type) noexcept {
  type = base::trim(type.substr(0, std::min(type.find(';'), type.size())));
  const std::size_t star = pattern.find('*');
  if (star == std::string_view::npos) return base::iequals(pattern, type);
  const auto head = pattern.substr(0, star), tail = pattern.substr(star + 1);
  return type.size() >= head.size() + tail.size() && base::iequals(type.substr(0, head.size()), head) &&
         base::iequals(type.substr(type.size() - tail.size()), tail);
}

bool may_hold_secrets(const http::Fields& request, const http::ResponseHead& head) {
  bool is_public = false, is_private = head.fields.has(FieldId::set_cookie);
  head.fields.each_element(FieldId::cache_control, [&](std::string_view item) {
    is_public = is_public || base::iequals(item, "public") || base::istarts_with(item, "s-maxage");
    is_private = is_private || base::istarts_with(item, "private") || base::iequals(item, "no-store");
  });
  if (is_private) return true;
  if (is_public) return false;
  if (!request.has(FieldId::authorization) && !request.has(FieldId::cookie)) return false;
  return personal_type(head.fields.get(FieldId::content_type).value_or(""));
}

}  // namespace genkan::proxy
