#include "net/connect.hpp"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <cerrno>

namespace genkan::net {
namespace {

Error last_error() noexcept { return {errno, boost::system::system_category()}; }

// Waits until a connecting socket is writable. A class of its own because a Transport would take ENOTCONN for a
// failure.
class Connecting final : private Pollable, private Timer {
 public:
  Connecting(Loop& loop, int fd, Time deadline) : loop_(loop), fd_(fd), deadline_(deadline) {}
  bool await_ready() noexcept { return !loop_.watch(fd_, *this); }
  void await_suspend(std::coroutine_handle<> h) noexcept {
    handle_ = h;
    if (deadline_ != Time::max()) loop_.wheel().arm(*this, deadline_);
  }
  bool await_resume() noexcept {  // false: the deadline passed
    loop_.wheel().cancel(*this);
    loop_.unwatch(fd_, *this);
    return !late_;
  }

 private:
  void on_ready(std::uint32_t) noexcept override {
    if (handle_) std::exchange(handle_, nullptr).resume();
  }
  void on_timer() noexcept override {
    late_ = true;
    if (handle_) loop_.defer(std::exchange(handle_, nullptr));
  }
  Loop& loop_;
  int fd_;
  Time deadline_;
  std::coroutine_handle<> handle_;
  bool late_ = false;
};

}  // namespace

Task<Result<std::unique_ptr<Transport>>> connect(Loop& loop, base::Endpoint to, Time deadline) {
  ::sockaddr_storage address{};
  const std::uint32_t length = to.to_sockaddr(address);
  base::UniqueFd fd(::socket(address.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!fd) co_return last_error();
  if (!to.is_unix()) {
    const int one = 1;
    ::setsockopt(fd.get(), IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  }
  if (::connect(fd.get(), reinterpret_cast<const ::sockaddr*>(&address), length) != 0) {
    if (errno != EINPROGRESS) co_return last_error();
    Connecting connecting(loop, fd.get(), deadline);
    const bool in_time = co_await connecting;
    if (!in_time) co_return Errc::timed_out;
    int error = 0;
    ::socklen_t size = sizeof error;
    if (::getsockopt(fd.get(), SOL_SOCKET, SO_ERROR, &error, &size) != 0) co_return last_error();
    if (error != 0) co_return Error(error, boost::system::system_category());
  }
  co_return std::make_unique<Transport>(loop, std::move(fd), std::move(to));
}

}  // namespace genkan::net
