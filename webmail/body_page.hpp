// A mail's body as a page of its own, for a frame: GET /webmail/body/ID. Pure.
#pragma once

#include <string_view>

#include "webmail/ask.hpp"

namespace genkan::webmail {

Answer body_page(std::string_view message, bool remote_images);

}  // namespace genkan::webmail
