// TOML text to a Value tree. The only door to toml++.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "conf/value.hpp"

namespace genkan::conf {

struct SyntaxError {
  Place place;
  std::string what;
};

// `file` is the index that the places get. Nothing when the text is not TOML: then `error` says where and why.
std::optional<Value> parse_toml(std::string_view text, std::uint32_t file, SyntaxError& error);

}  // namespace genkan::conf
