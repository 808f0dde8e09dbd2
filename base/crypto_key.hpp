// Public-key signatures over a SHA-256 digest, RSA (PKCS #1 v1.5) and Ed25519, as DKIM and ARC use them (RFC 6376 3.3,
// RFC 8463 3), and a digest that is fed piece by piece. OpenSSL behind it. Nothing here says a word of a private key.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "base/crypto.hpp"
#include "base/result.hpp"

struct evp_md_ctx_st;
struct evp_pkey_st;

namespace genkan::base {

// SHA-256 of what is given in pieces.
class Sha256Stream {
 public:
  Sha256Stream();
  ~Sha256Stream();
  Sha256Stream(Sha256Stream&& other) noexcept;
  Sha256Stream& operator=(Sha256Stream&& other) noexcept;
  void update(std::string_view data);
  Sha256 finish();  // once; nothing may follow

 private:
  evp_md_ctx_st* context_;
};

enum class KeyKind { rsa, ed25519 };

using KeyHandle = std::shared_ptr<evp_pkey_st>;

// Immutable; may be used by several threads at once.
class PublicKey {
 public:
  // RSA: SubjectPublicKeyInfo, or a bare RSAPublicKey (RFC 6376 3.6.1), in DER; Ed25519: the 32 octets of the key.
  static Result<PublicKey> read(KeyKind kind, std::string_view octets);
  KeyKind kind() const noexcept { return kind_; }
  unsigned bits() const noexcept;
  bool verify(const Sha256& digest, std::string_view signature) const;

 private:
  PublicKey(KeyKind kind, KeyHandle key) : kind_(kind), key_(std::move(key)) {}
  KeyKind kind_;
  KeyHandle key_;
};

// Immutable; may be used by several threads at once.
class SigningKey {
 public:
  // A PEM private key without a passphrase. `why` says what is wrong with it.
  static Result<SigningKey> read(std::string_view pem, std::string& why);
  static Result<SigningKey> generate(KeyKind kind, unsigned rsa_bits);

  KeyKind kind() const noexcept { return kind_; }
  unsigned bits() const noexcept;
  Result<std::string> sign(const Sha256& digest) const;
  std::string public_octets() const;  // what PublicKey::read takes
  std::string pem() const;

 private:
  SigningKey(KeyKind kind, KeyHandle key) : kind_(kind), key_(std::move(key)) {}
  KeyKind kind_;
  KeyHandle key_;
};

}  // namespace genkan::base
