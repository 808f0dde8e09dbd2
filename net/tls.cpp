#include "net/tls.hpp"

#include <openssl/ssl.h>

#include <unordered_map>

#include "base/text.hpp"
#include "net/tls_certificate.hpp"
#include "net/tls_openssl.hpp"

namespace genkan::net {
namespace {

// Of a server: with its own list of protocols to choose from, in ALPN's form. Empty: those of all.
class ServerStream final : public OpenSslStream {
 public:
  ServerStream(::SSL_CTX* context, std::string protocols)
      : OpenSslStream(context, true), offered_(std::move(protocols)) {
    SSL_set_app_data(raw(), &offered_);
  }

 private:
  std::string offered_;
};

// "modern" handshakes first; TLS 1.2 with forward secrecy and AEAD only (the intermediate preset).
constexpr const char* kCiphers =
    "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-"
    "SHA384:"
    "ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305";

}  // namespace

struct TlsServer::Impl {
  std::vector<Context> contexts;
  std::unordered_map<std::string, ::SSL_CTX*> exact;
  std::unordered_map<std::string, ::SSL_CTX*> wildcard;  // ".example.org"
  std::string alpn;

  ::SSL_CTX* find(std::string_view name) const {
    const std::string lower = base::to_lower(name);
    if (const auto found = exact.find(lower); found != exact.end()) return found->second;
    const std::size_t dot = lower.find('.');
    if (dot != std::string::npos) {
      if (const auto found = wildcard.find(lower.substr(dot)); found != wildcard.end()) return found->second;
    }
    return nullptr;
  }

  static int on_server_name(::SSL* ssl, int*, void* self) {
    const char* name = ::SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
    if (!name) return SSL_TLSEXT_ERR_NOACK;
    if (::SSL_CTX* context = static_cast<Impl*>(self)->find(name)) {
      ::SSL_set_SSL_CTX(ssl, context);
      return SSL_TLSEXT_ERR_OK;
    }
    return SSL_TLSEXT_ERR_NOACK;  // the first certificate
  }

  static int on_alpn(::SSL* ssl, const unsigned char** out, unsigned char* size, const unsigned char* offered,
                     unsigned length, void* self) {
    const auto* own = static_cast<const std::string*>(SSL_get_app_data(ssl));
    const auto& ours = own && !own->empty() ? *own : static_cast<Impl*>(self)->alpn;
    const int found = ::SSL_select_next_proto(const_cast<unsigned char**>(out), size,
                                              reinterpret_cast<const unsigned char*>(ours.data()),
                                              static_cast<unsigned>(ours.size()), offered, length);
    return found == OPENSSL_NPN_NEGOTIATED ? SSL_TLSEXT_ERR_OK : SSL_TLSEXT_ERR_ALERT_FATAL;
  }
};

TlsServer::TlsServer(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
TlsServer::~TlsServer() = default;

Result<std::shared_ptr<const TlsServer>> TlsServer::make(const conf::Tls& tls,
                                                         const std::vector<conf::Certificate>& certificates,
                                                         const std::string& state_dir, std::vector<std::string> alpn,
                                                         std::string& why) {
  auto impl = std::make_unique<Impl>();
  impl->alpn = alpn_wire(alpn);
  for (const conf::Certificate& certificate : certificates) {
    std::string cert = certificate.cert, key = certificate.key;
    if (certificate.self_signed) {
      if (auto made = ensure_self_signed(state_dir + "/tls", certificate.names, cert, key, why); !made)
        return made.error();
    }
    Context context(::SSL_CTX_new(::TLS_server_method()));
    common_settings(context.get());
    ::SSL_CTX_set_min_proto_version(context.get(), tls.min_version == "1.3" ? TLS1_3_VERSION : TLS1_2_VERSION);
    const char* ciphers = tls.ciphers.empty() ? kCiphers : tls.ciphers.c_str();
    if (::SSL_CTX_set_cipher_list(context.get(), ciphers) != 1) {
      why = "[tls] ciphers: OpenSSL knows none of " + tls.ciphers;
      return Errc::malformed;
    }
    if (::SSL_CTX_use_certificate_chain_file(context.get(), cert.c_str()) != 1) {
      why = "cannot use the certificate " + cert + ": " + openssl_error();
      return Errc::tls_failed;
    }
    if (::SSL_CTX_use_PrivateKey_file(context.get(), key.c_str(), SSL_FILETYPE_PEM) != 1 ||
        ::SSL_CTX_check_private_key(context.get()) != 1) {
      why = "cannot use the key " + key + " with the certificate " + cert + ": " + openssl_error();
      return Errc::tls_failed;
    }
    static constexpr unsigned char kSessionContext[] = "genkan";
    ::SSL_CTX_set_session_id_context(context.get(), kSessionContext, sizeof kSessionContext - 1);
    ::SSL_CTX_set_session_cache_mode(context.get(), SSL_SESS_CACHE_OFF);  // tickets only
    ::SSL_CTX_set_num_tickets(context.get(), 1);
    ::SSL_CTX_set_tlsext_servername_callback(context.get(), Impl::on_server_name);
    ::SSL_CTX_set_tlsext_servername_arg(context.get(), impl.get());
    if (!alpn.empty()) ::SSL_CTX_set_alpn_select_cb(context.get(), Impl::on_alpn, impl.get());
    std::vector<std::string> names = certificate.names;
    if (names.empty()) names = certificate_names(::SSL_CTX_get0_certificate(context.get()));
    for (const auto& name : names) {
      const std::string lower = base::to_lower(name);
      auto& map = lower.starts_with("*.") ? impl->wildcard : impl->exact;
      map.emplace(lower.starts_with("*.") ? lower.substr(1) : lower, context.get());
    }
    impl->contexts.push_back(std::move(context));
  }
  if (impl->contexts.empty()) {
    why = "a listener wants TLS and there is no [[certificate]]";
    return Errc::not_found;
  }
  return std::shared_ptr<const TlsServer>(new TlsServer(std::move(impl)));
}

std::unique_ptr<TlsStream> TlsServer::accept(const std::vector<std::string>& alpn) const {
  return std::make_unique<ServerStream>(impl_->contexts.front().get(), alpn_wire(alpn));
}

}  // namespace genkan::net
