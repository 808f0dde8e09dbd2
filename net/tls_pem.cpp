#include "net/tls_pem.hpp"

#include <openssl/err.h>
#include <openssl/pem.h>

namespace genkan::net {

int no_passphrase(char*, int, int, void*) { return -1; }

BioPtr memory(std::string_view text) { return BioPtr(::BIO_new_mem_buf(text.data(), static_cast<int>(text.size()))); }

CertPtr next_certificate(::BIO* pem) { return CertPtr(::PEM_read_bio_X509(pem, nullptr, no_passphrase, nullptr)); }

KeyPtr next_key(::BIO* pem) { return KeyPtr(::PEM_read_bio_PrivateKey(pem, nullptr, no_passphrase, nullptr)); }

CrlPtr next_revocations(::BIO* pem) { return CrlPtr(::PEM_read_bio_X509_CRL(pem, nullptr, no_passphrase, nullptr)); }

CertPtr first_certificate(std::string_view pem) {
  CertPtr out = next_certificate(memory(pem).get());
  ::ERR_clear_error();
  return out;
}

}  // namespace genkan::net
