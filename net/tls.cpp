#include "net/tls.hpp"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <cerrno>
#include <cstring>
#include <unordered_map>

#include "base/text.hpp"
#include "net/tls_certificate.hpp"

namespace genkan::net {
namespace {

struct ContextFree {
  void operator()(::SSL_CTX* c) const noexcept { ::SSL_CTX_free(c); }
};
using Context = std::unique_ptr<::SSL_CTX, ContextFree>;

// A BIO over our Socket: OpenSSL reads and writes through the readiness memory, so it too never makes a call that would
// only fail.
int bio_read(::BIO* bio, char* data, int size) {
  auto* socket = static_cast<Socket*>(::BIO_get_data(bio));
  ::BIO_clear_retry_flags(bio);
  const ssize_t n = socket->receive(data, static_cast<std::size_t>(size));
  if (n == 0) errno = 0;  // an end is no error of the system: judge() looks there
  if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) ::BIO_set_retry_read(bio);
  return static_cast<int>(n);
}

int bio_write(::BIO* bio, const char* data, int size) {
  auto* socket = static_cast<Socket*>(::BIO_get_data(bio));
  ::BIO_clear_retry_flags(bio);
  const ssize_t n = socket->send(data, static_cast<std::size_t>(size));
  if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) ::BIO_set_retry_write(bio);
  return static_cast<int>(n);
}

long bio_control(::BIO*, int command, long, void*) { return command == BIO_CTRL_FLUSH ? 1 : 0; }

const ::BIO_METHOD* bio_method() {
  static const ::BIO_METHOD* const method = [] {
    ::BIO_METHOD* m = ::BIO_meth_new(::BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "genkan socket");
    ::BIO_meth_set_read(m, bio_read);
    ::BIO_meth_set_write(m, bio_write);
    ::BIO_meth_set_ctrl(m, bio_control);
    return m;
  }();
  return method;
}

class OpenSslStream final : public TlsStream {
 public:
  OpenSslStream(::SSL_CTX* context, bool server) : ssl_(::SSL_new(context)), server_(server) {
    server ? ::SSL_set_accept_state(ssl_) : ::SSL_set_connect_state(ssl_);
  }
  ~OpenSslStream() override { ::SSL_free(ssl_); }
  ::SSL* raw() noexcept { return ssl_; }
  // Of a server: the protocols to choose from, in ALPN's form. Empty: those of all.
  void offer(std::string protocols) {
    offered_ = std::move(protocols);
    SSL_set_app_data(ssl_, &offered_);
  }

  ssize_t read(Socket& socket, char* data, std::size_t size, TlsWant& want, Error& error) noexcept override {
    attach(socket);
    const int n = ::SSL_read(ssl_, data, static_cast<int>(std::min<std::size_t>(size, 1 << 30)));
    return n > 0 ? n : judge(n, want, error);
  }

  ssize_t write(Socket& socket, const char* data, std::size_t size, TlsWant& want, Error& error) noexcept override {
    attach(socket);
    const int n = ::SSL_write(ssl_, data, static_cast<int>(std::min<std::size_t>(size, 1 << 30)));
    if (n > 0) return n;
    const ssize_t result = judge(n, want, error);
    if (result == 0) error = Errc::end_of_stream;
    return -1;
  }

  bool handshake(Socket& socket, TlsWant& want, Error& error) noexcept override {
    attach(socket);
    const int n = ::SSL_do_handshake(ssl_);
    if (n == 1) {
      done_ = true;
      if (const char* name = ::SSL_get_servername(ssl_, TLSEXT_NAMETYPE_host_name)) server_name_ = name;
      return true;
    }
    if (judge(n, want, error) == 0) error = Errc::end_of_stream;
    return false;
  }

  void close_notify(Socket& socket) noexcept override {
    if (!done_) return;
    attach(socket);
    ::ERR_clear_error();
    ::SSL_shutdown(ssl_);
    ::ERR_clear_error();
  }

  bool pending() const noexcept override { return ::SSL_has_pending(ssl_) == 1; }
  std::string_view server_name() const noexcept override { return server_name_; }
  std::string_view alpn() const noexcept override {
    const unsigned char* name = nullptr;
    unsigned size = 0;
    ::SSL_get0_alpn_selected(ssl_, &name, &size);
    return {reinterpret_cast<const char*>(name), size};
  }
  std::string_view version() const noexcept override { return ::SSL_get_version(ssl_); }
  std::string_view cipher() const noexcept override { return ::SSL_get_cipher_name(ssl_); }
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

 private:
  void attach(Socket& socket) noexcept {
    ::ERR_clear_error();
    if (bio_) return;
    bio_ = ::BIO_new(bio_method());
    ::BIO_set_data(bio_, &socket);  // the Transport owns both and does not move
    ::BIO_set_init(bio_, 1);
    ::SSL_set_bio(ssl_, bio_, bio_);
  }

  // 0: ended with close_notify; -1: `want` or `error` is set.
  ssize_t judge(int n, TlsWant& want, Error& error) noexcept {
    const int saved = errno;
    switch (::SSL_get_error(ssl_, n)) {
      case SSL_ERROR_WANT_READ:
        want = TlsWant::read;
        return -1;
      case SSL_ERROR_WANT_WRITE:
        want = TlsWant::write;
        return -1;
      case SSL_ERROR_ZERO_RETURN:
        return 0;
      case SSL_ERROR_SYSCALL:
        error = saved ? Error(saved, boost::system::system_category()) : make_error_code(Errc::end_of_stream);
        done_ = false;
        return -1;
      default:
        // A FIN without close_notify may be a truncation: never taken for the end.
        error = ::ERR_GET_REASON(::ERR_peek_error()) == SSL_R_UNEXPECTED_EOF_WHILE_READING ? Errc::end_of_stream
                                                                                           : Errc::tls_failed;
        done_ = false;
        ::ERR_clear_error();
        return -1;
    }
  }

  ::SSL* ssl_;
  ::BIO* bio_ = nullptr;
  bool server_;
  bool done_ = false;
  std::string server_name_;
  std::string offered_;
};

std::string openssl_error() {
  char text[256] = "unknown error";
  if (const auto code = ::ERR_peek_last_error()) ::ERR_error_string_n(code, text, sizeof text);
  ::ERR_clear_error();
  return text;
}

// "modern" handshakes first; TLS 1.2 with forward secrecy and AEAD only (the intermediate preset).
constexpr const char* kCiphers =
    "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-"
    "SHA384:"
    "ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305";

void common_settings(::SSL_CTX* context) {
  ::SSL_CTX_set_mode(context,
                     SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER | SSL_MODE_RELEASE_BUFFERS);
  ::SSL_CTX_set_options(context, SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION | SSL_OP_CIPHER_SERVER_PREFERENCE);
  ::SSL_CTX_set_read_ahead(context, 1);
}

std::string alpn_wire(const std::vector<std::string>& protocols) {
  std::string wire;
  for (const auto& p : protocols) {
    wire += static_cast<char>(p.size());
    wire += p;
  }
  return wire;
}

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
  auto stream = std::make_unique<OpenSslStream>(impl_->contexts.front().get(), true);
  stream->offer(alpn_wire(alpn));
  return stream;
}

struct TlsClient::Impl {
  Context context;
  bool verify = true;
};

TlsClient::TlsClient(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
TlsClient::~TlsClient() = default;

Result<std::shared_ptr<const TlsClient>> TlsClient::make(const Options& options, std::string& why) {
  auto impl = std::make_unique<Impl>();
  impl->context.reset(::SSL_CTX_new(::TLS_client_method()));
  impl->verify = options.verify;
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
  const std::string alpn = alpn_wire(options.alpn);
  if (!alpn.empty()) {
    ::SSL_CTX_set_alpn_protos(context, reinterpret_cast<const unsigned char*>(alpn.data()),
                              static_cast<unsigned>(alpn.size()));
  }
  return std::shared_ptr<const TlsClient>(new TlsClient(std::move(impl)));
}

std::unique_ptr<TlsStream> TlsClient::connect(std::string_view host) const {
  auto stream = std::make_unique<OpenSslStream>(impl_->context.get(), false);
  const std::string name(host);
  const bool literal = base::IpAddress::parse(name).has_value();
  if (!literal) ::SSL_set_tlsext_host_name(stream->raw(), name.c_str());
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
  auto stream = std::make_unique<OpenSslStream>(impl_->context.get(), false);
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
