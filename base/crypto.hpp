// Digests, keyed digests and random bytes (OpenSSL's EVP behind it).
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace genkan::base {

using Sha256 = std::array<std::uint8_t, 32>;

Sha256 sha256(std::string_view data);
Sha256 hmac_sha256(std::string_view key, std::string_view data);
bool equal_constant_time(std::string_view a, std::string_view b) noexcept;
void random_bytes(std::span<std::uint8_t> out);  // aborts when the system has none
std::uint64_t random_u64();
std::string random_token(std::size_t bytes = 16);  // base64url

}  // namespace genkan::base
