#include "net/listener.hpp"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <cerrno>
#include <cstring>

namespace genkan::net {
namespace {

constexpr int kAcceptBurst = 64;
constexpr Duration kPause = std::chrono::milliseconds(100);

Error last_error() noexcept { return {errno, boost::system::system_category()}; }

Result<base::UniqueFd> open_one(const base::Endpoint& address) {
  ::sockaddr_storage storage{};
  const std::uint32_t length = address.to_sockaddr(storage);
  base::UniqueFd fd(::socket(storage.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!fd) return last_error();
  const int one = 1;
  if (address.is_unix()) {
    struct ::stat info {};
    if (::stat(address.unix_path.c_str(), &info) == 0 && S_ISSOCK(info.st_mode)) ::unlink(address.unix_path.c_str());
  } else {
    ::setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    ::setsockopt(fd.get(), SOL_SOCKET, SO_REUSEPORT, &one, sizeof one);
    ::setsockopt(fd.get(), IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);  // inherited by what it accepts
    if (storage.ss_family == AF_INET6) ::setsockopt(fd.get(), IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof one);
  }
  if (::bind(fd.get(), reinterpret_cast<const ::sockaddr*>(&storage), length) != 0) return last_error();
  if (::listen(fd.get(), 4096) != 0) return last_error();
  return fd;
}

// SO_REUSEPORT would let a second process share the port silently, and a Unix path would be taken from under a server
// that runs: ask first whether somebody has it.
Result<void> probe(const base::Endpoint& address) {
  if (!address.is_unix() && address.port == 0) return {};
  ::sockaddr_storage storage{};
  const std::uint32_t length = address.to_sockaddr(storage);
  base::UniqueFd fd(::socket(storage.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!fd) return last_error();
  if (address.is_unix()) {  // a path is taken when somebody accepts there; else it is a leftover
    if (::connect(fd.get(), reinterpret_cast<const ::sockaddr*>(&storage), length) == 0 || errno == EAGAIN)
      return Error(EADDRINUSE, boost::system::system_category());
    return {};
  }
  const int one = 1;
  ::setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
  if (storage.ss_family == AF_INET6) ::setsockopt(fd.get(), IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof one);
  if (::bind(fd.get(), reinterpret_cast<const ::sockaddr*>(&storage), length) != 0) return last_error();
  return {};
}

base::Endpoint local_of(int fd) {
  ::sockaddr_storage storage{};
  ::socklen_t length = sizeof storage;
  ::getsockname(fd, reinterpret_cast<::sockaddr*>(&storage), &length);
  return base::Endpoint::from_sockaddr(reinterpret_cast<const ::sockaddr*>(&storage));
}

}  // namespace

std::vector<base::UniqueFd> Inherited::take(const std::string& address) {
  const auto found = fds_.find(address);
  if (found == fds_.end()) return {};
  auto out = std::move(found->second);
  fds_.erase(found);
  return out;
}

std::vector<std::string> Inherited::left() const {
  std::vector<std::string> out;
  for (const auto& [address, fds] : fds_) out.push_back(address);
  return out;
}

Result<ListenSocket> ListenSocket::open(const base::Endpoint& address, int count, Inherited* from) {
  ListenSocket result;
  result.address_ = result.wanted_ = address;
  if (from) {
    for (auto& fd : from->take(address.text())) {
      result.fds_.push_back(std::make_shared<base::UniqueFd>(std::move(fd)));
    }
    if (!result.fds_.empty()) {
      if (!address.is_unix()) result.address_ = local_of(result.fds_.front()->get());
      return result;
    }
  }
  if (auto free = probe(address); !free) return free.error();
  for (int i = 0; i < (address.is_unix() ? 1 : count); ++i) {
    auto fd = open_one(result.address_);
    if (!fd) return fd.error();
    if (!address.is_unix() && result.address_.port == 0) result.address_ = local_of(fd->get());
    result.fds_.push_back(std::make_shared<base::UniqueFd>(std::move(*fd)));
  }
  return result;
}

std::vector<int> ListenSocket::fds(int worker, int workers) const {
  std::vector<int> out;
  const auto step = static_cast<std::size_t>(workers);
  for (auto i = static_cast<std::size_t>(worker); i < fds_.size(); i += step) out.push_back(fds_[i]->get());
  if (out.empty()) out.push_back(fds_[static_cast<std::size_t>(worker) % fds_.size()]->get());
  return out;
}

std::vector<int> ListenSocket::all_fds() const {
  std::vector<int> out;
  for (const auto& fd : fds_) out.push_back(fd->get());
  return out;
}

Listener::Listener(Loop& loop, int fd, base::Telemetry& telemetry, std::shared_ptr<ConnectionLimit> limit,
                   Accept accept)
    : loop_(loop), fd_(fd), telemetry_(telemetry), limit_(std::move(limit)), accept_(std::move(accept)) {
  if (!loop_.watch(fd_, *this)) telemetry_.log.error("cannot watch a listening socket", {{"errno", errno}});
  loop_.wheel().arm(*this, loop_.now());  // connections may wait already
}

Listener::~Listener() { stop(); }

void Listener::stop() noexcept {
  if (fd_ < 0) return;
  loop_.wheel().cancel(*this);
  loop_.unwatch(fd_, *this);
  fd_ = -1;
}

void Listener::accept_waiting() noexcept {
  for (int i = 0; fd_ >= 0 && i < 64; ++i) {
    ::pollfd waiting{fd_, POLLIN, 0};
    if (::poll(&waiting, 1, 0) <= 0) return;
    accept_some();
  }
}

void Listener::on_ready(std::uint32_t) noexcept { accept_some(); }

void Listener::accept_some() noexcept {
  for (int i = 0; i < kAcceptBurst; ++i) {
    if (fd_ < 0) return;  // stopped by what it accepted
    ::sockaddr_storage address{};
    ::socklen_t length = sizeof address;
    base::UniqueFd fd(::accept4(fd_, reinterpret_cast<::sockaddr*>(&address), &length, SOCK_NONBLOCK | SOCK_CLOEXEC));
    if (!fd) {
      if (errno == EAGAIN || errno == EWOULDBLOCK) return;
      if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
        return pause();
      }
      continue;  // ECONNABORTED and network errors belong to that connection alone
    }
    starved_ = false;
    if (limit_) {
      const auto open = limit_->open.fetch_add(1, std::memory_order_relaxed) + 1;
      const auto most = limit_->max.load(std::memory_order_relaxed);
      if (most > 0 && open > most) {
        limit_->open.fetch_sub(1, std::memory_order_relaxed);
        telemetry_.log.warning("too many connections: a new one was closed (http.max_connections)", {{"limit", most}});
        continue;
      }
    }
    auto peer = length > sizeof(::sa_family_t) ? base::Endpoint::from_sockaddr(reinterpret_cast<::sockaddr*>(&address))
                                               : base::Endpoint{};
    accept_(std::make_unique<Transport>(loop_, std::move(fd), std::move(peer)));
  }
  loop_.wheel().arm(*this, loop_.now());  // more may wait: after the others had a turn
}

// No edge will tell that descriptors are free again.
void Listener::pause() noexcept {
  if (!std::exchange(starved_, true)) {
    telemetry_.log.warning("out of descriptors or memory: new connections wait (raise LimitNOFILE)",
                           {{"reason", std::strerror(errno)}});
  }
  loop_.wheel().arm(*this, loop_.now() + kPause);
}

}  // namespace genkan::net
