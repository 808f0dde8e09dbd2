// Message content on its way in: the octets after DATA or inside BDAT chunks, in any segmentation, become the stored
// form, lines that end in CRLF without dot-stuffing.
//
// Only CRLF "." CRLF ends DATA. A bare LF or a bare CR is never passed on, because the next hop may take "LF . LF" for
// the end and read what follows as commands (SMTP smuggling): the message is refused, or mended by setting (a bare LF
// becomes CRLF, a bare CR a space, and a dot after a mended line end is content).
//
//   line_start --"."--> dot --CR--> dot_cr --LF--> done        (DATA only)
//   line_start, middle --CR--> cr --LF--> line_start
//
// Binary content (RFC 3030 3) is taken as it is: it travels in counted chunks only, to next hops that take it so.
//
// RFC 5321 4.1.1.4, 4.5.2 (transparency), 2.3.8 (line ends); RFC 3030 2 (chunks hold no dots).
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace genkan::smtp {

enum class BareNewline { refuse, mend };

struct ContentFacts {
  std::uint64_t size = 0;     // octets of content as stored
  bool bare_newline = false;  // seen; with BareNewline::refuse the content is not to be used
  bool too_large = false;     // over the limit; what was stored is not to be used
  bool dot_lines = false;     // some line begins with "." and needs stuffing on the way out
  bool eight_bit = false;     // some octet is over 127
};

class ContentReader {
 public:
  enum class Framing { dots, chunks, binary };
  ContentReader(Framing framing, BareNewline policy, std::uint64_t max_size) noexcept
      : max_size_(max_size), framing_(framing), policy_(policy) {}

  // Takes octets and appends what is to be stored to `out`. Returns how many were taken: all of them, or with dots
  // those up to the end of data, after which done() holds.
  std::size_t feed(std::string_view in, std::string& out);
  bool done() const noexcept { return state_ == State::done; }

  // The last chunk is over: judges a CR at the very end and completes a last line without CRLF.
  void finish_chunks(std::string& out);

  const ContentFacts& facts() const noexcept { return facts_; }
  // Nothing of the rest can be of use: stop reading instead of swallowing without end.
  bool hopeless() const noexcept { return taken_ > 2 * max_size_ + (1u << 20); }

 private:
  enum class State : std::uint8_t { line_start, mended_start, middle, cr, dot, dot_cr, done };
  std::size_t step(std::string_view in, std::string& out);
  std::size_t run(std::string_view in, std::string& out);  // the bulk of a line, by memchr
  void bare_lf(std::string& out);
  void bare_cr(std::string& out);
  void put(std::string_view octets, std::string& out);
  bool refused() const noexcept { return facts_.too_large || (facts_.bare_newline && policy_ == BareNewline::refuse); }

  ContentFacts facts_;
  std::uint64_t taken_ = 0;
  std::uint64_t max_size_;
  Framing framing_;
  BareNewline policy_;
  State state_ = State::line_start;
};

// Counts the fields named Received in the header of `content`, for loop detection (RFC 5321 6.3).
std::size_t count_received(std::string_view content) noexcept;

}  // namespace genkan::smtp
