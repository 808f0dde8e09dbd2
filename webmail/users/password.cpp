#include "webmail/users/password.hpp"

#include <argon2.h>

#include <array>

#include "base/crypto.hpp"

namespace genkan::webmail {

Result<std::string> hash_password(std::string_view password, const PasswordCost& cost) {
  constexpr std::size_t kSalt = 16, kHash = 32;
  std::array<std::uint8_t, kSalt> salt;
  base::random_bytes(salt);
  std::string phc(argon2_encodedlen(cost.passes, cost.memory_kib, 1, kSalt, kHash, Argon2_id), '\0');
  const int code = argon2id_hash_encoded(cost.passes, cost.memory_kib, 1, password.data(), password.size(), salt.data(),
                                         salt.size(), kHash, phc.data(), phc.size());
  if (code == ARGON2_MEMORY_ALLOCATION_ERROR) return Errc::exhausted;
  if (code != ARGON2_OK) return Errc::unsupported;
  phc.resize(phc.find('\0'));
  return phc;
}

bool verify_password(const std::string& phc, std::string_view password) {
  return argon2id_verify(phc.c_str(), password.data(), password.size()) == ARGON2_OK;
}

}  // namespace genkan::webmail
