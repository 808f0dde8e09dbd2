// Sieve's grammar (RFC 5228 8.2): commands with arguments, tests and blocks, whatever they are called. What they mean
// is for compile.hpp.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "webmail/sieve/token.hpp"

namespace genkan::webmail::sieve {

constexpr int kMaxNesting = 32;  // of blocks, and of tests

struct Argument {
  enum class Kind { tag, number, strings };
  Kind kind = Kind::strings;
  Place place;
  std::string tag;
  std::uint64_t number = 0;
  std::vector<std::string> strings;
  bool list = false;  // written with brackets
};

// A command or a test.
struct Node {
  Place place;
  std::string name;
  std::vector<Argument> arguments;
  std::vector<Node> tests;
  bool test_list = false;  // written with parentheses
  std::vector<Node> block;
  bool has_block = false;
};

// False with `problem`: it is no Sieve.
bool parse_script(std::string_view script, std::vector<Node>& out, Problem& problem);

}  // namespace genkan::webmail::sieve
