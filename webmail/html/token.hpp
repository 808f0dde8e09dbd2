// HTML cut into tokens, the lenient way: anything is some sequence of tokens. Views into the input.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace genkan::webmail::html {

struct Token {
  enum class Kind { text, open, close, end };
  Kind kind = Kind::end;
  std::string_view text;                                        // of text
  std::string name;                                             // of a tag, lower case
  std::vector<std::pair<std::string, std::string>> attributes;  // names in lower case, values decoded; at most 100
};

class Tokenizer {
 public:
  explicit Tokenizer(std::string_view html) : s_(html) {}
  Token next();
  // The raw content up to "</name", which is left standing. For script, style and the like.
  std::string_view raw_until_close(std::string_view name);

 private:
  Token tag(std::size_t name_at, bool close);
  void attributes(Token& token);
  std::string_view value();
  void skip_declaration();
  std::string_view s_;
  std::size_t i_ = 0;
  std::size_t arrow_ = 0, bang_ = 0;  // where the next "-->" and "--!>" were seen
};

}  // namespace genkan::webmail::html
