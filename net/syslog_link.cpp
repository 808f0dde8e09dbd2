#include "net/syslog_link.hpp"

#include <fcntl.h>
#include <linux/sockios.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstring>

namespace genkan::net {
namespace {

constexpr Duration kConnect = std::chrono::seconds(5);
constexpr int kSilence = 10'000;  // ms that written bytes may stay unacknowledged

bool poll_one(int fd, short events, Duration at_most) {
  const auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(at_most).count();
  ::pollfd p{fd, events, 0};
  return ::poll(&p, 1, static_cast<int>(std::max<std::int64_t>(ms, 0))) > 0;
}

int error_of(int fd) {
  int error = 0;
  ::socklen_t size = sizeof error;
  return ::getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size) == 0 ? error : errno;
}

base::UniqueFd connect_to(const ::addrinfo& address, bool datagram, Time deadline, int& error) {
  base::UniqueFd fd(::socket(address.ai_family, address.ai_socktype | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!fd) {
    error = errno;
    return {};
  }
  if (!datagram) {
    const int one = 1, silence = kSilence;
    ::setsockopt(fd.get(), IPPROTO_TCP, TCP_USER_TIMEOUT, &silence, sizeof silence);
    ::setsockopt(fd.get(), SOL_SOCKET, SO_KEEPALIVE, &one, sizeof one);
  }
  if (::connect(fd.get(), address.ai_addr, address.ai_addrlen) != 0) {
    if (errno != EINPROGRESS || !poll_one(fd.get(), POLLOUT, deadline - Clock::now())) {
      error = errno == EINPROGRESS ? ETIMEDOUT : errno;
      return {};
    }
    if ((error = error_of(fd.get())) != 0) return {};
  }
  return fd;
}

}  // namespace

std::unique_ptr<SyslogLink> SyslogLink::open(const Target& target, std::string& why) {
  const bool datagram = target.server.way == conf::SyslogServer::Way::udp;
  const Time deadline = Clock::now() + kConnect;
  ::addrinfo hints{};
  hints.ai_socktype = datagram ? SOCK_DGRAM : SOCK_STREAM;
  ::addrinfo* found = nullptr;
  if (const int failed =
          ::getaddrinfo(target.server.host.c_str(), std::to_string(target.server.port).c_str(), &hints, &found);
      failed != 0) {
    why = "cannot find " + target.server.host + ": " + ::gai_strerror(failed);
    return nullptr;
  }
  const std::unique_ptr<::addrinfo, decltype(&::freeaddrinfo)> addresses(found, ::freeaddrinfo);
  std::unique_ptr<SyslogLink> link(new SyslogLink);
  link->datagram_ = datagram;
  int error = 0;
  for (const ::addrinfo* a = found; a && !link->socket_.fd; a = a->ai_next) {
    link->socket_.fd = connect_to(*a, datagram, deadline, error);
  }
  if (!link->socket_.fd) {
    why = std::strerror(error);
    return nullptr;
  }
  if (target.tls && !link->handshake(target, deadline, why)) return nullptr;
  return link;
}

bool SyslogLink::handshake(const Target& target, Time deadline, std::string& why) {
  tls_ = target.tls->connect(target.tls_name);
  for (;;) {
    TlsWant want = TlsWant::nothing;
    Error error;
    socket_.read_ready = socket_.write_ready = true;
    if (tls_->handshake(socket_, want, error)) return true;
    if (error || !poll_one(socket_.fd.get(), want == TlsWant::write ? POLLOUT : POLLIN, deadline - Clock::now())) {
      why = "TLS: " + (error ? error.message() : std::string("the handshake took too long"));
      return false;
    }
  }
}

ssize_t SyslogLink::fail(std::string_view what, int error) {
  why_ = what;
  if (error != 0) why_.append(why_.empty() ? "" : ": ").append(std::strerror(error));
  return -1;
}

ssize_t SyslogLink::write(std::string_view data) {
  socket_.read_ready = socket_.write_ready = true;
  if (tls_) {
    TlsWant want = TlsWant::nothing;
    Error error;
    const ssize_t n = tls_->write(socket_, data.data(), data.size(), want, error);
    if (n > 0) return n;
    if (!error) return 0;
    why_ = error.message();
    return -1;
  }
  const ssize_t n = socket_.send(data.data(), data.size());
  if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == ENOBUFS)) return 0;
  if (n < 0) return fail({}, errno);
  // A datagram that nobody takes is refused by ICMP: on this host at once.
  if (datagram_) {
    if (const int error = error_of(socket_.fd.get()); error != 0) return fail({}, error);
  }
  return n;
}

bool SyslogLink::wait(Duration at_most) {
  poll_one(socket_.fd.get(), POLLOUT, at_most);
  return alive();
}

// A receiver says nothing; what comes is TLS's own, or the end.
bool SyslogLink::alive() {
  if (datagram_) {
    const int error = error_of(socket_.fd.get());
    return error == 0 || fail({}, error) == 0;
  }
  char buffer[512];
  socket_.read_ready = socket_.write_ready = true;
  for (int i = 0; i < 16; ++i) {
    if (tls_) {
      TlsWant want = TlsWant::nothing;
      Error error;
      const ssize_t n = tls_->read(socket_, buffer, sizeof buffer, want, error);
      if (n > 0) continue;
      if (n < 0 && !error) return true;
      why_ = n == 0 ? "the receiver closed the connection" : error.message();
      return false;
    }
    const ssize_t n = ::recv(socket_.fd.get(), buffer, sizeof buffer, MSG_DONTWAIT);
    if (n > 0) continue;
    if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR)) return true;
    fail(n == 0 ? "the receiver closed the connection" : "", n == 0 ? 0 : errno);
    return false;
  }
  return true;
}

std::uint64_t SyslogLink::unacknowledged() const {
  int bytes = 0;
  if (datagram_ || ::ioctl(socket_.fd.get(), SIOCOUTQ, &bytes) != 0) return 0;
  return static_cast<std::uint64_t>(std::max(bytes, 0));
}

}  // namespace genkan::net
