#include "cache/status_field.hpp"

#include <algorithm>

#include "base/text.hpp"

namespace genkan::cache {
namespace {

// RFC 8941 3.3.4.
bool is_token(std::string_view text) {
  auto alpha = [](char c) { return base::lower(c) >= 'a' && base::lower(c) <= 'z'; };
  if (text.empty() || !(alpha(text.front()) || text.front() == '*')) return false;
  return std::all_of(text.begin(), text.end(), [&](char c) {
    return alpha(c) || (c >= '0' && c <= '9') ||
           std::string_view("!#$%&'*+-.^_`|~:/").find(c) != std::string_view::npos;
  });
}

}  // namespace

std::string_view forward_name(Forward forward) noexcept {
  switch (forward) {
    case Forward::none:
      return "";
    case Forward::bypass:
      return "bypass";
    case Forward::method:
      return "method";
    case Forward::uri_miss:
      return "uri-miss";
    case Forward::vary_miss:
      return "vary-miss";
    case Forward::request:
      return "request";
    case Forward::stale:
      return "stale";
  }
  return "";
}

std::string cache_status_text(std::string_view name, const CacheStatus& status) {
  std::string out;
  if (is_token(name)) {
    out = name;
  } else {
    out = "\"";
    for (char c : name) {
      if (c < 0x20 || c > 0x7e) continue;  // a structured string is printable ASCII
      if (c == '"' || c == '\\') out += '\\';
      out += c;
    }
    out += '"';
  }
  if (status.hit) out += "; hit";
  if (status.forward != Forward::none) {
    out += "; fwd=";
    out += forward_name(status.forward);
  }
  if (status.forward_status != 0) out += "; fwd-status=" + std::to_string(status.forward_status);
  if (status.ttl) out += "; ttl=" + std::to_string(status.ttl->count());
  if (status.stored) out += "; stored";
  if (status.collapsed) out += "; collapsed";
  if (!status.detail.empty()) {
    out += "; detail=";
    out += status.detail;
  }
  return out;
}

}  // namespace genkan::cache
