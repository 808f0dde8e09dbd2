// What `genkan version`, the Server field and the status page say. A unit test holds it to the version in
// CMakeLists.txt.
#pragma once

#include <string_view>

namespace genkan::base {

inline constexpr std::string_view kVersion = "0.1.0";

}  // namespace genkan::base
