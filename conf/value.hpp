// A configuration file as a plain tree, each value with its place. The reader works on this, so that toml++ stays in
// one .cpp and files can be merged, expanded and checked alike.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "conf/conf.hpp"

namespace genkan::conf {

struct Entry;

struct Value {
  enum class Kind { text, integer, real, flag, date, list, table };
  Kind kind = Kind::table;
  Place place;
  std::string text;    // text; the spelling of a date
  std::string source;  // text as it was written, when ${NAME} was replaced in it: what a message may show
  std::int64_t integer = 0;
  double real = 0;
  bool flag = false;
  bool bad = false;  // already complained about: ${NAME} in it can't be replaced
  std::vector<Value> list;
  std::vector<Entry> entries;  // of a table, in the order of the file

  const Value* find(std::string_view name) const;
  // A list of one or more tables, and nothing else: [[name]].
  bool is_table_list() const;
  // "a string", "a whole number", "a section": for messages.
  std::string_view kind_name() const;
};

struct Entry {
  std::string name;
  Place place;  // of the name
  Value value;
};

}  // namespace genkan::conf
