// Password hashes: Argon2id (RFC 9106) as PHC strings, "$argon2id$v=19$m=...". Both calls take tens of milliseconds and
// tens of MiB on purpose: never on a worker thread.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.hpp"

namespace genkan::webmail {

struct PasswordCost {
  std::uint32_t memory_kib = 32 * 1024;
  std::uint32_t passes = 3;
};

Result<std::string> hash_password(std::string_view password, const PasswordCost& cost = {});
bool verify_password(const std::string& phc, std::string_view password);  // compares in constant time

}  // namespace genkan::webmail
