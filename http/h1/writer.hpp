// Writes HTTP/1.1 heads into a fixed buffer (the loop's scratch): kept fields are copied run by run, nothing is
// formatted twice. A field value never holds CR or LF: parsed ones were checked, added ones are cut at the first
// control character.
#pragma once

#include <cstring>
#include <span>
#include <string_view>

#include "http/fields.hpp"

namespace genkan::http::h1 {

class HeadWriter {
 public:
  explicit HeadWriter(std::span<char> buffer) noexcept
      : begin_(buffer.data()), at_(buffer.data()), end_(buffer.data() + buffer.size()) {}

  void put(std::string_view text) noexcept {
    if (text.size() > static_cast<std::size_t>(end_ - at_)) {
      overflow_ = true;
      return;
    }
    if (text.empty()) return;  // its pointer may be null
    std::memcpy(at_, text.data(), text.size());
    at_ += text.size();
  }
  void field(std::string_view name, std::string_view value) noexcept;
  void fields(const Fields& fields, std::uint64_t skip = 0) noexcept;  // those whose Fields::bit is in `skip` left out
  void number(std::uint64_t n) noexcept;
  void end() noexcept { put("\r\n"); }

  bool overflow() const noexcept { return overflow_; }
  std::size_t room() const noexcept { return static_cast<std::size_t>(end_ - at_); }
  std::string_view text() const noexcept { return {begin_, static_cast<std::size_t>(at_ - begin_)}; }

 private:
  char* begin_;
  char* at_;
  char* end_;
  bool overflow_ = false;
};

}  // namespace genkan::http::h1
