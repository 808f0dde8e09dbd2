#include "base/crypto_key.hpp"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

#include <cstdio>
#include <cstdlib>
#include <utility>

namespace genkan::base {
namespace {

constexpr std::size_t kMaxKeyOctets = 8 * 1024;
constexpr std::size_t kEdKey = 32;

[[noreturn]] void fail(const char* what) {
  std::fprintf(stderr, "genkan: %s failed in OpenSSL\n", what);
  std::abort();
}

struct FreeContext {
  void operator()(EVP_PKEY_CTX* c) const noexcept { EVP_PKEY_CTX_free(c); }
  void operator()(EVP_MD_CTX* c) const noexcept { EVP_MD_CTX_free(c); }
  void operator()(BIO* b) const noexcept { BIO_free(b); }
};
using KeyContext = std::unique_ptr<EVP_PKEY_CTX, FreeContext>;
using DigestContext = std::unique_ptr<EVP_MD_CTX, FreeContext>;
using Bio = std::unique_ptr<BIO, FreeContext>;

const unsigned char* bytes_of(std::string_view text) { return reinterpret_cast<const unsigned char*>(text.data()); }

KeyHandle owned(EVP_PKEY* key) {
  return KeyHandle(key, [](EVP_PKEY* k) { EVP_PKEY_free(k); });
}

// Errors of OpenSSL stay in a queue of the thread, where TLS would find them.
struct QuietErrors {
  ~QuietErrors() { ERR_clear_error(); }
};

int no_passphrase(char*, int, int, void*) { return -1; }

KeyContext rsa_context(EVP_PKEY* key, int (*init)(EVP_PKEY_CTX*)) {
  KeyContext context(EVP_PKEY_CTX_new(key, nullptr));
  if (!context || init(context.get()) != 1) return nullptr;
  if (EVP_PKEY_CTX_set_rsa_padding(context.get(), RSA_PKCS1_PADDING) != 1) return nullptr;
  if (EVP_PKEY_CTX_set_signature_md(context.get(), EVP_sha256()) != 1) return nullptr;
  return context;
}

unsigned bits_of(const KeyHandle& key) { return static_cast<unsigned>(std::max(0, EVP_PKEY_get_bits(key.get()))); }

}  // namespace

Sha256Stream::Sha256Stream() : context_(EVP_MD_CTX_new()) {
  if (!context_ || EVP_DigestInit_ex(context_, EVP_sha256(), nullptr) != 1) fail("SHA-256");
}

Sha256Stream::~Sha256Stream() { EVP_MD_CTX_free(context_); }

Sha256Stream::Sha256Stream(Sha256Stream&& other) noexcept : context_(std::exchange(other.context_, nullptr)) {}

Sha256Stream& Sha256Stream::operator=(Sha256Stream&& other) noexcept {
  std::swap(context_, other.context_);
  return *this;
}

void Sha256Stream::update(std::string_view data) {
  if (EVP_DigestUpdate(context_, data.data(), data.size()) != 1) fail("SHA-256");
}

Sha256 Sha256Stream::finish() {
  Sha256 out;
  unsigned length = 0;
  if (EVP_DigestFinal_ex(context_, out.data(), &length) != 1) fail("SHA-256");
  return out;
}

Result<PublicKey> PublicKey::read(KeyKind kind, std::string_view octets) {
  const QuietErrors quiet;
  if (octets.empty() || octets.size() > kMaxKeyOctets) return Errc::malformed;
  if (kind == KeyKind::ed25519) {
    if (octets.size() != kEdKey) return Errc::malformed;
    auto key = owned(EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, nullptr, bytes_of(octets), octets.size()));
    if (!key) return Errc::malformed;
    return PublicKey(kind, std::move(key));
  }
  const auto* at = bytes_of(octets);
  auto key = owned(d2i_PUBKEY(nullptr, &at, static_cast<long>(octets.size())));
  if (!key) {
    at = bytes_of(octets);
    key = owned(d2i_PublicKey(EVP_PKEY_RSA, nullptr, &at, static_cast<long>(octets.size())));
  }
  if (!key || EVP_PKEY_get_base_id(key.get()) != EVP_PKEY_RSA) return Errc::malformed;
  return PublicKey(kind, std::move(key));
}

unsigned PublicKey::bits() const noexcept { return bits_of(key_); }

bool PublicKey::verify(const Sha256& digest, std::string_view signature) const {
  const QuietErrors quiet;
  if (kind_ == KeyKind::ed25519) {
    const DigestContext context(EVP_MD_CTX_new());
    return context && EVP_DigestVerifyInit(context.get(), nullptr, nullptr, nullptr, key_.get()) == 1 &&
           EVP_DigestVerify(context.get(), bytes_of(signature), signature.size(), digest.data(), digest.size()) == 1;
  }
  const auto context = rsa_context(key_.get(), EVP_PKEY_verify_init);
  return context &&
         EVP_PKEY_verify(context.get(), bytes_of(signature), signature.size(), digest.data(), digest.size()) == 1;
}

Result<SigningKey> SigningKey::read(std::string_view pem, std::string& why) {
  const QuietErrors quiet;
  const Bio bio(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
  auto key = owned(bio ? PEM_read_bio_PrivateKey(bio.get(), nullptr, no_passphrase, nullptr) : nullptr);
  if (!key) {
    why = "no private key in PEM form, or one with a passphrase";
    return Errc::malformed;
  }
  const int id = EVP_PKEY_get_base_id(key.get());
  if (id == EVP_PKEY_ED25519) return SigningKey(KeyKind::ed25519, std::move(key));
  if (id != EVP_PKEY_RSA) {
    why = "neither an RSA nor an Ed25519 key";
    return Errc::unsupported;
  }
  if (bits_of(key) < 1024) {
    why = "an RSA key of less than 1024 bits, which nobody accepts (RFC 8301)";
    return Errc::unsupported;
  }
  return SigningKey(KeyKind::rsa, std::move(key));
}

Result<SigningKey> SigningKey::generate(KeyKind kind, unsigned rsa_bits) {
  const QuietErrors quiet;
  auto* made = kind == KeyKind::rsa ? EVP_PKEY_Q_keygen(nullptr, nullptr, "RSA", static_cast<std::size_t>(rsa_bits))
                                    : EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519");
  if (!made) return Errc::unsupported;
  return SigningKey(kind, owned(made));
}

unsigned SigningKey::bits() const noexcept { return bits_of(key_); }

Result<std::string> SigningKey::sign(const Sha256& digest) const {
  const QuietErrors quiet;
  std::string out(static_cast<std::size_t>(EVP_PKEY_get_size(key_.get())), '\0');
  auto* to = reinterpret_cast<unsigned char*>(out.data());
  std::size_t length = out.size();
  if (kind_ == KeyKind::ed25519) {
    const DigestContext context(EVP_MD_CTX_new());
    if (!context || EVP_DigestSignInit(context.get(), nullptr, nullptr, nullptr, key_.get()) != 1 ||
        EVP_DigestSign(context.get(), to, &length, digest.data(), digest.size()) != 1) {
      return Errc::unsupported;
    }
  } else {
    const auto context = rsa_context(key_.get(), EVP_PKEY_sign_init);
    if (!context || EVP_PKEY_sign(context.get(), to, &length, digest.data(), digest.size()) != 1)
      return Errc::unsupported;
  }
  out.resize(length);
  return Result<std::string>(std::move(out));
}

std::string SigningKey::public_octets() const {
  std::string out;
  if (kind_ == KeyKind::ed25519) {
    out.resize(kEdKey);
    std::size_t length = out.size();
    if (EVP_PKEY_get_raw_public_key(key_.get(), reinterpret_cast<unsigned char*>(out.data()), &length) != 1)
      fail("a public key");
    return out;
  }
  unsigned char* der = nullptr;
  const int length = i2d_PUBKEY(key_.get(), &der);
  if (length <= 0) fail("a public key");
  out.assign(reinterpret_cast<const char*>(der), static_cast<std::size_t>(length));
  OPENSSL_free(der);
  return out;
}

std::string SigningKey::pem() const {
  const Bio bio(BIO_new(BIO_s_mem()));
  if (!bio || PEM_write_bio_PKCS8PrivateKey(bio.get(), key_.get(), nullptr, nullptr, 0, nullptr, nullptr) != 1)
    fail("a private key");
  char* data = nullptr;
  const long length = BIO_get_mem_data(bio.get(), &data);
  return std::string(data, static_cast<std::size_t>(length));
}

}  // namespace genkan::base
