#include "conf/value.hpp"

#include <algorithm>

namespace genkan::conf {

const Value* Value::find(std::string_view name) const {
  for (const auto& entry : entries) {
    if (entry.name == name) return &entry.value;
  }
  return nullptr;
}

bool Value::is_table_list() const {
  return kind == Kind::list && !list.empty() &&
         std::all_of(list.begin(), list.end(), [](const Value& v) { return v.kind == Kind::table; });
}

std::string_view Value::kind_name() const {
  switch (kind) {
    case Kind::text:
      return "a string";
    case Kind::integer:
      return "a whole number";
    case Kind::real:
      return "a number with a fraction";
    case Kind::flag:
      return "true or false";
    case Kind::date:
      return "a date";
    case Kind::list:
      return is_table_list() ? "a list of sections" : "a list";
    case Kind::table:
      return "a section";
  }
  return "something else";
}

}  // namespace genkan::conf
