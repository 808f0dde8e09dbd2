#include "smtp/client/reply.hpp"

#include <cstring>

namespace genkan::smtp {
namespace {

bool is_digit(char c) noexcept { return c >= '0' && c <= '9'; }

// Length of "d.ddd.ddd" at the start, 0 when there is none.
std::size_t status_length(std::string_view text) noexcept {
  std::size_t i = 0;
  for (int part = 0; part < 3; ++part) {
    std::size_t digits = 0;
    while (i < text.size() && is_digit(text[i]) && digits < 3) {
      ++i;
      ++digits;
    }
    if (digits == 0 || (part == 0 && digits != 1)) return 0;
    if (part == 2) break;
    if (i >= text.size() || text[i] != '.') return 0;
    ++i;
  }
  return i == text.size() || text[i] == ' ' ? i : 0;
}

}  // namespace

std::string Reply::text() const {
  auto text = std::to_string(code);
  for (const auto& part : lines) {
    text += ' ';
    for (const char c : part) {
      if (text.size() >= 500) return text;
      const auto u = static_cast<unsigned char>(c);
      text += u < 0x20 || u == 0x7f ? ' ' : c;
    }
  }
  return text;
}

std::string Reply::status() const {
  if (!lines.empty()) {
    const std::string_view first = lines.front();
    const auto size = status_length(first);
    if (size != 0 && first.front() - '0' == code / 100) return std::string(first.substr(0, size));
  }
  return std::to_string(code / 100) + ".0.0";
}

Result<bool> ReplyParser::feed(std::string_view in, std::size_t& used, Reply& out) {
  used = 0;
  while (used < in.size()) {
    const auto rest = in.substr(used);
    const auto* at = std::memchr(rest.data(), '\n', rest.size());
    const auto size = at ? static_cast<std::size_t>(static_cast<const char*>(at) - rest.data()) : rest.size();
    if (partial_.size() + size > kMaxLine) return Errc::too_large;
    used += size;
    if (!at) {
      partial_ += rest;
      return false;
    }
    ++used;
    auto text = rest.substr(0, size);
    std::string joined;
    if (!partial_.empty()) {
      joined = std::move(partial_);
      joined += text;
      text = joined;
      partial_.clear();
    }
    if (!text.empty() && text.back() == '\r') text.remove_suffix(1);
    auto complete = line(text, out);
    if (!complete || *complete) return complete;
  }
  return false;
}

Result<bool> ReplyParser::line(std::string_view text, Reply& out) {
  if (text.size() < 3 || text[0] < '2' || text[0] > '5' || !is_digit(text[1]) || !is_digit(text[2]))
    return Errc::malformed;
  if (text.size() > 3 && text[3] != ' ' && text[3] != '-') return Errc::malformed;
  const int code = (text[0] - '0') * 100 + (text[1] - '0') * 10 + (text[2] - '0');
  if (!out.lines.empty() && code != out.code) return Errc::malformed;
  if (out.lines.size() >= kMaxLines) return Errc::too_large;
  out.code = code;
  out.lines.emplace_back(text.size() > 4 ? text.substr(4) : std::string_view());
  return text.size() == 3 || text[3] == ' ';
}

}  // namespace genkan::smtp
