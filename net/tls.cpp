#include "net/tls.hpp"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include "base/address.hpp"
#include "net/tls_openssl.hpp"

namespace genkan::net {

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

}  // namespace genkan::net
