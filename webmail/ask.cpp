#include "webmail/ask.hpp"

#include "base/text.hpp"
#include "webmail/jmap/jmap.hpp"
#include "webmail/mime/charset.hpp"

namespace genkan::webmail {

Answer problem(int status, std::string_view detail) {
  return {status, "application/problem+json", jmap::problem_json(status, "about:blank", detail), {}};
}

std::string percent_decode(std::string_view s) {
  std::string out;
  for (std::size_t i = 0; i < s.size(); ++i) {
    const auto value = s[i] == '%' && i + 2 < s.size() ? base::parse_hex(s.substr(i + 1, 2)) : std::nullopt;
    if (value) {
      out += static_cast<char>(*value);
      i += 2;
    } else {
      out += s[i];
    }
  }
  return out;
}

std::string query_value(std::string_view query, std::string_view name) {
  for (const auto part : base::split(query, '&')) {
    const auto equals = part.find('=');
    if (equals != part.npos && part.substr(0, equals) == name) return percent_decode(part.substr(equals + 1));
  }
  return {};
}

std::string_view cookie_value(std::string_view cookies, std::string_view name) {
  for (const auto part : base::split(cookies, ';')) {
    const auto pair = base::trim(part);
    const auto equals = pair.find('=');
    if (equals != pair.npos && pair.substr(0, equals) == name) return pair.substr(equals + 1);
  }
  return {};
}

std::string set_cookie(std::string_view name, std::string_view value, bool secure, std::int64_t max_age) {
  return std::string(name) + "=" + std::string(value) + "; Path=/; HttpOnly; SameSite=Strict" +
         (secure ? "; Secure" : "") + "; Max-Age=" + std::to_string(max_age);
}

std::string_view cross_site(const Ask& ask, bool by_cookie) {
  if (!ask.fetch_site.empty() && ask.fetch_site != "same-origin" && ask.fetch_site != "none") {
    return "requests from other sites are refused";
  }
  if (by_cookie && ask.requested_with.empty()) return "the header X-Requested-With is missing";
  return {};
}

bool is_json(std::string_view content_type) {
  return base::iequals(base::trim(content_type.substr(0, content_type.find(';'))), "application/json");
}

std::string content_disposition(std::string_view kind, std::string_view name) {
  std::string out = std::string(kind) + "; filename*=UTF-8''";
  const auto safe = mime::repair_utf8(name.substr(0, 255));
  for (const char c : safe) {
    const bool plain =
        (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' || c == '-' || c == '_';
    if (plain) {
      out += c;
    } else if (c == '/' || c == '\\') {
      out += '_';
    } else {
      out += '%';
      out += base::hex(std::string_view(&c, 1));
    }
  }
  return out;
}

}  // namespace genkan::webmail
