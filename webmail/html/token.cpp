#include "webmail/html/token.hpp"

#include <algorithm>

#include "base/text.hpp"
#include "webmail/mime/preview.hpp"

namespace genkan::webmail::html {

namespace {
bool is_space(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f'; }
bool is_letter(char c) { return base::lower(c) >= 'a' && base::lower(c) <= 'z'; }
}  // namespace

Token Tokenizer::next() {
  while (i_ < s_.size()) {
    if (s_[i_] == '<' && i_ + 1 < s_.size()) {
      const char c = s_[i_ + 1];
      if (is_letter(c)) return tag(i_ + 1, false);
      if (c == '/' && i_ + 2 < s_.size() && is_letter(s_[i_ + 2])) return tag(i_ + 2, true);
      if (c == '!' || c == '?' || c == '/') {
        skip_declaration();
        continue;
      }
    }
    Token token;
    token.kind = Token::Kind::text;
    const auto end = std::min(s_.find('<', i_ + 1), s_.size());
    token.text = s_.substr(i_, end - i_);
    i_ = end;
    return token;
  }
  return {};
}

void Tokenizer::skip_declaration() {
  if (s_.substr(i_, 4) == "<!--") {
    // "<!-->" and "<!--->" are whole comments to browsers.
    const auto rest = s_.substr(i_ + 4);
    if (rest.starts_with(">")) {
      i_ += 5;
    } else if (rest.starts_with("->")) {
      i_ += 6;
    } else {
      // Each end is looked for from where the last search for it stopped: linear over all comments.
      const auto seek = [&](std::string_view text, std::size_t& at) {
        if (at != s_.npos && at < i_ + 4) at = s_.find(text, i_ + 4);
        return at;
      };
      const auto a = seek("-->", arrow_), b = seek("--!>", bang_);
      const auto end = std::min(a, b);
      i_ = end == s_.npos ? s_.size() : end + (end == a ? 3 : 4);
    }
    return;
  }
  const auto end = s_.find('>', i_);
  i_ = end == s_.npos ? s_.size() : end + 1;
}

Token Tokenizer::tag(std::size_t at, bool close) {
  Token token;
  token.kind = close ? Token::Kind::close : Token::Kind::open;
  std::size_t end = at;
  while (end < s_.size() && !is_space(s_[end]) && s_[end] != '>' && s_[end] != '/') ++end;
  token.name = base::to_lower(s_.substr(at, std::min<std::size_t>(end - at, 32)));
  i_ = end;
  attributes(token);
  return token;
}

void Tokenizer::attributes(Token& token) {
  constexpr std::size_t kMax = 100;
  while (i_ < s_.size()) {
    if (s_[i_] == '>') {
      ++i_;
      return;
    }
    if (is_space(s_[i_]) || s_[i_] == '/') {
      ++i_;
      continue;
    }
    const std::size_t start = i_;
    ++i_;  // a '=' may begin a name
    while (i_ < s_.size() && !is_space(s_[i_]) && s_[i_] != '=' && s_[i_] != '>' && s_[i_] != '/') ++i_;
    auto name = base::to_lower(s_.substr(start, std::min<std::size_t>(i_ - start, 64)));
    while (i_ < s_.size() && is_space(s_[i_])) ++i_;
    std::string_view text;
    if (i_ < s_.size() && s_[i_] == '=') {
      ++i_;
      text = value();
    }
    const bool twice =
        std::any_of(token.attributes.begin(), token.attributes.end(), [&](const auto& a) { return a.first == name; });
    if (!twice && token.attributes.size() < kMax) {
      token.attributes.emplace_back(std::move(name), mime::decode_entities(text));
    }
  }
}

std::string_view Tokenizer::value() {
  while (i_ < s_.size() && is_space(s_[i_])) ++i_;
  if (i_ < s_.size() && (s_[i_] == '"' || s_[i_] == '\'')) {
    const char quote = s_[i_++];
    const auto end = std::min(s_.find(quote, i_), s_.size());
    const auto text = s_.substr(i_, end - i_);
    i_ = std::min(end + 1, s_.size());
    return text;
  }
  const std::size_t start = i_;
  while (i_ < s_.size() && !is_space(s_[i_]) && s_[i_] != '>') ++i_;
  return s_.substr(start, i_ - start);
}

std::string_view Tokenizer::raw_until_close(std::string_view name) {
  const std::size_t start = i_;
  for (std::size_t at = i_;;) {
    at = s_.find("</", at);
    if (at == s_.npos) {
      i_ = s_.size();
      return s_.substr(start);
    }
    const auto after = at + 2 + name.size();
    const bool whole = after >= s_.size() || is_space(s_[after]) || s_[after] == '>' || s_[after] == '/';
    if (base::istarts_with(s_.substr(at + 2), name) && whole) {
      i_ = at;
      return s_.substr(start, at - start);
    }
    at += 2;
  }
}

}  // namespace genkan::webmail::html
