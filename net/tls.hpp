// TLS by OpenSSL. TlsServer picks a certificate by SNI; a reload makes a new one, and what changed on disk is taken in
// by refresh(). TlsClient verifies.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "conf/conf.hpp"
#include "net/resolver.hpp"
#include "net/tls_store.hpp"
#include "net/tls_stream.hpp"

namespace genkan::net {

// The certificates of one configuration. Workers call accept() and hold what it returns; one other thread at a time
// calls refresh(). What a handshake began with stays whole until its stream ends.
class TlsServer {
 public:
  struct Options {
    conf::Tls tls;
    std::vector<conf::Certificate> certificates;
    std::vector<conf::Listen> listens;  // those with tls: what each says of its clients
    std::string state_dir;              // self-signed certificates and the key of tickets are made below it, in tls/
    std::string ticket_secret;          // empty: one of our own, kept in state_dir
    std::vector<std::string> alpn;      // where no listener is named, in order of our preference
    std::shared_ptr<CertificateStore> store;  // null: one of its own
  };
  // Blocks (files). `why` says which file and what is wrong with it.
  static Result<std::shared_ptr<TlsServer>> make(Options options, std::string& why);
  // `listener`: its name in [[listen]], for its protocols and its rules; empty: `alpn`, and clients are asked for
  // nothing.
  std::unique_ptr<TlsStream> accept(std::string_view listener = {}) const;
  ~TlsServer();

  // Whether any client is ever asked for a certificate.
  bool asks_clients() const;

  // Blocks: for a thread that may. True: a file is not as it was when it was read last (or tried last).
  bool changed() const;
  // Reads what has changed and puts it in place for new handshakes. On an error nothing has changed.
  Result<void> refresh(std::string& why);

  // One of the certificates, for operators and for stapling.
  struct Certificate {
    std::vector<std::string> names;
    std::string file, fingerprint;
    WallTime not_after{};
    std::string cert_pem, issuer_pem;
    std::shared_ptr<Staple> staple;  // null: none wanted
    std::string ocsp_file;           // the staple comes from here; empty: from the responder
    bool self_signed = false;
  };
  std::vector<Certificate> certificates() const;

 private:
  struct Impl;
  explicit TlsServer(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

class TlsSessions;

// Our side of a connection to a server. Immutable; any thread. Implemented in net/tls_client.cpp.
class TlsClient {
 public:
  struct Options {
    bool verify = true;  // against the system's CA certificates or `ca_file`
    std::string ca_file;
    std::vector<std::string> alpn;
    std::string cert_file, key_file;  // what we show a server that asks; empty: nothing
  };
  static Result<std::shared_ptr<const TlsClient>> make(const Options& options, std::string& why);
  // `host`: for SNI (a name) and verification. With `sessions`: one of before is resumed, and new ones are kept there.
  std::unique_ptr<TlsStream> connect(std::string_view host, std::shared_ptr<TlsSessions> sessions = nullptr) const;
  // Equal for clients of the same options and files: what one has verified the other would too.
  const std::string& identity() const noexcept;
  // Verification by TLSA records instead of authorities (DANE, RFC 7672; usages 2 and 3 only). `names`: what else a
  // certificate may be for, beside `host`. With no record that OpenSSL can use the peer is not verified, as the RFC has
  // it. Needs Options::verify.
  std::unique_ptr<TlsStream> connect_dane(std::string_view host, const std::vector<std::string>& names,
                                          const std::vector<TlsaRecord>& records) const;
  ~TlsClient();

 private:
  struct Impl;
  explicit TlsClient(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace genkan::net
