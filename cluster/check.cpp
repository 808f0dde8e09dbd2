#include "cluster/check.hpp"

#include <algorithm>

#include "base/text.hpp"
#include "base/version.hpp"

namespace genkan::cluster {

std::optional<Expect> Expect::parse(std::string_view text) {
  Expect out;
  for (auto part : base::split(text, ',')) {
    part = base::trim(part);
    const auto dash = part.find('-');
    const auto low = base::parse_uint(base::trim(part.substr(0, dash)));
    const auto high = dash == std::string_view::npos ? low : base::parse_uint(base::trim(part.substr(dash + 1)));
    if (!low || !high || *low < 100 || *high > 599 || *low > *high || out.ranges_.size() >= 32) return std::nullopt;
    out.ranges_.emplace_back(static_cast<unsigned>(*low), static_cast<unsigned>(*high));
  }
  return out;
}

bool Expect::contains(unsigned status) const noexcept {
  return std::any_of(ranges_.begin(), ranges_.end(),
                     [status](const auto& r) { return status >= r.first && status <= r.second; });
}

std::string check_request(const conf::Health& health, std::string_view address) {
  const auto host = !health.host.empty()           ? std::string_view(health.host)
                    : address.starts_with("unix:") ? std::string_view("localhost")
                                                   : address;
  std::string out = "GET ";
  out += health.path.empty() ? std::string_view("/") : std::string_view(health.path);
  out += " HTTP/1.1\r\nHost: ";
  out += host;
  out += "\r\nUser-Agent: genkan-check/";
  out += base::kVersion;
  out += "\r\nAccept: */*\r\nConnection: close\r\n\r\n";
  return out;
}

std::optional<int> status_of(std::string_view head) noexcept {
  constexpr std::string_view kStart = "HTTP/1.";
  const auto common = std::min(head.size(), kStart.size());
  if (head.substr(0, common) != kStart.substr(0, common)) return -1;
  const auto end = head.find('\n');
  if (end == std::string_view::npos) return head.size() < kMaxStatusLine ? std::optional<int>{} : -1;
  // HTTP/1.x SP 3DIGIT SP [reason]
  const auto line = head.substr(0, end);
  if (line.size() < 12 || line[7] < '0' || line[7] > '9' || line[8] != ' ') return -1;
  if (line.size() > 12 && line[12] != ' ' && line[12] != '\r') return -1;
  const auto status = base::parse_uint(line.substr(9, 3));
  return status && *status >= 100 && *status <= 599 ? static_cast<int>(*status) : -1;
}

}  // namespace genkan::cluster
