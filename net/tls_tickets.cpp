#include "net/tls_tickets.hpp"

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <openssl/rand.h>

#include <algorithm>
#include <atomic>
#include <cstring>

#include "base/crypto.hpp"
#include "base/file.hpp"

namespace genkan::net {
namespace {

std::string_view view(const base::Sha256& bytes) noexcept {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

void put(std::string& out, std::uint64_t value) {
  for (int shift = 56; shift >= 0; shift -= 8) out.push_back(static_cast<char>(value >> shift));
}

// RFC 5869, as much as SHA-256 needs here.
std::string hkdf(std::string_view secret, std::string_view salt, std::string_view info, std::size_t size) {
  const auto prk = base::hmac_sha256(salt, secret);
  std::string out, last;
  for (char i = 1; out.size() < size; ++i) {
    last.append(info).push_back(i);
    last = std::string(view(base::hmac_sha256(view(prk), last)));
    out += last;
  }
  out.resize(size);
  return out;
}

// Fetched once: OpenSSL 3 looks algorithms up by name else, at every handshake.
const ::EVP_CIPHER* aes_256_cbc() {
  static const ::EVP_CIPHER* const cipher = ::EVP_CIPHER_fetch(nullptr, "AES-256-CBC", nullptr);
  return cipher;
}

}  // namespace

std::int64_t ticket_epoch(WallTime now, std::chrono::seconds rotation) noexcept {
  return std::chrono::floor<std::chrono::seconds>(now.time_since_epoch()).count() /
         std::max<std::int64_t>(1, rotation.count());
}

TicketKey derive_ticket_key(std::string_view secret, std::chrono::seconds rotation, std::int64_t epoch) {
  std::string info;
  put(info, static_cast<std::uint64_t>(rotation.count()));
  put(info, static_cast<std::uint64_t>(epoch));
  TicketKey key;
  const std::string bytes =
      hkdf(secret, "genkan tls tickets 1", info, key.name.size() + key.cipher.size() + key.mac.size());
  const char* at = bytes.data();
  std::memcpy(key.name.data(), at, key.name.size());
  std::memcpy(key.cipher.data(), at += key.name.size(), key.cipher.size());
  std::memcpy(key.mac.data(), at + key.cipher.size(), key.mac.size());
  return key;
}

Result<std::string> own_ticket_secret(const std::string& state_dir, std::string& why) {
  const std::string folder = state_dir + "/tls", path = folder + "/tickets.key";
  if (auto kept = base::read_file(path, 1024); kept && kept->size() >= 32) return *kept;
  std::string made(32, '\0');
  base::random_bytes({reinterpret_cast<std::uint8_t*>(made.data()), made.size()});
  auto done = base::make_dirs(folder, 0700);
  if (done) done = base::write_file_durable(path, made, 0600);
  if (!done) {
    why = "cannot keep the key of session tickets in " + path + ": " + done.error().message();
    return done.error();
  }
  return made;
}

struct TicketKeys::Ring {
  std::uint64_t id = 0;
  std::int64_t epoch = 0;
  std::array<TicketKey, 3> keys;  // of the epoch before, of this one, of the next
};

TicketKeys::TicketKeys(std::string secret, std::chrono::seconds rotation, bool for_tls_1_2)
    : secret_(std::move(secret)), rotation_(rotation), for_tls_1_2_(for_tls_1_2) {
  static std::atomic<std::uint64_t> last{0};
  id_ = ++last;
}

const TicketKeys::Ring& TicketKeys::ring() const {
  thread_local Ring ring;
  const std::int64_t epoch = ticket_epoch(WallClock::now(), rotation_);
  if (ring.id != id_ || ring.epoch != epoch) {
    for (int i = 0; i < 3; ++i)
      ring.keys[static_cast<std::size_t>(i)] = derive_ticket_key(secret_, rotation_, epoch + i - 1);
    ring.epoch = epoch;
    ring.id = id_;
  }
  return ring;
}

int TicketKeys::use(::SSL* ssl, unsigned char* name, unsigned char* iv, ::EVP_CIPHER_CTX* cipher, ::EVP_MAC_CTX* mac,
                    bool encrypt) const {
  const auto& keys = ring().keys;
  const TicketKey* key = &keys[1];
  if (encrypt) {
    if (!for_tls_1_2_ && ::SSL_version(ssl) < TLS1_3_VERSION) return 0;  // no ticket
    if (::RAND_bytes(iv, ::EVP_CIPHER_get_iv_length(aes_256_cbc())) != 1) return -1;
    std::memcpy(name, key->name.data(), key->name.size());
  } else {
    const auto found = std::find_if(keys.begin(), keys.end(), [name](const TicketKey& k) {
      return std::memcmp(k.name.data(), name, k.name.size()) == 0;
    });
    if (found == keys.end()) return 0;  // a full handshake
    key = &*found;
  }
  static char digest[] = "SHA256";
  ::OSSL_PARAM params[] = {::OSSL_PARAM_construct_octet_string(
                               OSSL_MAC_PARAM_KEY, const_cast<unsigned char*>(key->mac.data()), key->mac.size()),
                           ::OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0),
                           ::OSSL_PARAM_construct_end()};
  const int done = encrypt ? ::EVP_EncryptInit_ex2(cipher, aes_256_cbc(), key->cipher.data(), iv, nullptr)
                           : ::EVP_DecryptInit_ex2(cipher, aes_256_cbc(), key->cipher.data(), iv, nullptr);
  if (done != 1 || ::EVP_MAC_CTX_set_params(mac, params) != 1) return -1;
  return encrypt || key == &keys[1] ? 1 : 2;  // 2: give the client a new one
}

}  // namespace genkan::net
