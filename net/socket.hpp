// A non-blocking stream socket with the memory that edge-triggered readiness needs: after a short read the kernel's
// buffer was empty and a new edge will come, so the next recv would only fail and is not made.
#pragma once

#include <sys/uio.h>

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

#include "base/fd.hpp"

namespace genkan::net {

struct Socket {
  base::UniqueFd fd;
  bool read_ready = true;   // recv may succeed
  bool write_ready = true;  // send may succeed
  bool hung_up = false;     // the peer closed its side, or the connection broke: always readable now
  bool broken = false;      // reset, or closed both ways: writing is pointless

  std::unique_ptr<std::string> pushed_back;  // bytes that are read again first; null: none, as nearly always
  void push_back(std::string_view bytes);    // before those

  // As recv/sendmsg: n, 0 (end of stream, recv only), or -1 with errno (EAGAIN without asking the kernel when not
  // ready).
  ssize_t receive(char* data, std::size_t size) noexcept;
  ssize_t send(const ::iovec* parts, int count) noexcept;
  ssize_t send(const char* data, std::size_t size) noexcept;
  void note(unsigned epoll_events) noexcept;
};

}  // namespace genkan::net
