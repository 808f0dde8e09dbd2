// The status page, built into the program from admin/page/index.html.
#pragma once

#include <span>
#include <string_view>

#include "base/embedded.hpp"

namespace genkan::admin {

std::span<const base::EmbeddedFile> page_files();  // generated
std::string_view page_text();

}  // namespace genkan::admin
