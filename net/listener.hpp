// Listening sockets. ListenSockets opens them once, on the main thread, before privileges are dropped: one socket per
// worker and address (SO_REUSEPORT), so that a reload never closes a socket that holds waiting connections. A Listener
// accepts from one of them on a worker's loop.
#pragma once

#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/address.hpp"
#include "base/fd.hpp"
#include "base/telemetry.hpp"
#include "net/address_counter.hpp"
#include "net/loop.hpp"
#include "net/transport.hpp"

namespace genkan::net {

// Listening sockets of the process that this one takes over from (app/upgrade.hpp), by their address as configured.
// Connections that wait in them are not lost, and no right is needed for their ports.
class Inherited {
 public:
  void add(std::string address, base::UniqueFd fd) { fds_[std::move(address)].push_back(std::move(fd)); }
  std::vector<base::UniqueFd> take(const std::string& address);
  std::vector<std::string> left() const;  // addresses that nobody took

 private:
  std::map<std::string, std::vector<base::UniqueFd>> fds_;
};

class ListenSocket {
 public:
  // `count` sockets for one address (Unix sockets: one, shared). A port in use, a missing right: the error says which.
  // What `from` has for the address is used instead, all of it: a socket that nobody accepts from would keep its share.
  static Result<ListenSocket> open(const base::Endpoint& address, int count, Inherited* from = nullptr);
  const base::Endpoint& address() const noexcept { return address_; }  // with the real port when 0 was asked for
  const base::Endpoint& wanted() const noexcept { return wanted_; }    // as it was asked for
  // Those that one of `workers` accepts from: at least one, shared when there are fewer than workers.
  std::vector<int> fds(int worker, int workers) const;
  std::vector<int> all_fds() const;
  int fd(int worker) const { return fds(worker, static_cast<int>(fds_.size())).front(); }

 private:
  base::Endpoint address_, wanted_;
  std::vector<std::shared_ptr<base::UniqueFd>> fds_;
};

// Shared by all listeners that count towards one limit. Thread-safe.
struct ConnectionLimit {
  std::atomic<std::int64_t> open{0};
  std::atomic<std::int64_t> max{0};               // 0: none; a reload may change it
  std::atomic<std::uint32_t> max_per_address{0};  // 0: none; whoever accepts enters and leaves
  AddressCounter addresses;
};

class Listener final : private Pollable, private Timer {
 public:
  using Accept = std::function<void(std::unique_ptr<Transport>)>;

  // Does not own the descriptor. On EMFILE and its kin it pauses 100 ms, says so once, and goes on.
  // Over `limit` a connection is closed at once. Whoever takes a Transport calls limit->open-- when it is gone.
  Listener(Loop& loop, int fd, base::Telemetry& telemetry, std::shared_ptr<ConnectionLimit> limit, Accept accept);
  ~Listener();
  void stop() noexcept;
  void accept_waiting() noexcept;  // all who are there now: before the socket closes

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
