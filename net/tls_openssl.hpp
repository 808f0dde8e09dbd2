// OpenSSL behind TlsStream: what the server's and the client's side have in common. Only net/tls*.cpp may include this.
#pragma once

#include <openssl/ssl.h>

#include <memory>
#include <string>
#include <vector>

#include "net/tls_stream.hpp"

namespace genkan::net {

struct ContextFree {
  void operator()(::SSL_CTX* c) const noexcept { ::SSL_CTX_free(c); }
};
using Context = std::unique_ptr<::SSL_CTX, ContextFree>;

class OpenSslStream : public TlsStream {
 public:
  OpenSslStream(::SSL_CTX* context, bool server);
  ~OpenSslStream() override { ::SSL_free(ssl_); }
  OpenSslStream(const OpenSslStream&) = delete;
  ::SSL* raw() noexcept { return ssl_; }

  ssize_t read(Socket& socket, char* data, std::size_t size, TlsWant& want, Error& error) noexcept override;
  ssize_t write(Socket& socket, const char* data, std::size_t size, TlsWant& want, Error& error) noexcept override;
  bool handshake(Socket& socket, TlsWant& want, Error& error) noexcept override;
  void close_notify(Socket& socket) noexcept override;
  void more_follows() noexcept override { more_follows_ = true; }

  bool pending() const noexcept override { return ::SSL_has_pending(ssl_) == 1; }
  std::string_view server_name() const noexcept override { return server_name_; }
  std::string_view alpn() const noexcept override;
  std::string_view version() const noexcept override { return ::SSL_get_version(ssl_); }
  std::string_view cipher() const noexcept override { return ::SSL_get_cipher_name(ssl_); }
  bool resumed() const noexcept override { return ::SSL_session_reused(ssl_) == 1; }

  // For the BIO.
  ssize_t receive(char* data, std::size_t size) noexcept { return socket_->receive(data, size); }
  ssize_t send(const char* data, std::size_t size) noexcept;

 protected:
  void attach(Socket& socket) noexcept;  // before every call into OpenSSL
  // 0: ended with close_notify; -1: `want` or `error` is set.
  ssize_t judge(int n, TlsWant& want, Error& error) noexcept;

  ::SSL* ssl_;
  bool done_ = false;  // the handshake is over, and nothing broke since
  std::string server_name_;

 private:
  static constexpr std::size_t kMaxHeld = 4 * 1024;

  ::BIO* bio_ = nullptr;
  Socket* socket_ = nullptr;
  std::string held_;           // a short record that leaves with the next one
  bool more_follows_ = false;  // the next write has another one behind it
  bool holds_ = false;         // that write is under way
};

std::string openssl_error();  // the last one that waits, for people; clears them
void common_settings(::SSL_CTX* context);
std::string alpn_wire(const std::vector<std::string>& protocols);

}  // namespace genkan::net
