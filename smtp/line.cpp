#include "smtp/line.hpp"

#include <cstring>

namespace genkan::smtp {

LineResult LineSplitter::next(std::string_view in) noexcept {
  LineResult result;
  const auto* at = in.empty() ? nullptr : std::memchr(in.data(), '\n', in.size());
  if (!at) {
    // The last octet may be the CR of a CRLF; everything before it can go when the line is too long anyway.
    if (in.size() < kMaxLine) return result;
    swallowing_ = true;
    result.used = in.size() - 1;
    return result;
  }
  const auto lf = static_cast<std::size_t>(static_cast<const char*>(at) - in.data());
  result.used = lf + 1;
  result.kind = LineResult::Kind::bad;
  const bool crlf = lf > 0 && in[lf - 1] == '\r';
  const auto line = in.substr(0, crlf ? lf - 1 : lf);
  if (!crlf) {
    result.fault = LineFault::bare_lf;  // not the end of a line (RFC 5321 2.3.8): what follows is still the same one
  } else if (swallowing_ || line.size() + 2 > kMaxLine) {
    swallowing_ = false;
    result.fault = LineFault::too_long;
  } else if (line.find('\r') != std::string_view::npos) {
    result.fault = LineFault::bare_newline;
  } else if (line.find('\0') != std::string_view::npos) {
    result.fault = LineFault::nul;
  } else {
    result.kind = LineResult::Kind::line;
    result.line = line;
  }
  return result;
}

}  // namespace genkan::smtp
