// Sieve's words (RFC 5228 2.1-2.4, 8.1): identifiers, :tags, numbers with K, M or G, quoted and multi-line strings,
// comments. Pure; a script is read once from the front, every octet a bounded number of times.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace genkan::webmail::sieve {

// Where something stands in a script, counted from 1; columns are characters.
struct Place {
  std::uint32_t line = 1, column = 1;
};

// What is wrong with a script, or went wrong while it ran.
struct Problem {
  Place place;
  std::string text;
  std::string where() const;  // "3:7: text"
};

struct Token {
  enum class Kind { identifier, tag, number, string, sign, end, bad };
  Kind kind = Kind::end;
  Place place;
  std::string text;  // identifier and tag in lower case, a tag without ':'; bad: why
  std::uint64_t number = 0;
  char sign = '\0';  // one of ;,()[]{}
};

class Lexer {
 public:
  // `script` must outlive it.
  explicit Lexer(std::string_view script) noexcept : s_(script) {}
  Token next();

 private:
  bool skip_blanks(Token& bad);
  bool skip_comment(Token& bad);
  void advance(std::size_t octets) noexcept;
  Token word(Token token, bool tag);
  Token number(Token token);
  Token quoted(Token token);
  Token multi_line(Token token);
  static Token bad(Token token, std::string why);

  std::string_view s_;
  std::size_t i_ = 0;
  Place place_;
};

}  // namespace genkan::webmail::sieve
