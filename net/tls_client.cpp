// The client's side of TLS. A handshake fails unless the server's certificate is for its name and signed by a CA that
// we know (RFC 9110 4.3.4, RFC 9525); who switches that off gets encryption against listeners only.
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <cstdlib>

#include "base/address.hpp"
#include "base/crypto.hpp"
#include "base/file.hpp"
#include "net/tls.hpp"
#include "net/tls_openssl.hpp"
#include "net/tls_sessions.hpp"

namespace genkan::net {
namespace {

constexpr std::size_t kMaxPem = 8u << 20;

class ClientStream final : public OpenSslStream {
 public:
  ClientStream(::SSL_CTX* context, std::shared_ptr<TlsSessions> sessions)
      : OpenSslStream(context, false), sessions_(std::move(sessions)) {
    SSL_set_app_data(raw(), this);
    if (!sessions_) return;
    if (const auto session = sessions_->take()) ::SSL_set_session(raw(), session.get());
  }

  std::string failure() const override {
    ::SSL* ssl = const_cast<ClientStream*>(this)->raw();
    if (const long result = ::SSL_get_verify_result(ssl);
        ::SSL_get_verify_mode(ssl) != SSL_VERIFY_NONE && result != X509_V_OK) {
      return "its certificate is not accepted: " + std::string(::X509_verify_cert_error_string(result));
    }
    if (alert_ != 0) return "it refused the handshake: " + std::string(::SSL_alert_desc_string_long(alert_));
    return {};
  }

  TlsDoubt doubt() const noexcept override {
    switch (::SSL_get_verify_result(ssl_)) {
      case X509_V_OK:
        return TlsDoubt::none;
      case X509_V_ERR_CERT_HAS_EXPIRED:
        return TlsDoubt::expired;
      case X509_V_ERR_HOSTNAME_MISMATCH:
      case X509_V_ERR_IP_ADDRESS_MISMATCH:
        return TlsDoubt::wrong_name;
      case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
      case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
      case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
      case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
      case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
      case X509_V_ERR_CERT_UNTRUSTED:
        return TlsDoubt::untrusted;
      default:
        return TlsDoubt::other;
    }
  }

  static int on_session(::SSL* ssl, ::SSL_SESSION* session) {
    auto* self = static_cast<ClientStream*>(SSL_get_app_data(ssl));
    if (!self || !self->sessions_) return 0;
    self->sessions_->put(session);
    return 1;  // it is ours now
  }
  static void on_info(const ::SSL* ssl, int where, int value) {
    auto* self = static_cast<ClientStream*>(SSL_get_app_data(ssl));
    if (self && where == SSL_CB_READ_ALERT && value >> 8 == SSL3_AL_FATAL) self->alert_ = value;
  }

 private:
  std::shared_ptr<TlsSessions> sessions_;
  int alert_ = 0;
};

// The system's own CA certificates do not count: a restart reads them anew.
std::string identity_of(const TlsClient::Options& o) {
  std::string all = o.verify ? "verified\n" : "not verified\n";
  for (const auto& path : {o.ca_file, o.cert_file, o.key_file}) {
    all += path + "\n";
    if (path.empty()) continue;
    if (const auto text = base::read_file(path, kMaxPem)) all += *text;
    all += "\n";
  }
  all += alpn_wire(o.alpn);
  const auto digest = base::sha256(all);
  return {reinterpret_cast<const char*>(digest.data()), digest.size()};
}

Result<void> take_certificate(::SSL_CTX* context, const TlsClient::Options& o, std::string& why) {
  if (o.cert_file.empty()) return {};
  if (::SSL_CTX_use_certificate_chain_file(context, o.cert_file.c_str()) != 1) {
    why = "cannot use the certificate " + o.cert_file + ": " + openssl_error();
    return Errc::tls_failed;
  }
  if (::SSL_CTX_use_PrivateKey_file(context, o.key_file.c_str(), SSL_FILETYPE_PEM) != 1 ||
      ::SSL_CTX_check_private_key(context) != 1) {
    why = "cannot use the key " + o.key_file + " with the certificate " + o.cert_file + ": " + openssl_error();
    return Errc::tls_failed;
  }
  return {};
}

}  // namespace

void TlsSessions::Free::operator()(::SSL_SESSION* session) const noexcept { ::SSL_SESSION_free(session); }

void TlsSessions::put(::SSL_SESSION* session) {
  if (sessions_.size() >= kMost) sessions_.erase(sessions_.begin());
  sessions_.emplace_back(session);
}

TlsSessions::Session TlsSessions::take() {
  while (!sessions_.empty()) {
    Session newest = std::move(sessions_.back());
    sessions_.pop_back();
    const long made = ::SSL_SESSION_get_time(newest.get());
    if (::SSL_SESSION_is_resumable(newest.get()) != 1 ||
        made + ::SSL_SESSION_get_timeout(newest.get()) < static_cast<long>(::time(nullptr))) {
      continue;
    }
    if (::SSL_SESSION_get_protocol_version(newest.get()) < TLS1_3_VERSION) {
      ::SSL_SESSION_up_ref(newest.get());
      sessions_.emplace_back(newest.get());
    }
    return newest;
  }
  return nullptr;
}

struct TlsClient::Impl {
  Context context;
  bool verify = true;
  std::string identity;
};

TlsClient::TlsClient(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
TlsClient::~TlsClient() = default;
const std::string& TlsClient::identity() const noexcept { return impl_->identity; }

Result<std::shared_ptr<const TlsClient>> TlsClient::make(const Options& options, std::string& why) {
  auto impl = std::make_unique<Impl>();
  impl->context.reset(::SSL_CTX_new(::TLS_client_method()));
  impl->verify = options.verify;
  impl->identity = identity_of(options);
  ::SSL_CTX* context = impl->context.get();
  common_settings(context);
  ::SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
  ::SSL_CTX_dane_enable(context);  // only for streams that ask for it
  const int loaded = options.ca_file.empty()
                         ? ::SSL_CTX_set_default_verify_paths(context)
                         : ::SSL_CTX_load_verify_locations(context, options.ca_file.c_str(), nullptr);
  if (options.verify && loaded != 1) {
    why = "cannot read the CA certificates " + options.ca_file + ": " + openssl_error();
    return Errc::tls_failed;
  }
  if (auto taken = take_certificate(context, options, why); !taken) return taken.error();
  const std::string alpn = alpn_wire(options.alpn);
  if (!alpn.empty()) {
    ::SSL_CTX_set_alpn_protos(context, reinterpret_cast<const unsigned char*>(alpn.data()),
                              static_cast<unsigned>(alpn.size()));
  }
  ::SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
  ::SSL_CTX_sess_set_new_cb(context, ClientStream::on_session);
  ::SSL_CTX_set_info_callback(context, ClientStream::on_info);
  return std::shared_ptr<const TlsClient>(new TlsClient(std::move(impl)));
}

std::unique_ptr<TlsStream> TlsClient::connect(std::string_view host, std::shared_ptr<TlsSessions> sessions) const {
  auto stream = std::make_unique<ClientStream>(impl_->context.get(), std::move(sessions));
  const std::string name(host);
  const bool literal = base::IpAddress::parse(name).has_value();
  if (!literal && !name.empty()) ::SSL_set_tlsext_host_name(stream->raw(), name.c_str());
  if (impl_->verify) {
    ::SSL_set_verify(stream->raw(), SSL_VERIFY_PEER, nullptr);
    if (literal) {
      ::X509_VERIFY_PARAM_set1_ip_asc(::SSL_get0_param(stream->raw()), name.c_str());
    } else {
      ::SSL_set_hostflags(stream->raw(), X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
      ::SSL_set1_host(stream->raw(), name.c_str());
    }
  }
  return stream;
}

std::unique_ptr<TlsStream> TlsClient::connect_dane(std::string_view host, const std::vector<std::string>& names,
                                                   const std::vector<TlsaRecord>& records) const {
  constexpr std::uint8_t kTrustAnchor = 2, kEndEntity = 3;
  auto stream = std::make_unique<ClientStream>(impl_->context.get(), nullptr);
  const std::string name(host);
  ::SSL_dane_enable(stream->raw(), name.c_str());                        // also for SNI
  ::SSL_dane_set_flags(stream->raw(), DANE_FLAG_NO_DANE_EE_NAMECHECKS);  // RFC 7672 3.1.1
  ::SSL_set_hostflags(stream->raw(), X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
  for (const auto& other : names) ::SSL_add1_host(stream->raw(), other.c_str());
  bool usable = false;
  for (const auto& record : records) {
    if (record.usage != kTrustAnchor && record.usage != kEndEntity) continue;
    const auto* data = reinterpret_cast<const unsigned char*>(record.data.data());
    const int added =
        ::SSL_dane_tlsa_add(stream->raw(), record.usage, record.selector, record.matching, data, record.data.size());
    usable = usable || added > 0;
  }
  ::ERR_clear_error();
  ::SSL_set_verify(stream->raw(), usable ? SSL_VERIFY_PEER : SSL_VERIFY_NONE, nullptr);
  return stream;
}

}  // namespace genkan::net
