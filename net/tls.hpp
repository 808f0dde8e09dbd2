// TLS by OpenSSL. TlsServer picks a certificate by SNI and is immutable: a reload makes a new one. TlsClient verifies.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "conf/conf.hpp"
#include "net/resolver.hpp"
#include "net/tls_stream.hpp"

namespace genkan::net {

class TlsServer {
 public:
  // `alpn`: in order of our preference, e.g. {"h2", "http/1.1"}. `why` says which file and what is wrong with it.
  // Certificates with self_signed are made in state_dir/tls when they are not there.
  static Result<std::shared_ptr<const TlsServer>> make(const conf::Tls& tls,
                                                       const std::vector<conf::Certificate>& certificates,
                                                       const std::string& state_dir, std::vector<std::string> alpn,
                                                       std::string& why);
  // `alpn`: instead of those above.
  std::unique_ptr<TlsStream> accept(const std::vector<std::string>& alpn = {}) const;
  ~TlsServer();

 private:
  struct Impl;
  explicit TlsServer(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

class TlsClient {
 public:
  struct Options {
    bool verify = true;  // against the system's CA certificates or `ca_file`
    std::string ca_file;
    std::vector<std::string> alpn;
  };
  static Result<std::shared_ptr<const TlsClient>> make(const Options& options, std::string& why);
  std::unique_ptr<TlsStream> connect(std::string_view host) const;  // for SNI and verification
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
