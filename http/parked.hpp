// What is left of an HTTP/1.1 connection that has been quiet for a while: its transport, its place among the server's
// sessions and how much it was served. When bytes come, a session takes it over again; when its time is over, it ends.
// Ten thousand idle connections cost as much as ten thousand of these and their transports.
#pragma once

#include <cstdint>
#include <memory>

#include "http/server.hpp"

namespace genkan::http {

class Parked final : public Session, private net::Transport::SleepListener {
 public:
  // `transport` has its read deadline; `counted`: among those of its address. Owns itself from here on.
  static void park(Server& server, std::unique_ptr<net::Transport> transport, std::shared_ptr<const Entrance> entrance,
                   bool counted, std::uint64_t served);

  void drain() noexcept override;
  void cancel() noexcept override;

  static void* operator new(std::size_t size);
  static void operator delete(void* at) noexcept;

 private:
  Parked(Server& server, std::unique_ptr<net::Transport> transport, std::shared_ptr<const Entrance> entrance,
         bool counted, std::uint64_t served);
  ~Parked() override;
  void on_wake() noexcept override;
  void go_on();
  void end();

  Server& server_;
  std::unique_ptr<net::Transport> transport_;
  std::shared_ptr<const Entrance> entrance_;
  std::uint64_t served_;
  bool counted_;
};

}  // namespace genkan::http
