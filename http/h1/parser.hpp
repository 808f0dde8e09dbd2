// HTTP/1.1 heads (RFC 9112 2-5), strict: a scanner finds the end of the head in linear time and refuses bare CR or LF,
// folded lines, NUL; then Beast's parser reads the start line, and the fields become offsets in one pass of our own:
// with Beast's that took more than a quarter of our instructions (docs/decisions/0005-head-parser.md).
#pragma once

#include <cstddef>
#include <span>
#include <string_view>

#include "base/result.hpp"
#include "http/fields.hpp"

namespace genkan::http::h1 {

enum class HeadError {
  none,
  malformed,        // 400 / 502
  too_many_fields,  // 431 / 502
  version,          // 505
};

struct HeadLimits {
  std::size_t max_bytes = 64 * 1024;
  std::size_t max_fields = 100;
};

// Remembers how far it looked, so that a head that drips in byte by byte is looked at once.
class HeadScanner {
 public:
  enum class State { more, complete, malformed, too_many };
  // `data` is everything received of this message so far, grown since the last call. On `complete`, end() bytes are the
  // head.
  State scan(std::string_view data, std::size_t max_fields) noexcept;
  std::size_t end() const noexcept { return at_; }
  std::size_t lines() const noexcept { return lines_; }
  void reset() noexcept { *this = {}; }

 private:
  std::size_t at_ = 0;     // next byte to look at
  std::size_t lines_ = 0;  // ended so far
};

struct RequestLine {
  std::string_view method, target;
  int minor_version = 1;
};
// `head` is complete (HeadScanner). Fields are offsets relative to head.data().
HeadError parse_request(std::string_view head, RequestLine& line, Fields& fields);

struct StatusLine {
  int status = 0;
  std::string_view reason;
  int minor_version = 1;
};
HeadError parse_response(std::string_view head, StatusLine& line, Fields& fields);

// A trailer section (RFC 9112 7.1.2), complete, with its empty line.
HeadError parse_trailers(std::string_view section, Fields& fields);

}  // namespace genkan::http::h1
