// Header sections for tests, from a list of pairs.
#pragma once

#include <initializer_list>
#include <string_view>
#include <utility>

#include "http/fields.hpp"

namespace genkan::test {

inline http::Fields fields_of(std::initializer_list<std::pair<std::string_view, std::string_view>> list) {
  http::Fields fields;
  for (const auto& [name, value] : list) fields.add(name, value);
  return fields;
}

}  // namespace genkan::test
