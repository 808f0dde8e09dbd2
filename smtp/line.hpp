// Finds command lines in what has arrived. Strict: a line ends in CRLF; a CR alone and NUL make the line bad, a line
// over the limit is swallowed to its end; after an LF alone nothing can be told from content and the session ends.
// Pure; views into the input.
#pragma once

#include <cstddef>
#include <string_view>

#include "smtp/command.hpp"
#include "smtp/session.hpp"

namespace genkan::smtp {

struct LineResult {
  enum class Kind { need_more, line, bad } kind = Kind::need_more;
  LineFault fault = LineFault::too_long;  // with Kind::bad
  std::string_view line;                  // with Kind::line, without CRLF
  std::size_t used = 0;                   // octets of the input that are dealt with
};

class LineSplitter {
 public:
  LineResult next(std::string_view in) noexcept;
  void reset() noexcept { swallowing_ = false; }

 private:
  bool swallowing_ = false;  // inside a line that was too long
};

}  // namespace genkan::smtp
