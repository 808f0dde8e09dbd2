#include "base/crypto_certificate.hpp"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <ctime>
#include <memory>

#include "base/address.hpp"
#include "base/text.hpp"

namespace genkan::base {
namespace {

template <auto Free>
struct Freer {
  template <class T>
  void operator()(T* p) const {
    Free(p);
  }
};
using BioPtr = std::unique_ptr<BIO, Freer<BIO_free_all>>;
using X509Ptr = std::unique_ptr<X509, Freer<X509_free>>;
using KeyPtr = std::unique_ptr<EVP_PKEY, Freer<EVP_PKEY_free>>;
using NamesPtr = std::unique_ptr<GENERAL_NAMES, Freer<GENERAL_NAMES_free>>;

// OpenSSL would ask for a passphrase on the terminal.
int no_passphrase(char*, int, int, void*) { return -1; }

BioPtr memory(std::string_view text) { return BioPtr(BIO_new_mem_buf(text.data(), static_cast<int>(text.size()))); }

X509Ptr parse(std::string_view pem) {
  const BioPtr bio = memory(pem);
  X509Ptr certificate(bio ? PEM_read_bio_X509(bio.get(), nullptr, no_passphrase, nullptr) : nullptr);
  ERR_clear_error();
  return certificate;
}

std::string text_of(const ASN1_STRING* string) {
  return {reinterpret_cast<const char*>(ASN1_STRING_get0_data(string)),
          static_cast<std::size_t>(ASN1_STRING_length(string))};
}

std::string address_of(const ASN1_OCTET_STRING* bytes) {
  const auto* data = ASN1_STRING_get0_data(bytes);
  IpAddress ip;
  if (ASN1_STRING_length(bytes) == 4) {
    ip = IpAddress::v4(static_cast<std::uint32_t>(data[0]) << 24 | static_cast<std::uint32_t>(data[1]) << 16 |
                       static_cast<std::uint32_t>(data[2]) << 8 | data[3]);
  } else if (ASN1_STRING_length(bytes) == 16) {
    std::copy(data, data + 16, ip.bytes.begin());
  } else {
    return {};
  }
  return ip.text();
}

std::vector<std::string> names_of(X509* certificate) {
  std::vector<std::string> names;
  const NamesPtr alternatives(
      static_cast<GENERAL_NAMES*>(X509_get_ext_d2i(certificate, NID_subject_alt_name, nullptr, nullptr)));
  for (int i = 0; alternatives && i < sk_GENERAL_NAME_num(alternatives.get()); ++i) {
    const GENERAL_NAME* name = sk_GENERAL_NAME_value(alternatives.get(), i);
    if (name->type == GEN_DNS) names.push_back(to_lower(text_of(name->d.dNSName)));
    if (name->type == GEN_IPADD) names.push_back(address_of(name->d.iPAddress));
  }
  if (!names.empty()) return names;
  auto* subject = X509_get_subject_name(certificate);
  const int at = X509_NAME_get_index_by_NID(subject, NID_commonName, -1);
  if (at >= 0) names.push_back(to_lower(text_of(X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, at)))));
  return names;
}

WallTime time_of(const ASN1_TIME* time) {
  std::tm fields{};
  if (ASN1_TIME_to_tm(time, &fields) != 1) return {};
  return WallClock::from_time_t(::timegm(&fields));
}

}  // namespace

bool CertificateFacts::covers(std::string_view name) const {
  return std::any_of(names.begin(), names.end(), [&](const std::string& mine) {
    if (iequals(mine, name)) return true;
    if (!mine.starts_with("*.")) return false;
    const auto dot = name.find('.');
    return dot != std::string_view::npos && dot > 0 && iequals(name.substr(dot), std::string_view(mine).substr(1));
  });
}

Result<CertificateFacts> read_certificate(std::string_view pem, std::string& why) {
  const X509Ptr certificate = parse(pem);
  if (!certificate) {
    why = "there is no certificate in PEM form in it";
    return Errc::malformed;
  }
  CertificateFacts facts;
  facts.names = names_of(certificate.get());
  facts.not_before = time_of(X509_get0_notBefore(certificate.get()));
  facts.not_after = time_of(X509_get0_notAfter(certificate.get()));
  return facts;
}

Result<> check_private_key(std::string_view certificate_pem, std::string_view key_pem, std::string& why) {
  const BioPtr bio = memory(key_pem);
  const KeyPtr key(bio ? PEM_read_bio_PrivateKey(bio.get(), nullptr, no_passphrase, nullptr) : nullptr);
  ERR_clear_error();
  if (!key) {
    why = key_pem.find("ENCRYPTED") != std::string_view::npos ? "the private key in it has a passphrase"
                                                              : "there is no private key in PEM form in it";
    return Errc::malformed;
  }
  const X509Ptr certificate = parse(certificate_pem);
  if (!certificate) {
    why = "there is no certificate in PEM form";
    return Errc::malformed;
  }
  const bool fits = X509_check_private_key(certificate.get(), key.get()) == 1;
  ERR_clear_error();
  if (fits) return {};
  why = "the private key does not belong to the certificate";
  return Errc::conflict;
}

Result<std::string> read_chain(std::string_view pem, std::size_t max, std::string& why) {
  const BioPtr in = memory(pem), out(BIO_new(BIO_s_mem()));
  X509Ptr before;
  std::size_t count = 0;
  for (; in && out; ++count) {
    X509Ptr certificate(PEM_read_bio_X509(in.get(), nullptr, no_passphrase, nullptr));
    if (!certificate) break;
    if (count == max) {
      ERR_clear_error();
      why = "there are more than " + std::to_string(max) + " certificates in it";
      return Errc::too_large;
    }
    if (before && X509_check_issued(certificate.get(), before.get()) != X509_V_OK) {
      why = "its certificates are no chain: one is not signed by the next";
      return Errc::malformed;
    }
    if (PEM_write_bio_X509(out.get(), certificate.get()) != 1) break;
    before = std::move(certificate);
  }
  // The end of the text says "no start line"; anything else was a block that can't be read.
  const bool ended = ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE;
  ERR_clear_error();
  if (count == 0 || !ended) {
    why = count == 0 ? "there is no certificate in PEM form in it" : "one of its certificates can't be read";
    return Errc::malformed;
  }
  char* data = nullptr;
  const long size = BIO_get_mem_data(out.get(), &data);
  return std::string(data, static_cast<std::size_t>(size));
}

}  // namespace genkan::base
