#include "smtp/sts/policy.hpp"

#include <algorithm>

#include "base/text.hpp"

namespace genkan::smtp {
namespace {

constexpr std::int64_t kYear = 31'557'600;
constexpr std::size_t kMaxHosts = 100;

Error failed(std::string& why, std::string sentence) {
  why = std::move(sentence);
  return Errc::malformed;
}

bool is_mx(std::string_view name) {
  if (name.starts_with("*.")) name.remove_prefix(2);
  if (name.empty() || name.size() > 253) return false;
  return std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '.';
  });
}

// One line that ends in LF or CRLF.
std::string_view take_line(std::string_view& text) {
  const auto end = text.find('\n');
  auto line = text.substr(0, end);
  text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  if (line.ends_with('\r')) line.remove_suffix(1);
  return line;
}

Result<std::string> unchunked(std::string_view in, std::string& why) {
  std::string out;
  for (;;) {
    const auto end = in.find("\r\n");
    if (end == std::string_view::npos) return failed(why, "the answer ends within a chunk");
    const auto size = base::parse_hex(in.substr(0, std::min(end, in.find(';'))));
    if (!size || *size > kMaxStsPolicy) return failed(why, "a chunk of the answer is malformed");
    in.remove_prefix(end + 2);
    if (*size == 0) return out;
    if (in.size() < *size + 2) return failed(why, "the answer ends within a chunk");
    out.append(in.substr(0, *size));
    in.remove_prefix(*size + 2);
  }
}

}  // namespace

Result<StsPolicy> parse_sts_policy(std::string_view text, std::string& why) {
  if (text.size() > kMaxStsPolicy) return failed(why, "the policy is too long");
  StsPolicy policy;
  bool version = false, mode = false, age = false;
  while (!text.empty()) {
    const auto line = take_line(text);
    const auto colon = line.find(':');
    if (base::trim(line).empty()) continue;
    if (colon == std::string_view::npos) return failed(why, "a line of the policy has no colon");
    const auto key = base::trim(line.substr(0, colon));
    const auto value = base::trim(line.substr(colon + 1));
    if (key == "version" && !version) {
      if (value != "STSv1") return failed(why, "the policy's version is not STSv1");
      version = true;
    } else if (key == "mode" && !mode) {
      mode = true;
      if (value == "enforce") policy.mode = StsPolicy::Mode::enforce;
      if (value == "testing") policy.mode = StsPolicy::Mode::testing;
      if (policy.mode == StsPolicy::Mode::none && value != "none") return failed(why, "the policy's mode is unknown");
    } else if (key == "max_age" && !age) {
      const auto seconds = base::parse_uint(value);
      if (!seconds) return failed(why, "the policy's max_age is no number");
      policy.max_age_s = static_cast<std::int64_t>(std::min<std::uint64_t>(*seconds, kYear));
      age = true;
    } else if (key == "mx" && policy.mx.size() < kMaxHosts) {
      auto host = base::to_lower(value);
      if (host.ends_with('.')) host.pop_back();
      if (!is_mx(host)) return failed(why, "the policy names a host that is none");
      policy.mx.push_back(std::move(host));
    }
  }
  if (!version || !mode || !age) return failed(why, "the policy lacks version, mode or max_age");
  if (policy.mx.empty() && policy.mode != StsPolicy::Mode::none) return failed(why, "the policy names no mx");
  return policy;
}

std::optional<std::string> sts_id(const std::vector<std::string>& records) {
  std::optional<std::string> id;
  bool seen = false;
  for (const auto& record : records) {
    auto fields = base::split(record, ';');
    if (fields.size() < 2 || base::trim(fields.front()) != "v=STSv1") continue;
    if (seen) return std::nullopt;
    seen = true;
    for (std::size_t i = 1; i < fields.size(); ++i) {
      const auto field = base::trim(fields[i]);
      if (!field.starts_with("id=") || id) continue;
      const auto value = field.substr(3);
      const bool good = !value.empty() && value.size() <= 32 && std::all_of(value.begin(), value.end(), [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
      });
      if (good) id = std::string(value);
    }
  }
  return id;
}

bool sts_names(const StsPolicy& policy, std::string_view host) {
  auto name = base::to_lower(host);
  if (name.ends_with('.')) name.pop_back();
  const auto dot = name.find('.');
  return std::any_of(policy.mx.begin(), policy.mx.end(), [&](const std::string& pattern) {
    if (!pattern.starts_with("*.")) return pattern == name;
    return dot != std::string::npos && dot > 0 &&
           std::string_view(name).substr(dot) == std::string_view(pattern).substr(1);
  });
}

Result<std::string> sts_body(std::string_view octets, std::string& why) {
  const auto end = octets.find("\r\n\r\n");
  if (end == std::string_view::npos) return failed(why, "the answer has no complete head");
  auto head = octets.substr(0, end + 2);
  const auto body = octets.substr(end + 4);
  const auto first = take_line(head);
  if (!first.starts_with("HTTP/1.") || first.size() < 12 || first.substr(8, 4) != " 200")
    return failed(why, "the answer is not 200: " + std::string(first.substr(0, 40)));
  bool plain = false, chunked = false;
  std::optional<std::uint64_t> length;
  while (!head.empty()) {
    const auto line = take_line(head);
    const auto colon = line.find(':');
    if (colon == std::string_view::npos) return failed(why, "the answer's head is malformed");
    const auto name = line.substr(0, colon);
    const auto value = base::trim(line.substr(colon + 1));
    const auto type = base::trim(value.substr(0, value.find(';')));
    if (base::iequals(name, "content-type")) plain = base::iequals(type, "text/plain");
    if (base::iequals(name, "transfer-encoding")) chunked = base::iequals(value, "chunked");
    if (base::iequals(name, "content-length")) {
      length = base::parse_uint(value);
      if (!length) return failed(why, "the answer's length is malformed");
    }
  }
  if (!plain) return failed(why, "the answer is not text/plain");
  if (chunked) return unchunked(body, why);
  if (length && body.size() < *length) return failed(why, "the answer is cut short");
  return std::string(length ? body.substr(0, *length) : body);
}

}  // namespace genkan::smtp
