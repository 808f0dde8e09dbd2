#include "base/crypto_ec_key.hpp"

#include <openssl/bio.h>
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/objects.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <cstdio>
#include <cstdlib>

namespace genkan::base {
namespace {

constexpr std::size_t kField = 32;  // bytes of a number of P-256

// A key that is there and can't sign, or memory that is gone: going on would be unsafe.
[[noreturn]] void fail(const char* what) {
  std::fprintf(stderr, "genkan: %s failed in OpenSSL\n", what);
  std::abort();
}

struct Free {
  void operator()(::EVP_PKEY* p) const noexcept { ::EVP_PKEY_free(p); }
  void operator()(::EVP_MD_CTX* p) const noexcept { ::EVP_MD_CTX_free(p); }
  void operator()(::ECDSA_SIG* p) const noexcept { ::ECDSA_SIG_free(p); }
  void operator()(::BIGNUM* p) const noexcept { ::BN_free(p); }
  void operator()(::BIO* p) const noexcept { ::BIO_free_all(p); }
  void operator()(::X509* p) const noexcept { ::X509_free(p); }
  void operator()(::X509_REQ* p) const noexcept { ::X509_REQ_free(p); }
  void operator()(::X509_EXTENSION* p) const noexcept { ::X509_EXTENSION_free(p); }
  void operator()(::ASN1_OCTET_STRING* p) const noexcept { ::ASN1_OCTET_STRING_free(p); }
  void operator()(::ASN1_OBJECT* p) const noexcept { ::ASN1_OBJECT_free(p); }
  void operator()(STACK_OF(X509_EXTENSION) * p) const noexcept { sk_X509_EXTENSION_pop_free(p, ::X509_EXTENSION_free); }
};
template <class T>
using Owned = std::unique_ptr<T, Free>;

std::string text_of(::BIO* bio) {
  char* data = nullptr;
  const long size = ::BIO_get_mem_data(bio, &data);
  return {data, static_cast<std::size_t>(size)};
}

std::string bytes_of(const ::BIGNUM* number) {
  std::string out(kField, '\0');
  if (::BN_bn2binpad(number, reinterpret_cast<unsigned char*>(out.data()), kField) != static_cast<int>(kField)) {
    fail("a number of P-256");
  }
  return out;
}

std::string coordinate(const ::EVP_PKEY* key, const char* which) {
  ::BIGNUM* number = nullptr;
  if (::EVP_PKEY_get_bn_param(key, which, &number) != 1) fail("a public key");
  const Owned<::BIGNUM> owned(number);
  return bytes_of(number);
}

// OpenSSL would ask for a passphrase on the terminal.
int no_passphrase(char*, int, int, void*) { return -1; }

// "DNS:a,DNS:b". The names are host names: nothing in them means anything to OpenSSL's little language.
Owned<::X509_EXTENSION> alternative_names(::X509V3_CTX& context, const std::vector<std::string>& names) {
  std::string list;
  for (const auto& name : names) list += (list.empty() ? "DNS:" : ",DNS:") + name;
  return Owned<::X509_EXTENSION>(::X509V3_EXT_conf_nid(nullptr, &context, NID_subject_alt_name, list.c_str()));
}

bool harmless(const std::vector<std::string>& names) {
  for (const auto& name : names) {
    if (name.empty() || name.find_first_not_of("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-*") !=
                            std::string::npos) {
      return false;
    }
  }
  return !names.empty();
}

// RFC 8737 3: id-pe-acmeIdentifier, critical, an OCTET STRING of the digest.
bool add_acme_identifier(::X509* certificate, const Sha256& digest) {
  std::string der = {'\x04', static_cast<char>(digest.size())};
  der.append(reinterpret_cast<const char*>(digest.data()), digest.size());
  const Owned<::ASN1_OBJECT> id(::OBJ_txt2obj("1.3.6.1.5.5.7.1.31", 1));
  const Owned<::ASN1_OCTET_STRING> value(::ASN1_OCTET_STRING_new());
  if (!id || !value ||
      ::ASN1_OCTET_STRING_set(value.get(), reinterpret_cast<const unsigned char*>(der.data()),
                              static_cast<int>(der.size())) != 1) {
    return false;
  }
  const Owned<::X509_EXTENSION> extension(::X509_EXTENSION_create_by_OBJ(nullptr, id.get(), 1, value.get()));
  return extension && ::X509_add_ext(certificate, extension.get(), -1) == 1;
}

}  // namespace

struct EcKey::Impl {
  Owned<::EVP_PKEY> key;
};

Result<EcKey> EcKey::generate() {
  auto impl = std::make_shared<Impl>();
  impl->key.reset(::EVP_EC_gen("P-256"));
  ::ERR_clear_error();
  if (!impl->key) return Errc::exhausted;
  return EcKey(std::move(impl));
}

Result<EcKey> EcKey::from_pem(std::string_view pem) {
  const Owned<::BIO> bio(::BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
  auto impl = std::make_shared<Impl>();
  if (bio) impl->key.reset(::PEM_read_bio_PrivateKey(bio.get(), nullptr, no_passphrase, nullptr));
  ::ERR_clear_error();
  if (!impl->key) return Errc::malformed;
  char group[64] = "";
  std::size_t size = 0;
  const bool ec = ::EVP_PKEY_get_base_id(impl->key.get()) == EVP_PKEY_EC &&
                  ::EVP_PKEY_get_group_name(impl->key.get(), group, sizeof group, &size) == 1;
  ::ERR_clear_error();
  if (!ec || ::OBJ_txt2nid(group) != NID_X9_62_prime256v1) return Errc::unsupported;
  return EcKey(std::move(impl));
}

std::string EcKey::pem() const {
  const Owned<::BIO> bio(::BIO_new(::BIO_s_mem()));
  if (!bio || ::PEM_write_bio_PrivateKey(bio.get(), impl_->key.get(), nullptr, nullptr, 0, nullptr, nullptr) != 1) {
    fail("writing a key");
  }
  return text_of(bio.get());
}

EcKey::Point EcKey::point() const {
  return {coordinate(impl_->key.get(), OSSL_PKEY_PARAM_EC_PUB_X),
          coordinate(impl_->key.get(), OSSL_PKEY_PARAM_EC_PUB_Y)};
}

std::string EcKey::sign(std::string_view data) const {
  const Owned<::EVP_MD_CTX> context(::EVP_MD_CTX_new());
  std::size_t size = 0;
  const auto* bytes = reinterpret_cast<const unsigned char*>(data.data());
  if (!context || ::EVP_DigestSignInit(context.get(), nullptr, ::EVP_sha256(), nullptr, impl_->key.get()) != 1 ||
      ::EVP_DigestSign(context.get(), nullptr, &size, bytes, data.size()) != 1) {
    fail("signing");
  }
  std::vector<unsigned char> der(size);
  if (::EVP_DigestSign(context.get(), der.data(), &size, bytes, data.size()) != 1) fail("signing");
  const unsigned char* at = der.data();
  const Owned<::ECDSA_SIG> signature(::d2i_ECDSA_SIG(nullptr, &at, static_cast<long>(size)));
  if (!signature) fail("reading a signature");
  return bytes_of(::ECDSA_SIG_get0_r(signature.get())) + bytes_of(::ECDSA_SIG_get0_s(signature.get()));
}

Result<std::string> EcKey::request(const std::vector<std::string>& names) const {
  if (!harmless(names)) return Errc::malformed;
  const Owned<::X509_REQ> request(::X509_REQ_new());
  ::X509V3_CTX context;
  X509V3_set_ctx_nodb(&context);
  ::X509V3_set_ctx(&context, nullptr, nullptr, request.get(), nullptr, 0);
  auto extension = alternative_names(context, names);
  const Owned<STACK_OF(X509_EXTENSION)> extensions(sk_X509_EXTENSION_new_null());
  bool good = request && extension && extensions && sk_X509_EXTENSION_push(extensions.get(), extension.get()) > 0;
  if (good) static_cast<void>(extension.release());  // the stack's
  good = good && ::X509_REQ_set_version(request.get(), 0) == 1 &&
         ::X509_REQ_set_pubkey(request.get(), impl_->key.get()) == 1 &&
         ::X509_REQ_add_extensions(request.get(), extensions.get()) == 1 &&
         ::X509_REQ_sign(request.get(), impl_->key.get(), ::EVP_sha256()) > 0;
  unsigned char* der = nullptr;
  const int size = good ? ::i2d_X509_REQ(request.get(), &der) : -1;
  ::ERR_clear_error();
  if (size <= 0) return Errc::exhausted;
  std::string out(reinterpret_cast<const char*>(der), static_cast<std::size_t>(size));
  ::OPENSSL_free(der);
  return out;
}

Result<std::string> EcKey::alpn_certificate(const std::string& name, const Sha256& digest) const {
  if (!harmless({name})) return Errc::malformed;
  const Owned<::X509> certificate(::X509_new());
  ::X509V3_CTX context;
  X509V3_set_ctx_nodb(&context);
  ::X509V3_set_ctx(&context, certificate.get(), certificate.get(), nullptr, nullptr, 0);
  const auto extension = alternative_names(context, {name});
  const Owned<::BIO> bio(::BIO_new(::BIO_s_mem()));
  static constexpr unsigned char kCommonName[] = "ACME challenge";
  ::X509_NAME* subject = certificate ? ::X509_get_subject_name(certificate.get()) : nullptr;
  const bool good = subject && extension && bio && ::X509_set_version(certificate.get(), 2) == 1 &&
                    ::ASN1_INTEGER_set_uint64(::X509_get_serialNumber(certificate.get()), random_u64() >> 1) == 1 &&
                    ::X509_gmtime_adj(::X509_getm_notBefore(certificate.get()), -3600) &&
                    ::X509_gmtime_adj(::X509_getm_notAfter(certificate.get()), 7l * 24 * 3600) &&
                    ::X509_set_pubkey(certificate.get(), impl_->key.get()) == 1 &&
                    ::X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_UTF8, kCommonName, -1, -1, 0) == 1 &&
                    ::X509_set_issuer_name(certificate.get(), subject) == 1 &&
                    ::X509_add_ext(certificate.get(), extension.get(), -1) == 1 &&
                    add_acme_identifier(certificate.get(), digest) &&
                    ::X509_sign(certificate.get(), impl_->key.get(), ::EVP_sha256()) > 0 &&
                    ::PEM_write_bio_X509(bio.get(), certificate.get()) == 1;
  ::ERR_clear_error();
  if (!good) return Errc::exhausted;
  return text_of(bio.get());
}

}  // namespace genkan::base
