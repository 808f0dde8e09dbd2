// Replies of the next hop: octets in, replies out. What the peer sends is hostile: lines and texts are limited,
// anything that is no reply breaks the connection. RFC 5321 4.2.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"

namespace genkan::smtp {

struct Reply {
  int code = 0;
  std::vector<std::string> lines;  // texts without code; never empty when complete

  bool positive() const noexcept { return code >= 200 && code < 300; }
  bool transient() const noexcept { return code >= 400 && code < 500; }
  bool permanent() const noexcept { return code >= 500; }
  std::string text() const;  // "550 5.1.1 no such user", lines joined by spaces, at most 500 octets
  // The enhanced status code at the start of the text that agrees with the code (RFC 2034), or the general one:
  // "5.0.0".
  std::string status() const;
};

class ReplyParser {
 public:
  static constexpr std::size_t kMaxLine = 2048, kMaxLines = 128;

  // Takes octets up to the end of one reply. `used` is how many; true when `out` is complete.
  Result<bool> feed(std::string_view in, std::size_t& used, Reply& out);
  bool inside() const noexcept { return !partial_.empty(); }  // the begin of a line was taken

 private:
  Result<bool> line(std::string_view text, Reply& out);
  std::string partial_;
};

}  // namespace genkan::smtp
