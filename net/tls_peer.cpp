#include "net/tls_peer.hpp"

#include <openssl/evp.h>
#include <openssl/x509v3.h>

#include <ctime>
#include <memory>

#include "base/address.hpp"
#include "base/text.hpp"

namespace genkan::net {
namespace {

struct Free {
  void operator()(::BIO* p) const noexcept { ::BIO_free_all(p); }
  void operator()(::BIGNUM* p) const noexcept { ::BN_free(p); }
  void operator()(char* p) const noexcept { OPENSSL_free(p); }
  void operator()(unsigned char* p) const noexcept { OPENSSL_free(p); }
};

// RFC 2253 with UTF-8 left as it is; control characters are escaped.
std::string name_text(const ::X509_NAME* name) {
  const std::unique_ptr<::BIO, Free> bio(::BIO_new(::BIO_s_mem()));
  ::X509_NAME_print_ex(bio.get(), name, 0, XN_FLAG_RFC2253 & ~static_cast<unsigned long>(ASN1_STRFLGS_ESC_MSB));
  char* data = nullptr;
  const long size = ::BIO_get_mem_data(bio.get(), &data);
  return {data, static_cast<std::size_t>(size)};
}

// What stands in a certificate is its holder's text: nothing of it may end a line or look like another entry.
std::string harmless(const ::ASN1_STRING* string) {
  std::string out;
  const std::string_view text(reinterpret_cast<const char*>(::ASN1_STRING_get0_data(string)),
                              static_cast<std::size_t>(::ASN1_STRING_length(string)));
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte <= 0x20 || byte >= 0x7f || c == ',' || c == '"' || c == '\\') {
      out += "\\" + base::hex(std::string_view(&c, 1));
    } else {
      out += c;
    }
  }
  return out;
}

std::string ip_text(const ::ASN1_STRING* bytes) {
  const unsigned char* data = ::ASN1_STRING_get0_data(bytes);
  base::IpAddress ip;
  if (::ASN1_STRING_length(bytes) == 4) {
    ip = base::IpAddress::v4(static_cast<std::uint32_t>(data[0]) << 24 | static_cast<std::uint32_t>(data[1]) << 16 |
                             static_cast<std::uint32_t>(data[2]) << 8 | data[3]);
  } else if (::ASN1_STRING_length(bytes) == 16) {
    std::copy(data, data + 16, ip.bytes.begin());
  } else {
    return {};
  }
  return ip.text();
}

std::string alternative_names(::X509* certificate) {
  std::string out;
  auto* all = static_cast<::GENERAL_NAMES*>(::X509_get_ext_d2i(certificate, NID_subject_alt_name, nullptr, nullptr));
  for (int i = 0; i < sk_GENERAL_NAME_num(all); ++i) {
    const ::GENERAL_NAME* name = sk_GENERAL_NAME_value(all, i);
    std::string one;
    if (name->type == GEN_DNS) one = "DNS:" + harmless(name->d.dNSName);
    if (name->type == GEN_EMAIL) one = "email:" + harmless(name->d.rfc822Name);
    if (name->type == GEN_URI) one = "URI:" + harmless(name->d.uniformResourceIdentifier);
    if (name->type == GEN_IPADD) one = "IP:" + ip_text(name->d.iPAddress);
    if (one.empty()) continue;
    if (!out.empty()) out += ", ";
    out += one;
  }
  ::GENERAL_NAMES_free(all);
  return out;
}

std::string time_text(const ::ASN1_TIME* time) {
  std::tm fields{};
  char text[32] = {};
  if (::ASN1_TIME_to_tm(time, &fields) != 1) return {};
  std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &fields);
  return text;
}

std::string serial_text(const ::ASN1_INTEGER* serial) {
  const std::unique_ptr<::BIGNUM, Free> number(::ASN1_INTEGER_to_BN(serial, nullptr));
  const std::unique_ptr<char, Free> hex(number ? ::BN_bn2hex(number.get()) : nullptr);
  return hex ? std::string(hex.get()) : std::string();
}

}  // namespace

PeerCertificate describe_peer(::X509* certificate) {
  PeerCertificate out;
  out.subject = name_text(::X509_get_subject_name(certificate));
  out.issuer = name_text(::X509_get_issuer_name(certificate));
  out.serial = serial_text(::X509_get0_serialNumber(certificate));
  out.san = alternative_names(certificate);
  out.not_after = time_text(::X509_get0_notAfter(certificate));
  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned size = 0;
  if (::X509_digest(certificate, ::EVP_sha256(), digest, &size) == 1) {
    out.fingerprint = base::hex({reinterpret_cast<const char*>(digest), size});
  }
  unsigned char* der = nullptr;
  if (const int length = ::i2d_X509(certificate, &der); length > 0) {
    const std::unique_ptr<unsigned char, Free> owned(der);
    out.certificate = ":" + base::base64({reinterpret_cast<const char*>(der), static_cast<std::size_t>(length)}) + ":";
  }
  return out;
}

std::string_view fact_of(const PeerCertificate* peer, conf::ClientFact fact) noexcept {
  if (fact == conf::ClientFact::verified) return peer ? "SUCCESS" : "NONE";
  if (!peer) return {};
  switch (fact) {
    case conf::ClientFact::subject:
      return peer->subject;
    case conf::ClientFact::issuer:
      return peer->issuer;
    case conf::ClientFact::serial:
      return peer->serial;
    case conf::ClientFact::fingerprint:
      return peer->fingerprint;
    case conf::ClientFact::san:
      return peer->san;
    case conf::ClientFact::not_after:
      return peer->not_after;
    case conf::ClientFact::certificate:
      return peer->certificate;
    case conf::ClientFact::verified:
      break;
  }
  return {};
}

}  // namespace genkan::net
