#include "webmail/sieve/token.hpp"

#include "base/text.hpp"

namespace genkan::webmail::sieve {

namespace {

bool is_digit(char c) noexcept { return c >= '0' && c <= '9'; }
bool is_letter(char c) noexcept { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }

}  // namespace

std::string Problem::where() const {
  return std::to_string(place.line) + ":" + std::to_string(place.column) + ": " + text;
}

Token Lexer::bad(Token token, std::string why) {
  token.kind = Token::Kind::bad;
  token.text = std::move(why);
  return token;
}

void Lexer::advance(std::size_t octets) noexcept {
  for (; octets > 0 && i_ < s_.size(); --octets, ++i_) {
    if (s_[i_] == '\n') {
      ++place_.line;
      place_.column = 1;
    } else if ((static_cast<unsigned char>(s_[i_]) & 0xC0) != 0x80) {
      ++place_.column;
    }
  }
}

bool Lexer::skip_comment(Token& token) {
  if (s_[i_] == '#') {
    const auto end = s_.find('\n', i_);
    advance(end == s_.npos ? s_.size() - i_ : end - i_);
    return true;
  }
  const auto end = s_.find("*/", i_ + 2);
  if (end == s_.npos) {
    token.place = place_;
    token = bad(std::move(token), "this comment has no end (*/)");
    return false;
  }
  advance(end + 2 - i_);
  return true;
}

// Blanks and comments; false: a comment without end.
bool Lexer::skip_blanks(Token& token) {
  while (i_ < s_.size()) {
    const char c = s_[i_];
    if (c == ' ' || c == '\t' || c == '\r' || c == '\n') {
      advance(1);
    } else if (c == '#' || s_.substr(i_, 2) == "/*") {
      if (!skip_comment(token)) return false;
    } else {
      break;
    }
  }
  return true;
}

Token Lexer::next() {
  Token token;
  if (!skip_blanks(token)) return token;
  token.place = place_;
  if (i_ == s_.size()) return token;
  const char c = s_[i_];
  if (std::string_view(";,()[]{}").find(c) != std::string_view::npos) {
    token.kind = Token::Kind::sign;
    token.sign = c;
    advance(1);
    return token;
  }
  if (c == '"') return quoted(std::move(token));
  if (is_digit(c)) return number(std::move(token));
  if (c == ':') return word(std::move(token), true);
  if (is_letter(c)) return word(std::move(token), false);
  if (static_cast<unsigned char>(c) < 0x20 || c == 0x7F) return bad(std::move(token), "a control character");
  return bad(std::move(token), "'" + std::string(1, c) + "' can not stand here");
}

Token Lexer::word(Token token, bool tag) {
  if (tag) advance(1);
  const auto start = i_;
  auto end = i_;
  if (end < s_.size() && is_letter(s_[end])) {
    while (end < s_.size() && (is_letter(s_[end]) || is_digit(s_[end]))) ++end;
  }
  if (start == end) return bad(std::move(token), "a name must follow ':'");
  token.kind = tag ? Token::Kind::tag : Token::Kind::identifier;
  token.text = base::to_lower(s_.substr(start, end - start));
  advance(end - start);
  if (!tag && token.text == "text" && i_ < s_.size() && s_[i_] == ':') return multi_line(std::move(token));
  return token;
}

Token Lexer::number(Token token) {
  token.kind = Token::Kind::number;
  std::uint64_t value = 0;
  constexpr std::uint64_t kMost = 1ull << 50;
  for (; i_ < s_.size() && is_digit(s_[i_]); advance(1)) {
    value = value * 10 + static_cast<std::uint64_t>(s_[i_] - '0');
    if (value > kMost) return bad(std::move(token), "this number is too large");
  }
  if (i_ < s_.size()) {
    const char c = static_cast<char>(s_[i_] | 0x20);
    const unsigned shift = c == 'k' ? 10 : c == 'm' ? 20 : c == 'g' ? 30 : 0;
    if (shift != 0) {
      if (value > (kMost >> shift)) return bad(std::move(token), "this number is too large");
      value <<= shift;
      advance(1);
    }
    if (i_ < s_.size() && is_letter(s_[i_])) return bad(std::move(token), "a number ends in a digit, K, M or G");
  }
  token.number = value;
  return token;
}

Token Lexer::quoted(Token token) {
  auto end = i_ + 1;
  for (; end < s_.size() && s_[end] != '"'; ++end) {
    if (s_[end] == '\\' && end + 1 < s_.size()) ++end;
    token.text += s_[end];
  }
  if (end == s_.size()) return bad(std::move(token), "this string has no end (\")");
  advance(end + 1 - i_);
  token.kind = Token::Kind::string;
  return token;
}

// text: (blanks, a comment) line end, lines, "."; lines end in CRLF in what it means, a first ".." is ".".
Token Lexer::multi_line(Token token) {
  advance(1);
  const auto first = s_.find('\n', i_);
  const auto rest = base::trim(s_.substr(i_, (first == s_.npos ? s_.size() : first) - i_));
  if (!rest.empty() && !rest.starts_with('#')) return bad(std::move(token), "the text begins in the line after text:");
  auto at = first == s_.npos ? s_.size() : first + 1;
  token.text.clear();
  while (at < s_.size()) {
    const auto newline = s_.find('\n', at);
    auto line = s_.substr(at, (newline == s_.npos ? s_.size() : newline) - at);
    if (line.ends_with('\r')) line.remove_suffix(1);
    const auto next = newline == s_.npos ? s_.size() : newline + 1;
    if (line == ".") {
      advance(next - i_);
      token.kind = Token::Kind::string;
      return token;
    }
    if (line.starts_with("..")) line.remove_prefix(1);
    token.text += line;
    token.text += "\r\n";
    at = next;
  }
  return bad(std::move(token), "this text has no end (a line with a dot alone)");
}

}  // namespace genkan::webmail::sieve
