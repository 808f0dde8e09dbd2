// Ids of accounts, mails, threads and mailboxes: a letter that says what it is and 80 random bits in hex, so that an id
// says nothing about the mail, is never used twice and is safe in a URL, a file name and JSON (RFC 8620 1.2).
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/crypto.hpp"
#include "base/text.hpp"

namespace genkan::webmail {

inline std::string random_id(char kind) {
  std::array<std::uint8_t, 10> bits;
  base::random_bytes(bits);
  return kind + base::hex(std::string_view(reinterpret_cast<const char*>(bits.data()), bits.size()));
}

}  // namespace genkan::webmail
