// What Transport needs of TLS: one session over a Socket, non-blocking. Implemented in net/tls.cpp.
#pragma once

#include <cstddef>
#include <string_view>

#include "base/result.hpp"
#include "net/socket.hpp"

namespace genkan::net {

enum class TlsWant { nothing, read, write };
// Why a peer's certificate was not believed; none: that was not the matter.
enum class TlsDoubt { none, expired, wrong_name, untrusted, other };

class TlsStream {
 public:
  virtual ~TlsStream() = default;
  // n > 0; 0: the peer ended the stream with close_notify; -1: `want` says what to wait for, or `error` is set.
  virtual ssize_t read(Socket& socket, char* data, std::size_t size, TlsWant& want, Error& error) noexcept = 0;
  virtual ssize_t write(Socket& socket, const char* data, std::size_t size, TlsWant& want, Error& error) noexcept = 0;
  virtual bool handshake(Socket& socket, TlsWant& want, Error& error) noexcept = 0;  // true: done
  virtual void close_notify(Socket& socket) noexcept = 0;
  virtual bool pending() const noexcept = 0;  // decrypted or buffered bytes wait inside

  // Facts, after the handshake. Views live as long as the stream.
  virtual std::string_view server_name() const noexcept = 0;  // SNI
  virtual std::string_view alpn() const noexcept = 0;
  virtual std::string_view version() const noexcept = 0;  // "TLSv1.3"
  virtual std::string_view cipher() const noexcept = 0;
  virtual TlsDoubt doubt() const noexcept { return TlsDoubt::none; }
  // The subject of the peer's certificate (RFC 2253), when one was asked for and checked; else empty.
  virtual std::string_view peer_subject() const noexcept { return {}; }
};

}  // namespace genkan::net
