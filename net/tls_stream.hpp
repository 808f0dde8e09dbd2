// What Transport needs of TLS: one session over a Socket, non-blocking. Implemented in net/tls*.cpp.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "base/result.hpp"
#include "conf/client_fact.hpp"
#include "net/socket.hpp"

namespace genkan::net {

// A peer's certificate that was verified. Texts for logs, rules and fields.
struct PeerCertificate {
  std::string subject, issuer;  // RFC 2253: "CN=ann,O=Example"
  std::string serial;           // hexadecimal
  std::string fingerprint;      // SHA-256 of the certificate, hexadecimal
  std::string san;              // "DNS:a.example, email:ann@example.org"
  std::string not_after;        // "2030-01-31T12:00:00Z"
  std::string certificate;      // RFC 9440 2.2: ":MIIB...:"
};
// Of none (null): "NONE" for `verified`, else empty.
std::string_view fact_of(const PeerCertificate* peer, conf::ClientFact fact) noexcept;

enum class TlsWant { nothing, read, write };
// Why a peer's certificate was not believed; none: that was not the matter.
enum class TlsDoubt { none, expired, wrong_name, untrusted, other };

class TlsStream {
 public:
  virtual ~TlsStream() = default;
  // n > 0; 0: the peer ended the stream with close_notify; -1: `want` says what to wait for, or `error` is set.
  virtual ssize_t read(Socket& socket, char* data, std::size_t size, TlsWant& want, Error& error) noexcept = 0;
  virtual ssize_t write(Socket& socket, const char* data, std::size_t size, TlsWant& want, Error& error) noexcept = 0;
  // Says of the next write that another one follows at once: what it makes may be sent together with that.
  virtual void more_follows() noexcept {}
  virtual bool handshake(Socket& socket, TlsWant& want, Error& error) noexcept = 0;  // true: done
  virtual void close_notify(Socket& socket) noexcept = 0;
  virtual bool pending() const noexcept = 0;  // decrypted or buffered bytes wait inside

  // Facts, after the handshake. Views live as long as the stream.
  virtual std::string_view server_name() const noexcept = 0;  // SNI
  virtual std::string_view alpn() const noexcept = 0;
  virtual std::string_view version() const noexcept = 0;  // "TLSv1.3"
  virtual std::string_view cipher() const noexcept = 0;
  virtual TlsDoubt doubt() const noexcept { return TlsDoubt::none; }
  virtual bool resumed() const noexcept { return false; }  // a session of before
  // The peer's certificate, when one was asked for, shown and verified; else null.
  virtual const PeerCertificate* peer() const noexcept { return nullptr; }
  std::string_view peer_subject() const noexcept { return fact_of(peer(), conf::ClientFact::subject); }
  // What was read so far came before the handshake was over (0-RTT): somebody may have recorded and repeated it.
  virtual bool early() const noexcept { return false; }
  // Whether a request for `host` may come over this connection: false when that host's clients must show a certificate
  // that this handshake did not ask for (RFC 9110 15.5.20).
  virtual bool fits(std::string_view host) const {
    (void)host;
    return true;
  }
  // Why the handshake failed, for people; empty: the error alone has to do.
  virtual std::string failure() const { return {}; }
};

}  // namespace genkan::net
