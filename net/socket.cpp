#include "net/socket.hpp"

#include <sys/epoll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace genkan::net {

void Socket::push_back(std::string_view bytes) {
  if (bytes.empty()) return;
  if (!pushed_back) pushed_back = std::make_unique<std::string>();
  pushed_back->insert(0, bytes);
}

ssize_t Socket::receive(char* data, std::size_t size) noexcept {
  if (pushed_back) {
    const std::size_t n = std::min(size, pushed_back->size());
    std::memcpy(data, pushed_back->data(), n);
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
    n = ::recv(fd.get(), data, size, 0);
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
    n = ::sendmsg(fd.get(), &message, MSG_NOSIGNAL);
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
    n = ::send(fd.get(), data, size, MSG_NOSIGNAL);
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
