// A file that was built into the program (cmake/embed.cmake).
#pragma once

#include <span>
#include <string_view>

namespace genkan::base {

struct EmbeddedFile {
  std::string_view name;  // relative, with '/'
  std::string_view data;
};

}  // namespace genkan::base
