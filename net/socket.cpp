#include "net/socket.hpp"

#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>

namespace genkan::net {
namespace {

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)

// The sanitizers watch what these read and write.
ssize_t receive_now(int fd, char* data, std::size_t size) noexcept { return ::recv(fd, data, size, 0); }
ssize_t send_now(int fd, const char* data, std::size_t size) noexcept { return ::send(fd, data, size, MSG_NOSIGNAL); }
ssize_t send_now(int fd, const ::msghdr& message) noexcept { return ::sendmsg(fd, &message, MSG_NOSIGNAL); }

#else

// The C library's recv, send and sendmsg are points where a thread may be cancelled: each enters and leaves that state
// by two locked instructions. No thread of ours is ever cancelled.
ssize_t receive_now(int fd, char* data, std::size_t size) noexcept {
  return ::syscall(SYS_recvfrom, fd, data, size, 0, nullptr, nullptr);
}
ssize_t send_now(int fd, const char* data, std::size_t size) noexcept {
  return ::syscall(SYS_sendto, fd, data, size, MSG_NOSIGNAL, nullptr, std::size_t{0});
}
ssize_t send_now(int fd, const ::msghdr& message) noexcept {
  return ::syscall(SYS_sendmsg, fd, &message, MSG_NOSIGNAL);
}

#endif

}  // namespace

void Socket::push_back(std::string_view bytes) {
  if (bytes.empty()) return;
  if (!pushed_back) pushed_back = std::make_unique<std::string>();
  pushed_back->insert(0, bytes);
}

ssize_t Socket::receive(char* data, std::size_t size) noexcept {
  if (pushed_back) {
    const std::size_t n = pushed_back->copy(data, size);
    pushed_back->erase(0, n);
    if (pushed_back->empty()) pushed_back.reset();
    return static_cast<ssize_t>(n);
  }
  if (!read_ready) {
    errno = EAGAIN;
    return -1;
  }
  ssize_t n = 0;
  do {
    n = receive_now(fd.get(), data, size);
  } while (n < 0 && errno == EINTR);
  if (n < 0) {
    if (errno == EAGAIN || errno == EWOULDBLOCK) read_ready = false;
  } else if (n > 0 && static_cast<std::size_t>(n) < size && !hung_up) {
    read_ready = false;
  }
  return n;
}

ssize_t Socket::send(const ::iovec* parts, int count) noexcept {
  if (!write_ready) {
    errno = EAGAIN;
    return -1;
  }
  ::msghdr message{};
  message.msg_iov = const_cast<::iovec*>(parts);
  message.msg_iovlen = static_cast<std::size_t>(count);
  ssize_t n = 0;
  do {
    n = send_now(fd.get(), message);
  } while (n < 0 && errno == EINTR);
  if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) write_ready = false;
  return n;
}

ssize_t Socket::send(const char* data, std::size_t size) noexcept {
  if (!write_ready) {
    errno = EAGAIN;
    return -1;
  }
  ssize_t n = 0;
  do {
    n = send_now(fd.get(), data, size);
  } while (n < 0 && errno == EINTR);
  if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) write_ready = false;
  return n;
}

void Socket::note(unsigned events) noexcept {
  if (events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR)) read_ready = true;
  if (events & (EPOLLOUT | EPOLLHUP | EPOLLERR)) write_ready = true;
  if (events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)) hung_up = true;
  if (events & (EPOLLHUP | EPOLLERR)) broken = true;
}

}  // namespace genkan::net
