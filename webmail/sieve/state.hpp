// What a running script remembers: variables, the last match, flags; and how strings become text by them.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "webmail/sieve/match.hpp"
#include "webmail/sieve/run.hpp"

namespace genkan::webmail::sieve {

class State {
 public:
  static constexpr std::size_t kMaxVariables = 128, kMaxValue = 4096, kMaxText = 64 * 1024, kMaxFlags = 32;

  explicit State(const Limits& limits) : budget(limits.octets) {}

  // Too long a text is cut, which `failed` says.
  std::string text(const Text& text);
  std::vector<std::string> texts(const Texts& list);
  void set(const std::string& name, std::string value);
  const std::string& variable(std::string_view name) const;
  // Single flags, each once, from strings that may hold several.
  static std::vector<std::string> flags_of(const std::vector<std::string>& list);
  std::vector<std::string> flags(const std::string& name) const;
  void set_flags(const std::string& name, std::vector<std::string> flags);

  Budget budget;
  std::vector<std::string> match;  // ${0}, ${1} ...
  std::string why;                 // not empty: the script can't go on

 private:
  std::map<std::string, std::string, std::less<>> variables_;
  std::vector<std::string> flags_;
};

// Whether a test of a script holds.
bool test_holds(const Test& test, const class MailView& mail, const Input& input, const Limits& limits, State& state);

}  // namespace genkan::webmail::sieve
