#include "net/tls_server_stream.hpp"

#include <openssl/err.h>
#include <openssl/x509.h>

#include <algorithm>
#include <cstring>

#include "base/crypto.hpp"
#include "net/tls_hello.hpp"
#include "net/tls_peer.hpp"

namespace genkan::net {
namespace {

constexpr std::uint32_t kMaxEarlyData = 16 * 1024;

std::string_view extension(::SSL* ssl, unsigned type) {
  const unsigned char* data = nullptr;
  std::size_t size = 0;
  if (::SSL_client_hello_get0_ext(ssl, type, &data, &size) != 1) return {};
  return {reinterpret_cast<const char*>(data), size};
}

ServerStream* stream_of(::SSL* ssl) noexcept { return static_cast<ServerStream*>(SSL_get_app_data(ssl)); }

int on_client_hello(::SSL* ssl, int* alert, void*) { return stream_of(ssl)->on_client_hello(alert); }

// The certificate is chosen already; this tells the client, and the session, that its name meant something.
int on_server_name(::SSL* ssl, int*, void*) {
  return stream_of(ssl)->known_name() ? SSL_TLSEXT_ERR_OK : SSL_TLSEXT_ERR_NOACK;
}

int on_alpn(::SSL* ssl, const unsigned char** out, unsigned char* size, const unsigned char* offered, unsigned length,
            void*) {
  return stream_of(ssl)->on_alpn(out, size, offered, length);
}

int on_status(::SSL* ssl, void*) { return stream_of(ssl)->on_staple(); }

int on_ticket_key(::SSL* ssl, unsigned char* name, unsigned char* iv, ::EVP_CIPHER_CTX* cipher, ::EVP_MAC_CTX* mac,
                  int encrypt) {
  const TicketKeys* keys = stream_of(ssl)->tickets();
  return keys ? keys->use(ssl, name, iv, cipher, mac, encrypt == 1) : 0;
}

int on_ticket_made(::SSL* ssl, void*) {
  stream_of(ssl)->mark_ticket();
  return 1;
}

::SSL_TICKET_RETURN on_ticket_read(::SSL*, ::SSL_SESSION*, const unsigned char*, std::size_t,
                                   ::SSL_TICKET_STATUS status, void*) {
  switch (status) {
    case SSL_TICKET_SUCCESS:
      return SSL_TICKET_RETURN_USE;
    case SSL_TICKET_SUCCESS_RENEW:
      return SSL_TICKET_RETURN_USE_RENEW;
    default:
      return SSL_TICKET_RETURN_IGNORE_RENEW;
  }
}

int on_early_data(::SSL* ssl, void*) { return stream_of(ssl)->allows_early_data() ? 1 : 0; }

}  // namespace

void set_server_callbacks(::SSL_CTX* context) {
  ::SSL_CTX_set_client_hello_cb(context, on_client_hello, nullptr);
  ::SSL_CTX_set_tlsext_servername_callback(context, on_server_name);
  ::SSL_CTX_set_alpn_select_cb(context, on_alpn, nullptr);
  ::SSL_CTX_set_tlsext_status_cb(context, on_status);
  ::SSL_CTX_set_tlsext_ticket_key_evp_cb(context, on_ticket_key);
  ::SSL_CTX_set_session_ticket_cb(context, on_ticket_made, on_ticket_read, nullptr);
}

const std::vector<const Identity*>* TlsSet::find(const std::string& name) const {
  if (const auto found = exact.find(name); found != exact.end()) return &found->second;
  const std::size_t dot = name.find('.');
  if (dot == std::string::npos || dot == 0) return nullptr;
  const auto found = wildcard.find(name.substr(dot));
  return found == wildcard.end() ? nullptr : &found->second;
}

const Identity& TlsSet::choose(const std::string& name, bool ecdsa, bool& known) const {
  const auto* those = name.empty() ? nullptr : find(name);
  known = those != nullptr;
  if (!those) return *identities.front();
  if (those->size() > 1) {
    for (const Identity* identity : *those) {
      if (identity->ecdsa == ecdsa) return *identity;
    }
  }
  return *those->front();
}

ServerStream::ServerStream(std::shared_ptr<const TlsSet> set, const Door& door)
    : OpenSslStream(set->identities.front()->context.get(), true),
      set_(std::move(set)),
      door_(door),
      identity_(set_->identities.front().get()) {
  SSL_set_app_data(ssl_, this);
  if (door_.early_data && set_->tickets) {
    early_ = Early::possible;
    ::SSL_set_max_early_data(ssl_, kMaxEarlyData);
    ::SSL_set_recv_max_early_data(ssl_, kMaxEarlyData);
    ::SSL_set_options(ssl_, SSL_OP_NO_ANTI_REPLAY);  // OpenSSL's needs tickets with state; ours: EarlyDataGuard
    ::SSL_set_allow_early_data_cb(ssl_, on_early_data, nullptr);
  }
}

// Before anything else of the handshake, resumption above all: a session that was made where nobody asked for a
// certificate must not be resumed where one is needed.
int ServerStream::on_client_hello(int* alert) {
  requested_ = hello_name(extension(ssl_, TLSEXT_TYPE_server_name));
  if (hello_wants_challenge(extension(ssl_, TLSEXT_TYPE_application_layer_protocol_negotiation))) {
    challenge_ = set_->store->challenge(requested_);
    if (!challenge_) {
      *alert = SSL_AD_NO_APPLICATION_PROTOCOL;
      return SSL_CLIENT_HELLO_ERROR;
    }
    identity_ = challenge_.get();
    known_name_ = true;
  } else {
    const bool ecdsa = hello_knows_ecdsa(extension(ssl_, TLSEXT_TYPE_signature_algorithms));
    identity_ = &set_->choose(requested_, ecdsa, known_name_);
  }
  ::SSL_set_SSL_CTX(ssl_, identity_->context.get());
  std::string context = identity_->session_context;
  if (!challenge_) {
    const ClientPolicy& wanted = policy();
    if (wanted.asks()) {
      ::SSL_set_verify(ssl_, wanted.verify, nullptr);
      ::SSL_set1_verify_cert_store(ssl_, wanted.store.get());
      ::SSL_set_client_CA_list(ssl_, ::SSL_dup_CA_list(wanted.issuers.get()));
    }
    if (door_.policy) {
      const auto both = base::sha256(context + door_.policy->digest);
      context.assign(reinterpret_cast<const char*>(both.data()), both.size());
    }
  }
  ::SSL_set_session_id_context(ssl_, reinterpret_cast<const unsigned char*>(context.data()),
                               static_cast<unsigned>(context.size()));
  return SSL_CLIENT_HELLO_SUCCESS;
}

int ServerStream::on_alpn(const unsigned char** out, unsigned char* size, const unsigned char* offered,
                          unsigned length) const {
  if (challenge_) {
    *out = reinterpret_cast<const unsigned char*>(kChallengeProtocol.data());
    *size = static_cast<unsigned char>(kChallengeProtocol.size());
    return SSL_TLSEXT_ERR_OK;
  }
  const std::string& ours = door_.alpn;
  if (ours.empty()) return SSL_TLSEXT_ERR_NOACK;
  const int found = ::SSL_select_next_proto(const_cast<unsigned char**>(out), size,
                                            reinterpret_cast<const unsigned char*>(ours.data()),
                                            static_cast<unsigned>(ours.size()), offered, length);
  return found == OPENSSL_NPN_NEGOTIATED ? SSL_TLSEXT_ERR_OK : SSL_TLSEXT_ERR_ALERT_FATAL;
}

int ServerStream::on_staple() {
  const auto der = identity_->staple ? identity_->staple->get(WallClock::now()) : nullptr;
  if (!der) return SSL_TLSEXT_ERR_NOACK;
  void* copy = OPENSSL_memdup(der->data(), der->size());  // OpenSSL frees it
  if (!copy) return SSL_TLSEXT_ERR_NOACK;
  ::SSL_set_tlsext_status_ocsp_resp(ssl_, copy, static_cast<long>(der->size()));
  return SSL_TLSEXT_ERR_OK;
}

void ServerStream::mark_ticket() const {
  if (!door_.early_data) return;
  const auto& mark = set_->store->early_data().instance();
  ::SSL_SESSION_set1_ticket_appdata(::SSL_get_session(ssl_), mark.data(), mark.size());
}

bool ServerStream::allows_early_data() const {
  if (policy().asks()) return false;
  void* data = nullptr;
  std::size_t size = 0;
  auto& guard = set_->store->early_data();
  const auto& mark = guard.instance();
  if (::SSL_SESSION_get0_ticket_appdata(::SSL_get_session(ssl_), &data, &size) != 1 || size != mark.size() ||
      std::memcmp(data, mark.data(), size) != 0) {
    return false;
  }
  char random[SSL3_RANDOM_SIZE];
  ::SSL_get_client_random(ssl_, reinterpret_cast<unsigned char*>(random), sizeof random);
  return guard.first_time({random, sizeof random}, Clock::now());
}

bool ServerStream::fits(std::string_view host) const {
  if (!set_->asks || door_.policy) return true;
  const auto* those = set_->find(std::string(host));
  const Identity& theirs = those ? *those->front() : *set_->identities.front();
  return !theirs.policy->asks() || theirs.policy->digest == identity_->policy->digest;
}

// After a handshake. False: what the client showed at first is not good any more.
bool ServerStream::note_peer(Error& error) {
  server_name_ = requested_;
  if (challenge_ || !policy().asks() || ::SSL_get_verify_result(ssl_) != X509_V_OK) return true;
  ::X509* certificate = ::SSL_get0_peer_certificate(ssl_);
  if (!certificate) return true;
  if (::X509_cmp_current_time(::X509_get0_notAfter(certificate)) < 0) {  // a resumed session verifies nothing anew
    error = Errc::tls_failed;
    done_ = false;
    return false;
  }
  peer_ = describe_peer(certificate);
  return true;
}

bool ServerStream::finish(Socket& socket, TlsWant& want, Error& error) noexcept {
  if (!OpenSslStream::handshake(socket, want, error)) return false;
  early_ = Early::none;
  return note_peer(error);
}

// True: `count` bytes, or with none all of it was read. Else `want` or `error`.
bool ServerStream::read_early(Socket& socket, char* data, std::size_t size, std::size_t& count, TlsWant& want,
                              Error& error) noexcept {
  count = 0;
  while (count == 0) {
    attach(socket);
    switch (::SSL_read_early_data(ssl_, data, size, &count)) {
      case SSL_READ_EARLY_DATA_SUCCESS:
        early_ = Early::reading;
        break;
      case SSL_READ_EARLY_DATA_FINISH:
        early_ = Early::finishing;
        return true;
      default:
        if (judge(0, want, error) == 0) error = Errc::end_of_stream;
        return false;
    }
  }
  return true;
}

bool ServerStream::handshake(Socket& socket, TlsWant& want, Error& error) noexcept {
  char buffer[4096];
  std::size_t count = 0;
  if (early_ == Early::possible) {
    if (!read_early(socket, buffer, sizeof buffer, count, want, error)) return false;
    if (count > 0) {
      early_bytes_.assign(buffer, count);
      server_name_ = requested_;
      return true;
    }
  }
  while (early_ == Early::reading) {  // called once more: kMaxEarlyData bounds what is kept
    if (!read_early(socket, buffer, sizeof buffer, count, want, error)) return false;
    early_bytes_.append(buffer, count);
  }
  return finish(socket, want, error);
}

ssize_t ServerStream::read(Socket& socket, char* data, std::size_t size, TlsWant& want, Error& error) noexcept {
  if (early_ == Early::none && early_bytes_.empty()) return OpenSslStream::read(socket, data, size, want, error);
  if (!early_bytes_.empty()) {
    const std::size_t n = std::min(size, early_bytes_.size());
    std::memcpy(data, early_bytes_.data(), n);
    early_bytes_.erase(0, n);
    return static_cast<ssize_t>(n);
  }
  if (early_ == Early::reading) {
    std::size_t count = 0;
    if (!read_early(socket, data, size, count, want, error)) return -1;
    if (count > 0) return static_cast<ssize_t>(count);
  }
  if (!finish(socket, want, error)) return -1;
  return OpenSslStream::read(socket, data, size, want, error);
}

// Before the client's part of the handshake is here, what we say is for whoever holds the session: it is nobody else.
ssize_t ServerStream::write(Socket& socket, const char* data, std::size_t size, TlsWant& want, Error& error) noexcept {
  if (!early()) return OpenSslStream::write(socket, data, size, want, error);
  attach(socket);
  std::size_t written = 0;
  if (::SSL_write_early_data(ssl_, data, size, &written) == 1) return static_cast<ssize_t>(written);
  if (judge(0, want, error) == 0) error = Errc::end_of_stream;
  return -1;
}

}  // namespace genkan::net
