// A file of htpasswd, and the check of a password against a hash of it. Hashes take their time on purpose: never on a
// worker thread.
#pragma once

#include <string>
#include <string_view>
#include <unordered_map>

#include "base/result.hpp"

namespace genkan::proxy {

// name -> hash. Lines "name:hash"; empty ones and those that begin with # are passed over.
using PasswordFile = std::unordered_map<std::string, std::string>;
// Errc::malformed with `why` "line 3: ...".
Result<PasswordFile> parse_passwords(std::string_view text, std::string& why);

// Is this a kind of hash that we can check? bcrypt ($2y$), SHA-crypt ($5$, $6$), yescrypt ($y$), Argon2 ($argon2id$,
// $argon2i$). Not htpasswd's MD5 ($apr1$) and {SHA}, which are no protection any more, nor plain text.
bool known_hash(std::string_view hash) noexcept;

// Blocks: Argon2 and bcrypt for a tenth of a second and more.
bool check_password(const std::string& password, const std::string& hash);

}  // namespace genkan::proxy
