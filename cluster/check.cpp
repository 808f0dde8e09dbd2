#include "cluster/check.hpp"

#include <algorithm>
#include <array>

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

Duration next_check_in(const conf::Health& health, Random& random) noexcept {
  const auto interval = std::max<Duration>(health.interval, 10ms);
  const std::uint32_t jitter = health.jitter;
  return interval * (1000 - 10 * jitter + random.below(20 * jitter + 1)) / 1000;
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

namespace {

// RFC 9112 7.1, as far as it goes: a broken end gives what was there before it.
std::string unchunked(std::string_view text, std::size_t limit) {
  std::string out;
  while (out.size() < limit) {
    const auto end = text.find("\r\n");
    if (end == std::string_view::npos) break;
    const std::string_view line = text.substr(0, end);
    const auto size = base::parse_hex(base::trim(line.substr(0, line.find(';'))));
    if (!size || *size == 0) break;
    text.remove_prefix(end + 2);
    out += text.substr(0, std::min<std::uint64_t>(*size, limit - out.size()));
    if (*size > text.size() || text.size() - *size < 2) break;
    text.remove_prefix(*size + 2);
  }
  return out;
}

// A varint of protocol buffers at the front of `text`.
std::optional<std::uint64_t> take_varint(std::string_view& text) noexcept {
  std::uint64_t value = 0;
  for (unsigned shift = 0; shift < 64 && !text.empty(); shift += 7) {
    const auto byte = static_cast<unsigned char>(text.front());
    text.remove_prefix(1);
    value |= std::uint64_t{byte & 127u} << shift;
    if (byte < 128) return value;
  }
  return std::nullopt;
}

void put_varint(std::string& out, std::uint64_t value) {
  for (; value > 127; value >>= 7) out += static_cast<char>(value | 128);
  out += static_cast<char>(value);
}

}  // namespace

std::string content_of(std::string_view response, std::size_t limit) {
  const auto end = response.find("\r\n\r\n");
  if (end == std::string_view::npos) return {};
  const std::string_view content = response.substr(end + 4);
  bool chunked = false;
  for (std::string_view line : base::split(response.substr(0, end), '\n')) {
    if (line.ends_with('\r')) line.remove_suffix(1);
    const auto colon = line.find(':');
    if (colon == std::string_view::npos || !base::iequals(line.substr(0, colon), "transfer-encoding")) continue;
    chunked = base::iequals(base::trim(line.substr(colon + 1)), "chunked");
  }
  return chunked ? unchunked(content, limit) : std::string(content.substr(0, limit));
}

// message HealthCheckRequest { string service = 1; }
std::string grpc_question(std::string_view service) {
  std::string message;
  if (!service.empty()) {
    message += '\x0a';
    put_varint(message, service.size());
    message += service;
  }
  std::string out(1, '\0');  // not compressed
  for (int shift = 24; shift >= 0; shift -= 8) out += static_cast<char>(message.size() >> shift);
  return out + message;
}

// message HealthCheckResponse { ServingStatus status = 1; }; a field with its default value may be left out.
Serving grpc_answer(std::string_view content) noexcept {
  if (content.size() < 5 || content[0] != 0) return Serving::malformed;
  std::uint32_t size = 0;
  for (int i = 1; i < 5; ++i) size = size << 8 | static_cast<unsigned char>(content[static_cast<std::size_t>(i)]);
  content.remove_prefix(5);
  if (size > content.size()) return Serving::malformed;
  content = content.substr(0, size);
  std::uint64_t status = 0;
  while (!content.empty()) {
    const auto key = take_varint(content);
    if (!key) return Serving::malformed;
    if ((*key & 7) == 0) {
      const auto value = take_varint(content);
      if (!value) return Serving::malformed;
      if (*key >> 3 == 1) status = *value;
    } else if ((*key & 7) == 2) {
      const auto length = take_varint(content);
      if (!length || *length > content.size()) return Serving::malformed;
      content.remove_prefix(*length);
    } else {
      return Serving::malformed;  // a later version would not use other kinds for less
    }
  }
  return status <= 3 ? static_cast<Serving>(status) : Serving::unknown;
}

std::string_view name_of(Serving serving) noexcept {
  static constexpr std::array<std::string_view, 5> kNames{"UNKNOWN", "SERVING", "NOT_SERVING", "SERVICE_UNKNOWN",
                                                          "no answer of the health service"};
  return kNames[static_cast<std::size_t>(serving)];
}

}  // namespace genkan::cluster
