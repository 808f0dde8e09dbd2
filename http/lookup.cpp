#include "http/lookup.hpp"

#include "base/pattern.hpp"
#include "base/text.hpp"

namespace genkan::http {
namespace {

base::Pattern must_compile(std::string_view text) {
  std::string why;
  return *base::Pattern::compile(text, why, true);  // constants of ours; a test uses each
}

}  // namespace

std::optional<std::string_view> cookie_value(const Fields& fields, std::string_view name) {
  if (!fields.has(FieldId::cookie)) return std::nullopt;
  for (std::size_t i = 0; i < fields.entries(); ++i) {
    if (fields.id(i) != FieldId::cookie || !fields.live(i)) continue;
    std::string_view rest = fields.value(i);
    while (!rest.empty()) {
      const std::size_t end = std::min(rest.find(';'), rest.size());
      const std::string_view pair = base::trim(rest.substr(0, end));
      rest.remove_prefix(std::min(end + 1, rest.size()));
      if (pair.size() <= name.size() || pair[name.size()] != '=' || !pair.starts_with(name)) continue;
      std::string_view value = pair.substr(name.size() + 1);
      if (value.size() >= 2 && value.front() == '"' && value.back() == '"') value = value.substr(1, value.size() - 2);
      return value;
    }
  }
  return std::nullopt;
}

std::string percent_decoded(std::string_view text, bool form) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '%' && i + 2 < text.size()) {
      if (const auto value = base::parse_hex(text.substr(i + 1, 2))) {
        out += static_cast<char>(*value);
        i += 2;
        continue;
      }
    }
    out += form && text[i] == '+' ? ' ' : text[i];
  }
  return out;
}

std::optional<std::string_view> query_value(std::string_view query, std::string_view name, std::string& store) {
  while (!query.empty()) {
    const std::size_t end = std::min(query.find('&'), query.size());
    const std::string_view pair = query.substr(0, end);
    query.remove_prefix(std::min(end + 1, query.size()));
    const std::size_t equals = std::min(pair.find('='), pair.size());
    const std::string_view key = pair.substr(0, equals);
    const bool plain = key.find_first_of("%+") == std::string_view::npos;
    if (plain ? key != name : percent_decoded(key, true) != name) continue;
    const std::string_view value = pair.substr(std::min(equals + 1, pair.size()));
    if (value.find_first_of("%+") == std::string_view::npos) return value;
    store = percent_decoded(value, true);
    return std::string_view(store);
  }
  return std::nullopt;
}

unsigned agent_class(std::string_view user_agent) {
  static const base::Pattern bot = must_compile(
      "bot\\b|bot[/;:]|crawl|spider|slurp|scrap|monitor|uptime|preview|facebookexternalhit|mediapartners|feedfetcher|"
      "headless|lighthouse|^curl/|^wget|^python|^go-http-client|^java/|^okhttp|^libwww|^perl|^ruby|^php|^axios|^node|"
      "^apache-httpclient|^wrk|^ab/|^nagios|^check_http|\\+https?://");
  static const base::Pattern browser = must_compile("^(mozilla|opera)/");
  static const base::Pattern mobile = must_compile("mobi|android|iphone|ipad|ipod|windows phone|opera mini");
  if (user_agent.empty() || bot.matches(user_agent)) return kBot;
  if (!browser.matches(user_agent)) return mobile.matches(user_agent) ? kMobile : kBot;
  return kBrowser | (mobile.matches(user_agent) ? kMobile : 0u);
}

}  // namespace genkan::http
