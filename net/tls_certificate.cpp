#include "net/tls_certificate.hpp"

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <sys/stat.h>

#include <ctime>
#include <memory>

#include "base/address.hpp"
#include "base/file.hpp"
#include "base/text.hpp"

namespace genkan::net {
namespace {

struct Free {
  void operator()(::EVP_PKEY* p) const noexcept { ::EVP_PKEY_free(p); }
  void operator()(::X509* p) const noexcept { ::X509_free(p); }
  void operator()(::BIO* p) const noexcept { ::BIO_free_all(p); }
  void operator()(::X509_EXTENSION* p) const noexcept { ::X509_EXTENSION_free(p); }
};
template <class T>
using Owned = std::unique_ptr<T, Free>;

std::string text_of(::BIO* bio) {
  char* data = nullptr;
  const long size = ::BIO_get_mem_data(bio, &data);
  return {data, static_cast<std::size_t>(size)};
}

bool still_valid(const std::string& path) {
  const auto pem = base::read_file(path);
  if (!pem) return false;
  const Owned<::BIO> bio(::BIO_new_mem_buf(pem->data(), static_cast<int>(pem->size())));
  const Owned<::X509> certificate(::PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr));
  return certificate && ::X509_cmp_current_time(::X509_get0_notAfter(certificate.get())) > 0;
}

void add_extension(::X509* certificate, int nid, const std::string& value) {
  ::X509V3_CTX context;
  X509V3_set_ctx_nodb(&context);
  ::X509V3_set_ctx(&context, certificate, certificate, nullptr, nullptr, 0);
  const Owned<::X509_EXTENSION> extension(::X509V3_EXT_conf_nid(nullptr, &context, nid, value.c_str()));
  if (extension) ::X509_add_ext(certificate, extension.get(), -1);
}

}  // namespace

std::vector<std::string> certificate_names(::X509* certificate) {
  std::vector<std::string> names;
  auto* all = static_cast<::GENERAL_NAMES*>(::X509_get_ext_d2i(certificate, NID_subject_alt_name, nullptr, nullptr));
  for (int i = 0; i < sk_GENERAL_NAME_num(all); ++i) {
    const ::GENERAL_NAME* name = sk_GENERAL_NAME_value(all, i);
    if (name->type != GEN_DNS) continue;
    names.push_back(base::to_lower({reinterpret_cast<const char*>(::ASN1_STRING_get0_data(name->d.dNSName)),
                                    static_cast<std::size_t>(::ASN1_STRING_length(name->d.dNSName))}));
  }
  ::GENERAL_NAMES_free(all);
  return names;
}

Result<void> ensure_self_signed(const std::string& folder, const std::vector<std::string>& names, std::string& cert,
                                std::string& key, std::string& why) {
  const std::string name = names.empty() ? "localhost" : names.front();
  std::string file_name = name;
  for (char& c : file_name) {
    if (c == '/' || c == '*') c = '_';
  }
  const std::string stem = folder + "/self-signed-" + file_name;
  cert = stem + ".crt";
  key = stem + ".key";
  struct ::stat info {};
  if (still_valid(cert) && ::stat(key.c_str(), &info) == 0) return {};

  const Owned<::EVP_PKEY> pair(::EVP_EC_gen("P-256"));
  const Owned<::X509> certificate(::X509_new());
  if (!pair || !certificate) {
    why = "OpenSSL could not make a key";
    return Errc::tls_failed;
  }
  ::X509_set_version(certificate.get(), 2);
  ::ASN1_INTEGER_set(::X509_get_serialNumber(certificate.get()), static_cast<long>(std::time(nullptr)));
  ::X509_gmtime_adj(::X509_getm_notBefore(certificate.get()), -3600);
  ::X509_gmtime_adj(::X509_getm_notAfter(certificate.get()), 10l * 365 * 24 * 3600);
  ::X509_set_pubkey(certificate.get(), pair.get());
  ::X509_NAME* subject = ::X509_get_subject_name(certificate.get());
  ::X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_UTF8, reinterpret_cast<const unsigned char*>(name.c_str()), -1,
                               -1, 0);
  ::X509_set_issuer_name(certificate.get(), subject);
  std::string alternatives;
  for (const auto& n : names.empty() ? std::vector<std::string>{name} : names) {
    if (!alternatives.empty()) alternatives += ",";
    alternatives += (base::IpAddress::parse(n) ? "IP:" : "DNS:") + n;
  }
  add_extension(certificate.get(), NID_subject_alt_name, alternatives);
  add_extension(certificate.get(), NID_basic_constraints, "critical,CA:TRUE");
  if (::X509_sign(certificate.get(), pair.get(), ::EVP_sha256()) == 0) {
    why = "OpenSSL could not sign";
    return Errc::tls_failed;
  }
  const Owned<::BIO> cert_bio(::BIO_new(::BIO_s_mem())), key_bio(::BIO_new(::BIO_s_mem()));
  ::PEM_write_bio_X509(cert_bio.get(), certificate.get());
  ::PEM_write_bio_PrivateKey(key_bio.get(), pair.get(), nullptr, nullptr, 0, nullptr, nullptr);
  auto done = base::make_dirs(folder, 0700);
  if (done) done = base::write_file_durable(key, text_of(key_bio.get()), 0600);
  if (done) done = base::write_file_durable(cert, text_of(cert_bio.get()), 0644);
  if (!done) {
    why = "cannot write the self-signed certificate below " + folder + ": " + done.error().message();
    return done.error();
  }
  return {};
}

}  // namespace genkan::net
