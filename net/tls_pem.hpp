// OpenSSL's objects with an owner, and what is read from PEM text. Only net/tls*.cpp may include this.
#pragma once

#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/x509.h>

#include <memory>
#include <string_view>

namespace genkan::net {

template <auto F>
struct Freer {
  template <class T>
  void operator()(T* p) const noexcept {
    F(p);
  }
};
using BioPtr = std::unique_ptr<::BIO, Freer<::BIO_free_all>>;
using CertPtr = std::unique_ptr<::X509, Freer<::X509_free>>;
using KeyPtr = std::unique_ptr<::EVP_PKEY, Freer<::EVP_PKEY_free>>;
using CrlPtr = std::unique_ptr<::X509_CRL, Freer<::X509_CRL_free>>;
using StorePtr = std::unique_ptr<::X509_STORE, Freer<::X509_STORE_free>>;

// A key with a passphrase is one that can't be read: there is nobody to ask.
int no_passphrase(char*, int, int, void*);

BioPtr memory(std::string_view text);  // looks into it
// The next of each kind; null: there is no other. What OpenSSL says about that stays with it (openssl_error).
CertPtr next_certificate(::BIO* pem);
KeyPtr next_key(::BIO* pem);
CrlPtr next_revocations(::BIO* pem);
// The first of a text; null: there is none.
CertPtr first_certificate(std::string_view pem);

}  // namespace genkan::net
