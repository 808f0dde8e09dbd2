// One certificate as OpenSSL has it, with what its hosts ask of clients, and where its files stood when it was read.
// Immutable once made, but for the staple. Only net/tls*.cpp may include this.
#pragma once

#include <openssl/ssl.h>

#include <memory>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "base/result.hpp"
#include "conf/conf.hpp"
#include "net/tls_openssl.hpp"
#include "net/tls_store.hpp"
#include "net/tls_tickets.hpp"

namespace genkan::net {

// A file as it was when it was read: another one, or another content, has another stamp.
struct FileStamp {
  std::string path;
  std::int64_t modified_ns = -1, changed_ns = -1;  // -1: it was not there
  std::uint64_t inode = 0, size = 0;
  bool operator==(const FileStamp&) const = default;
};
FileStamp stamp_of(const std::string& path);

// What clients must show. Immutable.
struct ClientPolicy {
  int verify = SSL_VERIFY_NONE;
  std::shared_ptr<::X509_STORE> store;
  std::shared_ptr<STACK_OF(X509_NAME)> issuers;  // named to clients, so that browsers offer what fits
  std::string digest;                            // of all of it; empty: nothing is asked
  std::vector<FileStamp> files;
  bool asks() const noexcept { return verify != SSL_VERIFY_NONE; }
};
Result<std::shared_ptr<const ClientPolicy>> read_policy(const std::string& auth, const std::string& ca,
                                                        const std::string& crl, std::string& why);

struct Identity {
  Context context;
  std::vector<std::string> names;  // lower case: what it is chosen for
  std::shared_ptr<const ClientPolicy> policy;
  // Sessions are resumed only where the same names and the same policy hold.
  std::string session_context;
  bool ecdsa = false;
  std::string cert_path, issuer_pem, cert_pem;  // for stapling; PEM of issuer empty: not in the chain
  std::string fingerprint;
  WallTime not_after{};
  std::shared_ptr<Staple> staple;  // null: none wanted
  std::string ocsp_file;
  std::vector<FileStamp> files;
  conf::Certificate row;
};

// What all contexts of a server share.
struct ContextSettings {
  const conf::Tls& tls;
  std::string state_dir;
};
Result<std::shared_ptr<const Identity>> make_identity(const conf::Certificate& row, const ContextSettings& settings,
                                                      CertificateStore& store, std::string& why);
// For TLS-ALPN-01: no names, no policy, no tickets.
Result<std::shared_ptr<const Identity>> make_challenge(const std::string& chain, const std::string& key,
                                                       std::string& why);

// Implemented beside the server's stream: everything that a context of a server calls back.
void set_server_callbacks(::SSL_CTX* context);

}  // namespace genkan::net
