#include "conf/expand.hpp"

#include <cstdlib>

namespace genkan::conf {
namespace {

constexpr std::size_t kMaxDepth = 8;
constexpr std::size_t kMaxLength = 1u << 20;

bool name_char(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

class Expander {
 public:
  Expander(const Environment& environment, std::string& why) : environment_(environment), why_(why) {}

  // Stops behind the brace that closes this level (depth > 0) or at the end of the text (depth 0).
  bool run(std::string_view text, std::size_t& at, std::size_t depth, std::string& out) {
    while (at < text.size()) {
      if (out.size() > kMaxLength) return fail("the text grows over 1 MiB by its ${...}");
      if (text.substr(at).starts_with("$${")) {
        out += "${";
        at += 3;
      } else if (text.substr(at).starts_with("${")) {
        at += 2;
        if (!variable(text, at, depth, out)) return false;
      } else if (depth > 0 && text[at] == '}') {
        ++at;
        return true;
      } else {
        out += text[at++];
      }
    }
    return depth == 0 || fail("a ${ is not closed by }; write $${ for a plain ${");
  }

 private:
  bool fail(std::string why) {
    why_ = std::move(why);
    return false;
  }

  bool variable(std::string_view text, std::size_t& at, std::size_t depth, std::string& out) {
    if (depth >= kMaxDepth) return fail("${...} are nested too deeply");
    const std::size_t start = at;
    while (at < text.size() && name_char(text[at])) ++at;
    const std::string name(text.substr(start, at - start));
    if (name.empty())
      return fail("${ must be followed by the name of an environment variable; write $${ for a plain ${");
    auto value = environment_(name);
    if (text.substr(at).starts_with("}")) {
      ++at;
      if (!value)
        return fail("the environment variable " + name + " is not set; ${" + name + ":-default} gives it a default");
      out += *value;
      return true;
    }
    if (!text.substr(at).starts_with(":-"))
      return fail("${" + name + " must go on with } or :-default}; write $${ for a plain ${");
    at += 2;
    if (!value || value->empty()) return run(text, at, depth + 1, out);
    // The default is not used, but must be passed over. What it needs from the environment need not be there.
    std::string unused;
    const Environment anything = [](const std::string&) { return std::optional<std::string>(std::string()); };
    if (!Expander(anything, why_).run(text, at, depth + 1, unused)) return false;
    out += *value;
    return true;
  }

  const Environment& environment_;
  std::string& why_;
};

}  // namespace

Environment process_environment() {
  return [](const std::string& name) -> std::optional<std::string> {
    const char* value = std::getenv(name.c_str());
    if (value == nullptr) return std::nullopt;
    return std::string(value);
  };
}

bool expand(std::string_view text, const Environment& environment, std::string& out, std::string& why) {
  out.clear();
  std::size_t at = 0;
  return Expander(environment, why).run(text, at, 0, out);
}

}  // namespace genkan::conf
