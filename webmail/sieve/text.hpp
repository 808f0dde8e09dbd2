// Strings of a script: ${hex: 40} and ${unicode: 40} (RFC 5228 2.4.2.4) are replaced when it is read, ${name} (RFC 5229
// 3) when it runs. Pure.
#pragma once

#include <string>
#include <string_view>

#include "webmail/sieve/program.hpp"

namespace genkan::webmail::sieve {

// False with `why`: ${unicode: ...} of what is no character.
bool decode_characters(std::string_view text, std::string& out, std::string& why);
// False with `why`: a name space that nobody has.
bool find_references(std::string_view text, Text& out, std::string& why);
bool valid_variable(std::string_view name) noexcept;
std::string modified(std::string value, const Modifiers& modifiers);

}  // namespace genkan::webmail::sieve
