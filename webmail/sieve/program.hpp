// A script that was understood: typed, its names and options known to be good. Immutable; many threads may run it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "webmail/sieve/token.hpp"

namespace genkan::webmail::sieve {

// A string of a script. With the extension "variables" it may be made of pieces: text, and ${references}.
struct Text {
  struct Piece {
    bool variable = false;
    std::string text;  // of a variable: its name in lower case, or the digits of a match
  };
  std::string literal;        // when there are no pieces
  std::vector<Piece> pieces;  // empty: literal
  bool fixed() const noexcept { return pieces.empty(); }
};
using Texts = std::vector<Text>;

enum class MatchType : std::uint8_t { is, contains, matches, count, value };
enum class Relation : std::uint8_t { gt, ge, lt, le, eq, ne };
enum class Comparator : std::uint8_t { casemap, octet, numeric };
enum class AddressPart : std::uint8_t { all, localpart, domain, user, detail };

struct Matching {
  MatchType type = MatchType::is;
  Relation relation = Relation::eq;  // of count and value
  Comparator comparator = Comparator::casemap;
};

struct Test {
  enum class Kind : std::uint8_t {
    always,
    never,
    negation,  // children: one
    any_of,
    all_of,
    address,
    envelope,
    exists,
    header,
    size,
    string,
    has_flag,
    mailbox_exists,
    body
  };
  Kind kind = Kind::always;
  Place place;
  Matching matching;
  AddressPart part = AddressPart::all;
  Texts names;  // of fields, of parts of the envelope, sources, variables, mailboxes
  Texts keys;
  std::uint64_t size = 0;
  bool over = false;    // size
  bool raw = false;     // body
  bool listed = false;  // hasflag: `names` are variables
  std::vector<Test> children;
};

struct VacationOptions {
  std::optional<std::uint64_t> seconds;
  std::optional<Text> subject, from, handle;
  Texts addresses;
  bool mime = false;
};

// How set changes a value, in the order in which they apply (RFC 5229 4.1).
struct Modifiers {
  enum class Letters : std::uint8_t { as_is, lower, upper };
  Letters all = Letters::as_is, first = Letters::as_is;
  bool quote_wildcard = false, length = false;
};

struct Command {
  enum class Kind : std::uint8_t {
    choice,
    stop,
    keep,
    discard,
    redirect,
    fileinto,
    reject,
    vacation,
    set,
    set_flag,
    add_flag,
    remove_flag
  };
  struct Branch {
    std::optional<Test> test;  // none: else
    std::vector<Command> block;
  };
  Kind kind = Kind::keep;
  Place place;
  std::vector<Branch> branches;
  Text target;  // mailbox, address, reason, value
  bool copy = false, create = false, has_flags = false;
  Texts flags;
  std::string variable;  // set and the flag commands; empty: the internal one
  Modifiers modifiers;
  VacationOptions vacation;
};

struct Program {
  std::vector<Command> commands;
};

// What `require` may name, sorted.
const std::vector<std::string>& capabilities();

struct Compiled {
  std::optional<Program> program;
  Problem problem;  // when there is none
};
// Pure. The script's size is the caller's to limit.
Compiled compile(std::string_view script);

}  // namespace genkan::webmail::sieve
