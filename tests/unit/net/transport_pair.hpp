// Two Transports that are connected with each other, over loopback TCP or a Unix socket.
#pragma once

#include <arpa/inet.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <memory>
#include <string>

#include "loop_rig.hpp"
#include "net/transport.hpp"

namespace genkan::net::test {

enum class Kind { tcp, unix_socket };

struct Pair {
  std::unique_ptr<Transport> a, b;
};

struct Fds {
  base::UniqueFd a, b;
};

// Blocking sockets.
inline Fds connected(Kind kind) {
  int raw[2] = {-1, -1};
  if (kind == Kind::unix_socket) {
    EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, raw), 0);
    return {base::UniqueFd(raw[0]), base::UniqueFd(raw[1])};
  }
  ::sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  ::socklen_t size = sizeof address;
  auto* generic = reinterpret_cast<::sockaddr*>(&address);
  const base::UniqueFd listener(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  EXPECT_EQ(::bind(listener.get(), generic, size), 0);
  EXPECT_EQ(::listen(listener.get(), 1), 0);
  ::getsockname(listener.get(), generic, &size);
  Fds fds;
  fds.a = base::UniqueFd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  EXPECT_EQ(::connect(fds.a.get(), generic, size), 0);
  fds.b = base::UniqueFd(::accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC));
  return fds;
}

inline std::unique_ptr<Transport> transport(Loop& loop, base::UniqueFd fd) {
  ::fcntl(fd.get(), F_SETFL, ::fcntl(fd.get(), F_GETFL) | O_NONBLOCK);
  return std::make_unique<Transport>(loop, std::move(fd), base::Endpoint{});
}

inline Pair pair(Loop& loop, Kind kind) {
  Fds fds = connected(kind);
  Pair pair;
  pair.a = transport(loop, std::move(fds.a));
  pair.b = transport(loop, std::move(fds.b));
  return pair;
}

// Small buffers in the kernel, so that writes soon would block. Not smaller than a few packets of the loopback device
// (64 KiB): TCP would wait for its timers.
inline void narrow(const Pair& pair) {
  const int sending = 16 * 1024, receiving = 200 * 1024;
  for (const auto* t : {pair.a.get(), pair.b.get()}) {
    ::setsockopt(t->fd(), SOL_SOCKET, SO_SNDBUF, &sending, sizeof sending);
    ::setsockopt(t->fd(), SOL_SOCKET, SO_RCVBUF, &receiving, sizeof receiving);
  }
}

// Bytes that tell where they belong.
inline std::string pattern(std::size_t size, unsigned seed = 1) {
  std::string out(size, '\0');
  std::uint32_t state = seed;
  for (auto& c : out) {
    state = state * 1664525u + 1013904223u;
    c = static_cast<char>(state >> 24);
  }
  return out;
}

// Reads to the end, or the first error.
struct Received {
  std::string data;
  Error error;
  bool done = false;
};
inline Task<void> read_all(Transport& t, Received& out, std::size_t step = 64 * 1024) {
  std::string buffer(step, '\0');
  for (;;) {
    const auto n = co_await t.read_some(buffer.data(), buffer.size());
    if (!n) out.error = n.error();
    if (!n || *n == 0) break;
    out.data.append(buffer, 0, *n);
  }
  out.done = true;
}

inline Task<std::string> read_exactly(Transport& t, std::size_t size) {
  std::string out(size, '\0');
  std::size_t have = 0;
  while (have < size) {
    const auto n = co_await t.read_some(out.data() + have, size - have);
    if (!n || *n == 0) break;
    have += *n;
  }
  out.resize(have);
  co_return out;
}

struct Sent {
  Error error;
  bool done = false;
};
inline Task<void> write_all(Transport& t, std::string data, Sent& out, bool shutdown = false) {
  const auto w = co_await t.write(data);
  if (!w) out.error = w.error();
  if (shutdown) t.shutdown_write();
  out.done = true;
}

}  // namespace genkan::net::test
