// The running program: builds every room and owns the order of start and stop.
//
//   start:  guardian (fork) -> log -> workers -> sockets -> privileges dropped -> rooms -> listeners accept -> ready
//   stop:   not ready -> VIP handed over -> listeners closed -> requests and messages finish (drain_timeout) -> rest
//   cut
//           -> rooms in reverse order -> workers
//   reload: read and check -> build everything new -> swap; on any error nothing has changed
#pragma once

#include <memory>
#include <string>

#include "base/telemetry.hpp"
#include "conf/conf.hpp"
#include "vip/vip.hpp"

namespace genkan::app {

class Site {
 public:
  // `launched`: the guardian, forked before anything else; null without [[vip]].
  Site(conf::ConfPtr conf, std::unique_ptr<vip::Launched> launched);
  ~Site();

  // sysexits.h: 0, or what to end with; `why` is a sentence.
  int start(std::string& why);
  bool reload(conf::ConfPtr conf, std::string& why);
  void reopen_logs();
  void stop();
  base::Log& log();

 private:
  struct Rooms;
  std::unique_ptr<Rooms> rooms_;
};

}  // namespace genkan::app
