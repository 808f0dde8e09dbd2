// A client's connection, from the first byte of its ClientHello: which certificate it gets, whether it is asked for
// one, whether it may resume, whether its early data is taken. Only net/tls*.cpp may include this.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "net/tls_identity.hpp"
#include "net/tls_openssl.hpp"

namespace genkan::net {

// What a listener says of its clients.
struct Door {
  std::string alpn;                            // in ALPN's form
  std::shared_ptr<const ClientPolicy> policy;  // null: as the certificate says
  bool early_data = false;
};

// One state of a TlsServer: immutable; streams keep the one they began with.
struct TlsSet {
  std::vector<std::shared_ptr<const Identity>> identities;  // the first serves who asks for none of the others
  // In the order of the configuration; for one name there may be one for each kind of key.
  std::unordered_map<std::string, std::vector<const Identity*>> exact, wildcard;  // wildcard: ".example.org"
  std::map<std::string, Door, std::less<>> doors;  // by the listener's name; "" is all else
  std::shared_ptr<const TicketKeys> tickets;       // null: none
  std::shared_ptr<CertificateStore> store;
  bool asks = false;

  // `name` in lower case. Null: nobody's.
  const std::vector<const Identity*>* find(const std::string& name) const;
  const Identity& choose(const std::string& name, bool ecdsa, bool& known) const;
};

class ServerStream final : public OpenSslStream {
 public:
  ServerStream(std::shared_ptr<const TlsSet> set, const Door& door);

  ssize_t read(Socket& socket, char* data, std::size_t size, TlsWant& want, Error& error) noexcept override;
  ssize_t write(Socket& socket, const char* data, std::size_t size, TlsWant& want, Error& error) noexcept override;
  bool handshake(Socket& socket, TlsWant& want, Error& error) noexcept override;
  bool pending() const noexcept override { return !early_bytes_.empty() || OpenSslStream::pending(); }
  const PeerCertificate* peer() const noexcept override { return peer_ ? &*peer_ : nullptr; }
  bool early() const noexcept override { return early_ == Early::reading || early_ == Early::finishing; }
  bool fits(std::string_view host) const override;

  // For OpenSSL's callbacks.
  int on_client_hello(int* alert);
  int on_alpn(const unsigned char** out, unsigned char* size, const unsigned char* offered, unsigned length) const;
  int on_staple();
  bool allows_early_data() const;
  void mark_ticket() const;
  bool known_name() const noexcept { return known_name_; }
  const TicketKeys* tickets() const noexcept { return set_->tickets.get(); }

 private:
  enum class Early { none, possible, reading, finishing };  // finishing: all of it is read, the handshake is not over
  const ClientPolicy& policy() const noexcept { return door_.policy ? *door_.policy : *identity_->policy; }
  bool read_early(Socket& socket, char* data, std::size_t size, std::size_t& count, TlsWant& want,
                  Error& error) noexcept;
  bool finish(Socket& socket, TlsWant& want, Error& error) noexcept;
  bool note_peer(Error& error);

  std::shared_ptr<const TlsSet> set_;
  const Door& door_;  // of set_
  const Identity* identity_;
  std::shared_ptr<const Identity> challenge_;
  std::string requested_;  // SNI, lower case
  bool known_name_ = false;
  Early early_ = Early::none;
  std::string early_bytes_;
  std::optional<PeerCertificate> peer_;
};

}  // namespace genkan::net
