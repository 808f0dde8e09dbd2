#include "cache/key.hpp"

#include <algorithm>

#include "base/text.hpp"
#include "http/target.hpp"

namespace genkan::cache {
namespace {

constexpr char kSeparator = '|';  // neither a scheme nor an authority has one

std::string_view default_port(std::string_view scheme) { return scheme == "https" ? "443" : "80"; }

void append_list(std::string& out, std::string_view value, bool fold, bool sort) {
  std::vector<std::string> parts;
  base::each_in_list(value, [&](std::string_view part) {
    std::string text = fold ? base::to_lower(part) : std::string(part);
    std::erase_if(text, [](char c) { return c == ' ' || c == '\t'; });
    parts.push_back(std::move(text));
  });
  if (sort) std::sort(parts.begin(), parts.end());
  for (const auto& part : parts) {
    out += part;
    out += ',';
  }
}

}  // namespace

std::string url_key(std::string_view scheme, std::string_view authority, std::string_view path, bool has_query,
                    std::string_view query) {
  std::string key = base::to_lower(scheme);
  key += kSeparator;
  if (auto parsed = http::parse_authority(authority)) {
    key += base::to_lower(parsed->host);
    if (!parsed->port.empty() && parsed->port != default_port(scheme)) {
      key += ':';
      key += parsed->port;
    }
  } else {
    key += base::to_lower(authority);
  }
  key += kSeparator;
  key += path;
  if (has_query) {
    key += '?';
    key += query;
  }
  return key;
}

std::string url_key(const http::Request& r) { return url_key(r.scheme, r.authority, r.path, r.has_query, r.query); }

Result<std::string> url_key_of(std::string_view url) {
  auto target = http::split_target(url);
  if (!target || target->form != http::TargetForm::absolute) return Errc::malformed;
  if (!base::iequals(target->scheme, "http") && !base::iequals(target->scheme, "https")) return Errc::malformed;
  if (!http::parse_authority(target->authority)) return Errc::malformed;
  std::string store;
  auto path = http::normalise_path(target->path, store);
  if (!path) return path.error();
  return url_key(base::to_lower(target->scheme), target->authority, *path, target->has_query, target->query);
}

std::string related_key(const http::Request& request, std::string_view reference) {
  reference = reference.substr(0, reference.find('#'));
  if (reference.empty()) return {};
  const auto origin = url_key(request.scheme, request.authority, "", false, "");
  if (reference.starts_with('/') && !reference.starts_with("//")) {
    auto full = std::string(request.scheme) + "://" + std::string(request.authority) + std::string(reference);
    auto key = url_key_of(full);
    return key ? *key : std::string();
  }
  auto key = url_key_of(reference);
  if (!key) return {};
  // Another origin's URL must not be invalidated by this one (denial of service).
  return key->starts_with(origin) ? *key : std::string();
}

std::string other_scheme(std::string_view key) {
  if (key.starts_with("https|")) return "http" + std::string(key.substr(5));
  if (key.starts_with("http|")) return "https" + std::string(key.substr(4));
  return std::string(key);
}

std::vector<std::string> vary_names(const http::Fields& response) {
  std::vector<std::string> names;
  response.each_element(http::FieldId::vary, [&](std::string_view name) { names.push_back(base::to_lower(name)); });
  std::sort(names.begin(), names.end());
  names.erase(std::unique(names.begin(), names.end()), names.end());
  return names;
}

std::string vary_key(const std::vector<std::string>& names, const http::Fields& request) {
  std::string key;
  for (const auto& name : names) {
    auto value = request.joined(name);
    bool encoding = name == "accept-encoding";
    // Absent differs from empty.
    key += request.get(name) ? '+' : '-';
    if (name == "cookie" || name == "user-agent") {
      key += value;
    } else {
      append_list(key, value, encoding || name == "accept-language", encoding);
    }
    key += '\n';
  }
  return key;
}

}  // namespace genkan::cache
