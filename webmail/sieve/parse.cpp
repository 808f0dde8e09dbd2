#include "webmail/sieve/parse.hpp"

#include "webmail/mime/charset.hpp"

namespace genkan::webmail::sieve {

namespace {

class Parser {
 public:
  Parser(std::string_view script, Problem& problem) : lexer_(script), problem_(problem) { step(); }

  bool script(std::vector<Node>& out) {
    while (token_.kind != Token::Kind::end) {
      if (!command(out.emplace_back(), 0)) return false;
    }
    return true;
  }

 private:
  void step() { token_ = lexer_.next(); }
  bool is(char sign) const { return token_.kind == Token::Kind::sign && token_.sign == sign; }

  bool fail(std::string why) {
    problem_.place = token_.place;
    problem_.text = token_.kind == Token::Kind::bad ? token_.text : std::move(why);
    return false;
  }

  std::string found() const {
    switch (token_.kind) {
      case Token::Kind::end:
        return "the end of the script";
      case Token::Kind::sign:
        return "'" + std::string(1, token_.sign) + "'";
      case Token::Kind::string:
        return "a string";
      case Token::Kind::number:
        return "a number";
      case Token::Kind::tag:
        return "':" + token_.text.substr(0, 64) + "'";
      default:
        return "'" + token_.text.substr(0, 64) + "'";
    }
  }

  bool command(Node& node, int depth) {
    if (token_.kind != Token::Kind::identifier) return fail("a command must stand here, not " + found());
    if (!head(node, 0)) return false;
    if (is(';')) {
      step();
      return true;
    }
    if (!is('{')) return fail("';' or a block must follow '" + node.name + "', not " + found());
    if (depth >= kMaxNesting) return fail("blocks are nested too deeply");
    node.has_block = true;
    step();
    while (!is('}')) {
      if (token_.kind == Token::Kind::end) return fail("the block of '" + node.name + "' has no end (})");
      if (!command(node.block.emplace_back(), depth + 1)) return false;
    }
    step();
    return true;
  }

  // Name, arguments, tests.
  bool head(Node& node, int depth) {
    node.place = token_.place;
    node.name = token_.text;
    step();
    for (;;) {
      if (token_.kind == Token::Kind::tag || token_.kind == Token::Kind::number || token_.kind == Token::Kind::string ||
          is('[')) {
        if (!argument(node.arguments.emplace_back())) return false;
      } else if (token_.kind == Token::Kind::identifier) {
        return test(node, depth);
      } else if (is('(')) {
        return test_list(node, depth);
      } else if (token_.kind == Token::Kind::bad) {
        return fail("");
      } else {
        return true;
      }
    }
  }

  bool argument(Argument& out) {
    out.place = token_.place;
    if (token_.kind == Token::Kind::tag) {
      out.kind = Argument::Kind::tag;
      out.tag = token_.text;
    } else if (token_.kind == Token::Kind::number) {
      out.kind = Argument::Kind::number;
      out.number = token_.number;
    } else if (token_.kind == Token::Kind::string) {
      out.strings.push_back(std::move(token_.text));
    } else {
      out.list = true;
      return strings(out.strings);
    }
    step();
    return true;
  }

  bool strings(std::vector<std::string>& out) {
    do {
      step();
      if (token_.kind != Token::Kind::string) return fail("a string must stand here, not " + found());
      out.push_back(std::move(token_.text));
      step();
    } while (is(','));
    if (!is(']')) return fail("',' or ']' must follow, not " + found());
    step();
    return true;
  }

  bool test(Node& node, int depth) {
    if (token_.kind != Token::Kind::identifier) return fail("a test must stand here, not " + found());
    if (depth >= kMaxNesting) return fail("tests are nested too deeply");
    return head(node.tests.emplace_back(), depth + 1);
  }

  bool test_list(Node& node, int depth) {
    node.test_list = true;
    do {
      step();
      if (!test(node, depth)) return false;
    } while (is(','));
    if (!is(')')) return fail("',' or ')' must follow, not " + found());
    step();
    return true;
  }

  Lexer lexer_;
  Problem& problem_;
  Token token_;
};

// Where the first octet stands that is no UTF-8.
Place place_of_bad_octet(std::string_view script) {
  Place place;
  const auto good = mime::repair_utf8(script);
  for (std::size_t i = 0; i < script.size() && i < good.size() && script[i] == good[i]; ++i) {
    if (script[i] == '\n') {
      ++place.line;
      place.column = 1;
    } else if ((static_cast<unsigned char>(script[i]) & 0xC0) != 0x80) {
      ++place.column;
    }
  }
  return place;
}

}  // namespace

bool parse_script(std::string_view script, std::vector<Node>& out, Problem& problem) {
  if (!mime::valid_utf8(script)) {
    problem.place = place_of_bad_octet(script);
    problem.text = "the script is not UTF-8";
    return false;
  }
  if (script.find('\0') != script.npos) {
    problem.text = "the script has a NUL in it";
    return false;
  }
  if (script.starts_with("\xEF\xBB\xBF")) script.remove_prefix(3);
  return Parser(script, problem).script(out);
}

}  // namespace genkan::webmail::sieve
