// Text for manual pages: what roff would take for its own is escaped.
#pragma once

#include <string>
#include <string_view>

namespace genkan::conf {

std::string roff(std::string_view text);
// A whole line with its newline, which does not look like a request to roff.
std::string roff_line(std::string_view text);

}  // namespace genkan::conf
