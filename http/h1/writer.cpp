#include "http/h1/writer.hpp"

#include <algorithm>
#include <charconv>

namespace genkan::http::h1 {

void HeadWriter::field(std::string_view name, std::string_view value) noexcept {
  const auto bad = std::find_if(value.begin(), value.end(), [](char c) { return c == '\r' || c == '\n' || c == '\0'; });
  value = value.substr(0, static_cast<std::size_t>(bad - value.begin()));
  if (name.size() + value.size() + 4 > room()) {
    overflow_ = true;
    return;
  }
  std::memcpy(at_, name.data(), name.size());
  at_ += name.size();
  *at_++ = ':';
  *at_++ = ' ';
  if (!value.empty()) std::memcpy(at_, value.data(), value.size());
  at_ += value.size();
  *at_++ = '\r';
  *at_++ = '\n';
}

void HeadWriter::fields(const Fields& all, std::uint64_t skip) noexcept {
  all.each_run(skip, [this](std::string_view text) { put(text); });
}

void HeadWriter::number(std::uint64_t n) noexcept {
  char digits[24];
  const auto end = std::to_chars(digits, digits + sizeof digits, n).ptr;
  put({digits, static_cast<std::size_t>(end - digits)});
}

}  // namespace genkan::http::h1
