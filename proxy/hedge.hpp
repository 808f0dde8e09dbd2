// A slow request is sent to a second backend as well; whose head comes first serves, the other one is given up.
//
//   first -> (time) -> second -> a head: won, the other cancelled
//     `-> a head or a failure before the time: as without
//
// Each try is a request of its own, for it may outlive the client's: the loser ends when its connection says so.
#pragma once

#include <array>
#include <memory>
#include <optional>
#include <string>

#include "cluster/pool.hpp"
#include "http/origin.hpp"
#include "net/wheel.hpp"
#include "proxy/subrequest.hpp"

namespace genkan::proxy {

class Race final : public std::enable_shared_from_this<Race>, private http::Informer::GoneListener, private net::Timer {
 public:
  struct Try {
    explicit Try(const http::Request& r) : request(r) {}
    Subrequest request;
    http::OriginTo to;
    cluster::Choice choice;
    std::string host;
    http::OriginPool::Replay replay;
    http::OriginPool::Answer answer;
    bool fresh = false, done = false;
  };

  // The client's request, which must live until end() or until the body that take() gave is released.
  Race(const http::Request& request, std::string target, std::shared_ptr<cluster::Pool> pool, http::OriginPool& origins,
       const http::OriginLimits& limits);
  ~Race();

  void start(cluster::Choice choice, http::OriginTo to, std::string host, bool fresh);
  net::Task<void> wait(Time until);  // for a head, for the end of all tries, or until then
  const Try* first() const noexcept { return &*tries_[0]; }
  bool client_gone() const noexcept { return gone_; }
  bool decided() const noexcept;  // a head is there, or every try has failed

  // After it is decided: who won (the first one when all failed), its choice and answer. The others are given up.
  std::size_t take(cluster::Choice& choice, http::OriginPool::Answer& answer);

 private:
  class RacedBody;
  static net::Task<void> run(std::shared_ptr<Race> self, std::size_t which);
  void on_client_gone() noexcept override;
  void on_timer() noexcept override { event_.notify(); }
  void unregister() noexcept;

  const http::Request& original_;
  http::Informer* informer_;  // null: none, or the race is over
  const std::string target_;
  const std::shared_ptr<cluster::Pool> pool_;
  http::OriginPool& origins_;
  const http::OriginLimits limits_;
  net::Loop& loop_;
  net::Event event_;
  std::array<std::optional<Try>, 2> tries_;
  std::size_t started_ = 0;
  bool taken_ = false, gone_ = false;
};

}  // namespace genkan::proxy
