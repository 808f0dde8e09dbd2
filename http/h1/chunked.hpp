// The chunked transfer coding (RFC 9112 7.1) as a state machine over any segmentation. Strict: only hex digits, CRLF
// only, extensions and trailers within limits. Pure.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "http/fields.hpp"

namespace genkan::http::h1 {

class ChunkedDecoder {
 public:
  enum class State { more, data, end, malformed };

  // Takes bytes from the front of `in`. `data`: `out` is a run of content within the given bytes, in.remove_prefix'd.
  // `end`: the last chunk and the trailer section were read; what is left of `in` belongs to the next message.
  State next(std::string_view& in, std::string_view& out);

  // Takes the last `n` bytes of content back: the next call starts with them again.
  void unread(std::size_t n) noexcept {
    left_ += n;
    step_ = Step::data;
  }

  // Bytes of the chunk under way that have not come yet.
  std::uint64_t left() const noexcept { return step_ == Step::data ? left_ : 0; }
  const Fields* trailers() const noexcept { return trailers_.entries() ? &trailers_ : nullptr; }
  void reset() noexcept;

 private:
  enum class Step : std::uint8_t { size_first, size, extension, size_lf, data, data_cr, data_lf, trailers, done, bad };
  State trailer_bytes(std::string_view& in);

  static constexpr std::size_t kMaxExtension = 256;           // per chunk
  static constexpr std::uint64_t kMaxExtensions = 16 * 1024;  // in all: a flood of them is no content
  static constexpr std::size_t kMaxTrailers = 16 * 1024;

  Step step_ = Step::size_first;
  bool quoted_ = false, escaped_ = false;  // in a quoted string of an extension; behind its backslash
  std::uint64_t left_ = 0;
  std::size_t extension_ = 0;
  std::uint64_t extensions_ = 0;
  std::string section_;  // the trailer section as it comes in
  Fields trailers_;
};

}  // namespace genkan::http::h1
