#include "base/crypto.hpp"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>

#include <cstdio>
#include <cstdlib>

#include "base/text.hpp"

namespace genkan::base {
namespace {

// Only a broken installation of OpenSSL or a kernel without random numbers comes here; going on would be unsafe.
[[noreturn]] void fail(const char* what) {
  std::fprintf(stderr, "genkan: %s failed in OpenSSL\n", what);
  std::abort();
}

}  // namespace

Sha256 sha256(std::string_view data) {
  Sha256 out;
  unsigned length = 0;
  if (EVP_Digest(data.data(), data.size(), out.data(), &length, EVP_sha256(), nullptr) != 1) fail("SHA-256");
  return out;
}

Sha256 hmac_sha256(std::string_view key, std::string_view data) {
  Sha256 out;
  unsigned length = 0;
  // A null key pointer means "the key of last time" to OpenSSL.
  const char* bytes = key.empty() ? "" : key.data();
  if (HMAC(EVP_sha256(), bytes, static_cast<int>(key.size()), reinterpret_cast<const unsigned char*>(data.data()),
           data.size(), out.data(), &length) == nullptr) {
    fail("HMAC-SHA-256");
  }
  return out;
}

bool equal_constant_time(std::string_view a, std::string_view b) noexcept {
  return a.size() == b.size() && (a.empty() || CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0);
}

void random_bytes(std::span<std::uint8_t> out) {
  if (out.empty()) return;
  if (RAND_bytes(out.data(), static_cast<int>(out.size())) != 1) fail("the random number generator");
}

std::uint64_t random_u64() {
  std::array<std::uint8_t, 8> bytes;
  random_bytes(bytes);
  std::uint64_t value = 0;
  for (auto b : bytes) value = value << 8 | b;
  return value;
}

std::string random_token(std::size_t bytes) {
  std::string raw(bytes, '\0');
  random_bytes({reinterpret_cast<std::uint8_t*>(raw.data()), raw.size()});
  return base64url(raw);
}

}  // namespace genkan::base
