// The organisational domain (RFC 7489 3.2): one label more than the longest public suffix. libpsl with Debian's list.
#pragma once

#include <string>
#include <string_view>

namespace genkan::smtp {

// Reads the list when it was not read yet: a small file, at start rather than on a worker.
void load_public_suffixes();
// "mail.example.co.uk" -> "example.co.uk"; a public suffix is its own. `domain` in lower case.
std::string organisational_domain(std::string_view domain);

}  // namespace genkan::smtp
