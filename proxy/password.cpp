#include "proxy/password.hpp"

#include <argon2.h>
#include <crypt.h>

#include <memory>

#include "base/crypto.hpp"
#include "base/text.hpp"

namespace genkan::proxy {
namespace {

constexpr std::size_t kMaxUsers = 100'000;

}  // namespace

bool known_hash(std::string_view hash) noexcept {
  for (const std::string_view kind : {"$2a$", "$2b$", "$2y$", "$5$", "$6$", "$y$", "$argon2i$", "$argon2id$"}) {
    if (hash.starts_with(kind) && hash.size() > kind.size()) return true;
  }
  return false;
}

Result<PasswordFile> parse_passwords(std::string_view text, std::string& why) {
  PasswordFile out;
  std::size_t number = 0;
  for (auto line : base::split(text, '\n')) {
    ++number;
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (base::trim(line).empty() || line.starts_with('#')) continue;
    const std::size_t colon = line.find(':');
    if (colon == std::string_view::npos || colon == 0) {
      why = "line " + std::to_string(number) + ": not name:hash";
      return Errc::malformed;
    }
    auto hash = line.substr(colon + 1);
    hash = hash.substr(0, hash.find(':'));
    if (!known_hash(hash)) {
      why = "line " + std::to_string(number) +
            ": the hash is of no kind that is known here; make one with `htpasswd -B` or `mkpasswd`";
      return Errc::malformed;
    }
    if (out.size() == kMaxUsers) {
      why = "more than 100000 names";
      return Errc::too_large;
    }
    out.emplace(line.substr(0, colon), hash);
  }
  return out;
}

bool check_password(const std::string& password, const std::string& hash) {
  if (password.find('\0') != std::string::npos) return false;  // crypt() would stop there
  if (hash.starts_with("$argon2id$")) return ::argon2id_verify(hash.c_str(), password.data(), password.size()) == 0;
  if (hash.starts_with("$argon2i$")) return ::argon2i_verify(hash.c_str(), password.data(), password.size()) == 0;
  const auto data = std::make_unique<::crypt_data>();
  const char* made = ::crypt_r(password.c_str(), hash.c_str(), data.get());
  return made != nullptr && made[0] != '*' && base::equal_constant_time(made, hash);
}

}  // namespace genkan::proxy
