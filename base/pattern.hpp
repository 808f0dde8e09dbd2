// Regular expressions: RE2 behind a small front, linear time, so that a pattern from the configuration can never hang a
// worker. Immutable after construction; matching is thread-safe. Text is bytes: `.` matches any byte, newline too.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"

namespace genkan::base {

// A default-constructed Pattern matches nothing.
class Pattern {
 public:
  // `why` gets RE2's own sentence when the pattern does not compile.
  static Result<Pattern> compile(std::string_view pattern, std::string& why, bool ignore_case = false);
  bool matches(std::string_view text) const;  // anywhere in the text
  bool matches_fully(std::string_view text) const;
  // Group 0 is the whole match. Views into `text`.
  bool match(std::string_view text, std::vector<std::string_view>& groups) const;
  const std::string& source() const;

 private:
  struct Impl;
  std::shared_ptr<const Impl> impl_;
};

// Many patterns in one automaton: the cost of a match does not grow with their number.
class PatternSet {
 public:
  PatternSet();
  Result<int> add(std::string_view pattern, std::string& why);         // returns the index
  void compile();                                                      // after the last add
  void match(std::string_view text, std::vector<int>& indices) const;  // ascending
  bool empty() const;

 private:
  struct Impl;
  std::shared_ptr<Impl> impl_;
};

}  // namespace genkan::base
