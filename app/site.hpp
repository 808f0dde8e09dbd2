// The running program: builds every room and owns the order of start and stop.
//
//   start:  guardian (fork) -> log -> workers -> sockets -> privileges dropped -> rooms -> listeners accept -> ready
//   stop:   not ready -> VIP handed over -> listeners closed -> requests and messages finish (drain_timeout) -> rest
//   cut
//           -> rooms in reverse order -> workers
//   upgrade: see app/handover.hpp
//   reload: read and check -> build everything new -> swap; on any error nothing has changed
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "app/handover.hpp"
#include "base/telemetry.hpp"
#include "conf/conf.hpp"
#include "vip/vip.hpp"

namespace genkan::app {

class Site {
 public:
  // `launched`: the guardian, forked before anything else; null without [[vip]].
  // `heritage`: what the process left that this one replaces (app/handover.hpp); null: none.
  Site(conf::ConfPtr conf, std::unique_ptr<vip::Launched> launched, std::unique_ptr<Heritage> heritage);
  ~Site();

  // sysexits.h: 0, or what to end with; `why` is a sentence.
  int start(std::string& why);
  bool reload(conf::ConfPtr conf, std::string& why);
  void reopen_logs();
  void stop();

  // Starts `program` to take over; `interrupted` is asked now and then whether to give up. True: it serves, and this
  // process has only to end by retire(). False: nothing has changed, `why` says what was wrong.
  bool upgrade(const std::string& program, const std::string& file, const std::function<bool()>& interrupted,
               std::string& why);
  // Serves what is still open, for up to [node] upgrade_drain, or drain_timeout once `hurry` says so.
  void retire(const std::function<bool()>& hurry);
  base::Log& log();

 private:
  struct Rooms;
  std::unique_ptr<Rooms> rooms_;
};

}  // namespace genkan::app
