#include "net/tls_openssl.hpp"

#include <openssl/err.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <utility>

namespace genkan::net {
namespace {

// A BIO over our Socket: OpenSSL reads and writes through the readiness memory, so it too never makes a call that would
// only fail.
int bio_read(::BIO* bio, char* data, int size) {
  auto* stream = static_cast<OpenSslStream*>(::BIO_get_data(bio));
  ::BIO_clear_retry_flags(bio);
  const ssize_t n = stream->receive(data, static_cast<std::size_t>(size));
  if (n == 0) errno = 0;  // an end is no error of the system: judge() looks there
  if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) ::BIO_set_retry_read(bio);
  return static_cast<int>(n);
}

int bio_write(::BIO* bio, const char* data, int size) {
  auto* stream = static_cast<OpenSslStream*>(::BIO_get_data(bio));
  ::BIO_clear_retry_flags(bio);
  const ssize_t n = stream->send(data, static_cast<std::size_t>(size));
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

}  // namespace

OpenSslStream::OpenSslStream(::SSL_CTX* context, bool server) : ssl_(::SSL_new(context)) {
  server ? ::SSL_set_accept_state(ssl_) : ::SSL_set_connect_state(ssl_);
}

ssize_t OpenSslStream::read(Socket& socket, char* data, std::size_t size, TlsWant& want, Error& error) noexcept {
  attach(socket);
  const int n = ::SSL_read(ssl_, data, static_cast<int>(std::min<std::size_t>(size, 1 << 30)));
  return n > 0 ? n : judge(n, want, error);
}

ssize_t OpenSslStream::write(Socket& socket, const char* data, std::size_t size, TlsWant& want, Error& error) noexcept {
  attach(socket);
  holds_ = std::exchange(more_follows_, false);
  const int n = ::SSL_write(ssl_, data, static_cast<int>(std::min<std::size_t>(size, 1 << 30)));
  holds_ = false;
  if (n > 0) return n;
  const ssize_t result = judge(n, want, error);
  if (result == 0) error = Errc::end_of_stream;
  return -1;
}

// A head's record waits here for that of the content, which saves a system call and the client a wake-up. Who breaks
// the promise that more follows has failed, and nothing more is sent on this connection.
ssize_t OpenSslStream::send(const char* data, std::size_t size) noexcept {
  thread_local std::string spare;  // its memory serves the next one
  if (holds_ && held_.size() + size <= kMaxHeld) {
    if (held_.empty()) held_.swap(spare);
    held_.append(data, size);
    return static_cast<ssize_t>(size);
  }
  while (!held_.empty()) {
    const std::array<::iovec, 2> parts{::iovec{held_.data(), held_.size()}, ::iovec{const_cast<char*>(data), size}};
    const ssize_t n = socket_->send(parts.data(), 2);
    if (n < 0) return n;
    const auto sent = static_cast<std::size_t>(n);
    if (sent < held_.size()) {
      held_.erase(0, sent);
      continue;
    }
    const std::size_t rest = sent - held_.size();
    held_.clear();
    held_.swap(spare);
    if (rest > 0) return static_cast<ssize_t>(rest);
  }
  return socket_->send(data, size);
}

bool OpenSslStream::handshake(Socket& socket, TlsWant& want, Error& error) noexcept {
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

void OpenSslStream::close_notify(Socket& socket) noexcept {
  if (!done_) return;
  attach(socket);
  ::ERR_clear_error();
  ::SSL_shutdown(ssl_);
  ::ERR_clear_error();
}

std::string_view OpenSslStream::alpn() const noexcept {
  const unsigned char* name = nullptr;
  unsigned size = 0;
  ::SSL_get0_alpn_selected(ssl_, &name, &size);
  return {reinterpret_cast<const char*>(name), size};
}

void OpenSslStream::attach(Socket& socket) noexcept {
  ::ERR_clear_error();
  if (bio_) return;
  bio_ = ::BIO_new(bio_method());
  socket_ = &socket;  // the Transport owns both and does not move
  ::BIO_set_data(bio_, this);
  ::BIO_set_init(bio_, 1);
  ::SSL_set_bio(ssl_, bio_, bio_);
}

ssize_t OpenSslStream::judge(int n, TlsWant& want, Error& error) noexcept {
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

std::string openssl_error() {
  char text[256] = "unknown error";
  if (const auto code = ::ERR_peek_last_error()) ::ERR_error_string_n(code, text, sizeof text);
  ::ERR_clear_error();
  return text;
}

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

}  // namespace genkan::net
