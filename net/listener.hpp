// Listening sockets. ListenSockets opens them once, on the main thread, before privileges are dropped: one socket per
// worker and address (SO_REUSEPORT), so that a reload never closes a socket that holds waiting connections. A Listener
// accepts from one of them on a worker's loop.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/address.hpp"
#include "base/fd.hpp"
#include "base/telemetry.hpp"
#include "net/loop.hpp"
#include "net/transport.hpp"

namespace genkan::net {

class ListenSocket {
 public:
  // `count` sockets for one address (Unix sockets: one, shared). A port in use, a missing right: the error says which.
  static Result<ListenSocket> open(const base::Endpoint& address, int count);
  const base::Endpoint& address() const noexcept { return address_; }  // with the real port when 0 was asked for
  int fd(int worker) const noexcept;

 private:
  base::Endpoint address_;
  std::vector<std::shared_ptr<base::UniqueFd>> fds_;
};

// Shared by all listeners that count towards one limit. Thread-safe.
struct ConnectionLimit {
  std::atomic<std::int64_t> open{0};
  std::int64_t max = 0;  // 0: none
};

class Listener final : private Pollable, private Timer {
 public:
  using Accept = std::function<void(std::unique_ptr<Transport>)>;

  // Does not own the descriptor. On EMFILE and its kin it pauses 100 ms, says so once, and goes on.
  // Over `limit` a connection is closed at once. Whoever takes a Transport calls limit->open-- when it is gone.
  Listener(Loop& loop, int fd, base::Telemetry& telemetry, std::shared_ptr<ConnectionLimit> limit, Accept accept);
  ~Listener();
  void stop() noexcept;

 private:
  void on_ready(std::uint32_t events) noexcept override;
  void on_timer() noexcept override { accept_some(); }
  void accept_some() noexcept;
  void pause() noexcept;

  Loop& loop_;
  int fd_;
  base::Telemetry& telemetry_;
  std::shared_ptr<ConnectionLimit> limit_;
  Accept accept_;
  bool starved_ = false;  // said already
};

}  // namespace genkan::net
