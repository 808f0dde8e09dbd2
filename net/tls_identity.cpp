#include "net/tls_identity.hpp"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <sys/stat.h>

#include <ctime>

#include "base/crypto.hpp"
#include "base/file.hpp"
#include "base/text.hpp"
#include "net/tls_certificate.hpp"
#include "net/tls_pem.hpp"

namespace genkan::net {
namespace {

// Mozilla's intermediate set for TLS 1.2 without the finite-field groups, whose key exchange costs a server far more
// than the client that asks for it. The suites of TLS 1.3 and the groups are those of both presets.
constexpr const char* kCiphers =
    "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-GCM-SHA384:"
    "ECDHE-RSA-AES256-GCM-SHA384:ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305";
constexpr const char* kSuites = "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256";
constexpr const char* kGroups = "X25519:P-256:P-384";

constexpr std::uint64_t kMaxPem = 1u << 20;
constexpr std::uint64_t kMaxRevoked = 64u << 20;

std::string hash(std::string_view text) {
  const auto digest = base::sha256(text);
  return {reinterpret_cast<const char*>(digest.data()), digest.size()};
}

std::string pem_of(::X509* certificate) {
  const BioPtr bio(::BIO_new(::BIO_s_mem()));
  ::PEM_write_bio_X509(bio.get(), certificate);
  char* data = nullptr;
  const long size = ::BIO_get_mem_data(bio.get(), &data);
  return {data, static_cast<std::size_t>(size)};
}

Result<std::string> read_stamped(const std::string& path, std::uint64_t limit, std::vector<FileStamp>& stamps) {
  stamps.push_back(stamp_of(path));
  return base::read_file(path, limit);
}

// Every certificate of the text goes into the store; their subjects are what clients are told.
bool add_authorities(std::string_view pem, ::X509_STORE* store, STACK_OF(X509_NAME) * issuers) {
  const BioPtr bio = memory(pem);
  int count = 0;
  for (;; ++count) {
    const CertPtr certificate = next_certificate(bio.get());
    if (!certificate) break;
    if (::X509_STORE_add_cert(store, certificate.get()) != 1) return false;
    ::X509_NAME* name = ::X509_NAME_dup(::X509_get_subject_name(certificate.get()));
    if (!name || sk_X509_NAME_push(issuers, name) == 0) return false;
  }
  ::ERR_clear_error();
  return count > 0;
}

bool add_revocations(std::string_view pem, ::X509_STORE* store) {
  const BioPtr bio = memory(pem);
  int count = 0;
  for (;; ++count) {
    const CrlPtr crl = next_revocations(bio.get());
    if (!crl) break;
    if (::X509_STORE_add_crl(store, crl.get()) != 1) return false;
  }
  ::ERR_clear_error();
  return count > 0;
}

Result<void> apply_settings(::SSL_CTX* context, const conf::Tls& tls, std::string& why) {
  common_settings(context);
  const bool modern = tls.min_version.empty() ? tls.preset == "modern" : tls.min_version == "1.3";
  ::SSL_CTX_set_min_proto_version(context, modern ? TLS1_3_VERSION : TLS1_2_VERSION);
  ::SSL_CTX_set_options(context, SSL_OP_PRIORITIZE_CHACHA);  // of those who put it first: they have no AES in hardware
  if (::SSL_CTX_set_cipher_list(context, tls.ciphers.empty() ? kCiphers : tls.ciphers.c_str()) != 1) {
    why = "[tls] ciphers: OpenSSL knows none of " + tls.ciphers;
    return Errc::malformed;
  }
  if (::SSL_CTX_set_ciphersuites(context, tls.cipher_suites.empty() ? kSuites : tls.cipher_suites.c_str()) != 1) {
    why = "[tls] cipher_suites: OpenSSL does not know all of " + tls.cipher_suites;
    return Errc::malformed;
  }
  std::string groups;
  for (const auto& curve : tls.curves) groups += (groups.empty() ? "" : ":") + curve;
  if (::SSL_CTX_set1_groups_list(context, groups.empty() ? kGroups : groups.c_str()) != 1) {
    why = "[tls] curves: OpenSSL does not know all of " + groups;
    return Errc::malformed;
  }
  ::ERR_clear_error();
  return {};
}

// The certificate, the rest of its chain, and the key.
Result<void> use_pair(Identity& identity, const std::string& chain, const std::string& key,
                      const std::string& cert_path, const std::string& key_path, std::string& why) {
  ::SSL_CTX* context = identity.context.get();
  ::ERR_clear_error();
  const BioPtr bio = memory(chain);
  const CertPtr certificate(::PEM_read_bio_X509_AUX(bio.get(), nullptr, no_passphrase, nullptr));
  if (!certificate || ::SSL_CTX_use_certificate(context, certificate.get()) != 1) {
    why = "cannot use the certificate " + cert_path + ": " + openssl_error();
    return Errc::tls_failed;
  }
  for (;;) {
    CertPtr next = next_certificate(bio.get());
    if (!next) break;
    if (identity.issuer_pem.empty() && ::X509_check_issued(next.get(), certificate.get()) == X509_V_OK) {
      identity.issuer_pem = pem_of(next.get());
    }
    if (::SSL_CTX_add0_chain_cert(context, next.get()) != 1) {
      why = "cannot use the chain in " + cert_path + ": " + openssl_error();
      return Errc::tls_failed;
    }
    static_cast<void>(next.release());
  }
  ::ERR_clear_error();
  const BioPtr key_bio = memory(key);
  const KeyPtr pkey = next_key(key_bio.get());
  if (!pkey || ::SSL_CTX_use_PrivateKey(context, pkey.get()) != 1 || ::SSL_CTX_check_private_key(context) != 1) {
    why = "cannot use the key " + key_path + " with the certificate " + cert_path + ": " + openssl_error();
    return Errc::tls_failed;
  }
  identity.ecdsa = ::EVP_PKEY_get_base_id(pkey.get()) == EVP_PKEY_EC;
  identity.cert_pem = pem_of(certificate.get());
  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned size = 0;
  if (::X509_digest(certificate.get(), ::EVP_sha256(), digest, &size) == 1) {
    identity.fingerprint = base::hex({reinterpret_cast<const char*>(digest), size});
  }
  std::tm fields{};
  if (::ASN1_TIME_to_tm(::X509_get0_notAfter(certificate.get()), &fields) == 1) {
    identity.not_after = WallClock::from_time_t(::timegm(&fields));
  }
  return {};
}

Result<void> read_pair(Identity& identity, const ContextSettings& settings, CertificateStore& store, std::string& why) {
  const conf::Certificate& row = identity.row;
  std::string cert = row.cert, key = row.key;
  if (!row.names.empty()) {
    if (const auto pair = store.installed(row.names.front())) {
      return use_pair(identity, pair->chain, pair->key, "for " + row.names.front(), "for " + row.names.front(), why);
    }
  }
  // Without files one is awaited (install()); until it is there clients get one of ours.
  if (row.self_signed || cert.empty()) {
    auto made = ensure_self_signed(settings.state_dir + "/tls", row.names, cert, key, why);
    if (!made) return made.error();
  }
  identity.cert_path = cert;
  const auto chain = read_stamped(cert, kMaxPem, identity.files);
  if (!chain) {
    why = "cannot use the certificate " + cert + ": " + chain.error().message();
    return chain.error();
  }
  const auto secret = read_stamped(key, kMaxPem, identity.files);
  if (!secret) {
    why = "cannot use the key " + key + ": " + secret.error().message();
    return secret.error();
  }
  return use_pair(identity, *chain, *secret, cert, key, why);
}

}  // namespace

FileStamp stamp_of(const std::string& path) {
  FileStamp stamp{path};
  struct ::stat info {};
  if (::stat(path.c_str(), &info) != 0) return stamp;
  stamp.modified_ns = info.st_mtim.tv_sec * 1'000'000'000 + info.st_mtim.tv_nsec;
  stamp.changed_ns = info.st_ctim.tv_sec * 1'000'000'000 + info.st_ctim.tv_nsec;
  stamp.inode = info.st_ino;
  stamp.size = static_cast<std::uint64_t>(info.st_size);
  return stamp;
}

Result<std::shared_ptr<const ClientPolicy>> read_policy(const std::string& auth, const std::string& ca,
                                                        const std::string& crl, std::string& why) {
  auto policy = std::make_shared<ClientPolicy>();
  if (auth != "optional" && auth != "required") return std::shared_ptr<const ClientPolicy>(std::move(policy));
  policy->verify = SSL_VERIFY_PEER | (auth == "required" ? SSL_VERIFY_FAIL_IF_NO_PEER_CERT : 0);
  policy->store.reset(::X509_STORE_new(), ::X509_STORE_free);
  policy->issuers.reset(sk_X509_NAME_new_null(),
                        [](STACK_OF(X509_NAME) * names) { sk_X509_NAME_pop_free(names, ::X509_NAME_free); });
  const auto authorities = read_stamped(ca, kMaxPem, policy->files);
  if (!authorities) {
    why = "cannot read the CA certificates of clients, " + ca + ": " + authorities.error().message();
    return authorities.error();
  }
  if (!add_authorities(*authorities, policy->store.get(), policy->issuers.get())) {
    why = "there is no CA certificate that can be used in " + ca;
    return Errc::malformed;
  }
  std::string revoked;
  if (!crl.empty()) {
    auto text = read_stamped(crl, kMaxRevoked, policy->files);
    if (!text) {
      why = "cannot read the revoked certificates of clients, " + crl + ": " + text.error().message();
      return text.error();
    }
    if (!add_revocations(*text, policy->store.get())) {
      why = "there is no list of revoked certificates that can be used in " + crl;
      return Errc::malformed;
    }
    ::X509_STORE_set_flags(policy->store.get(), X509_V_FLAG_CRL_CHECK);
    revoked = std::move(*text);
  }
  policy->digest = hash(auth + "\n" + hash(*authorities) + hash(revoked));
  return std::shared_ptr<const ClientPolicy>(std::move(policy));
}

Result<std::shared_ptr<const Identity>> make_identity(const conf::Certificate& row, const ContextSettings& settings,
                                                      CertificateStore& store, std::string& why) {
  auto identity = std::make_shared<Identity>();
  identity->row = row;
  identity->context.reset(::SSL_CTX_new(::TLS_server_method()));
  ::SSL_CTX* context = identity->context.get();
  if (auto done = apply_settings(context, settings.tls, why); !done) return done.error();
  if (auto done = read_pair(*identity, settings, store, why); !done) return done.error();
  auto policy = read_policy(row.client_auth, row.client_ca, row.client_crl, why);
  if (!policy) return policy.error();
  identity->policy = std::move(*policy);
  identity->files.insert(identity->files.end(), identity->policy->files.begin(), identity->policy->files.end());
  ::SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);  // tickets only
  if (settings.tls.session_tickets == "off") {
    ::SSL_CTX_set_options(context, SSL_OP_NO_TICKET);
    ::SSL_CTX_set_num_tickets(context, 0);
  } else {
    ::SSL_CTX_set_num_tickets(context, 1);
    ::SSL_CTX_set_timeout(context,
                          std::chrono::duration_cast<std::chrono::seconds>(settings.tls.ticket_rotation).count());
  }
  set_server_callbacks(context);
  for (const auto& name : row.names.empty() ? certificate_names(::SSL_CTX_get0_certificate(context)) : row.names) {
    identity->names.push_back(base::to_lower(name));
  }
  std::string all = identity->policy->digest + "\n";
  for (const auto& name : identity->names) all += name + "\n";
  identity->session_context = hash(all);
  identity->ocsp_file = row.ocsp_file;
  if (!row.ocsp_file.empty()) identity->files.push_back(stamp_of(row.ocsp_file));
  if (row.ocsp_stapling || !row.ocsp_file.empty()) identity->staple = store.staple(identity->fingerprint);
  return std::shared_ptr<const Identity>(std::move(identity));
}

Result<std::shared_ptr<const Identity>> make_challenge(const std::string& chain, const std::string& key,
                                                       std::string& why) {
  auto identity = std::make_shared<Identity>();
  identity->context.reset(::SSL_CTX_new(::TLS_server_method()));
  ::SSL_CTX* context = identity->context.get();
  if (auto done = apply_settings(context, conf::Tls(), why); !done) return done.error();
  if (auto done = use_pair(*identity, chain, key, "of the challenge", "of the challenge", why); !done)
    return done.error();
  ::SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
  ::SSL_CTX_set_options(context, SSL_OP_NO_TICKET);
  ::SSL_CTX_set_num_tickets(context, 0);
  set_server_callbacks(context);
  identity->policy = std::make_shared<ClientPolicy>();
  identity->session_context = hash("challenge");
  return std::shared_ptr<const Identity>(std::move(identity));
}

}  // namespace genkan::net
