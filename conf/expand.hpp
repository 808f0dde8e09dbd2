// ${NAME} in strings of the configuration.
//   ${NAME}            the environment variable; an error when it is not set
//   ${NAME:-default}   `default` when NAME is unset or empty; may hold further ${...}
//   $${                a plain ${
// Replaced text is not looked at again, so a variable can never bring in another one.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace genkan::conf {

using Environment = std::function<std::optional<std::string>(const std::string& name)>;

Environment process_environment();

// False when the text can't be expanded; then `why` says so in one sentence, without any value.
bool expand(std::string_view text, const Environment& environment, std::string& out, std::string& why);

}  // namespace genkan::conf
