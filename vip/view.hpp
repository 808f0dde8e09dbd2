// What main knows of the guardian: the last report of every virtual router and the latest transitions, as JSON for the
// status page. Plain data; its owner locks.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "vip/control.hpp"
#include "vip/options.hpp"

namespace genkan::vip {

struct View {
  static constexpr std::size_t kKeptTransitions = 50;  // per router

  struct Moved {
    WallTime at;
    Transition what;
  };
  struct Router {
    RouterOptions options;
    RouterMessage last;
    bool reported = false;
    std::uint64_t transitions = 0;
    std::deque<Moved> history;  // oldest first
  };

  int guardian_pid = -1;
  bool alive = false;
  bool planned = false;  // its end was asked for
  bool realtime = false;
  bool locked = false;
  int level = -1;  // -1: not said yet
  std::vector<Router> routers;

  void take(const TransitionMessage& message);  // an index that is out of range is ignored
  void take(const RouterMessage& message);
  std::string json() const;
};

}  // namespace genkan::vip
