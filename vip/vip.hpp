// The front door of this room: virtual addresses that move between nodes by VRRP v3 (RFC 9568, IPv4).
//
//   auto launched = vip::launch(conf->vips, why);      // first thing in main: no thread yet, privileges still there
//   ... drop privileges, start the rooms ...
//   vip::Vip vip(std::move(*launched), telemetry);
//   vip.set_service_level(100);                        // from now on this node takes part
//   ... vip.set_service_level(measured) ...
//   vip.stop(Clock::now() + 5s);                       // planned: returns when the address is gone; keep serving until
//   then
//
// The guardian process needs CAP_NET_RAW and CAP_NET_ADMIN (and, for what it may do without, CAP_SYS_NICE and
// CAP_IPC_LOCK); main needs nothing of that after launch(). If main dies, the guardian gives the addresses up and
// exits. If the guardian dies, main serves on without the addresses and says so: it can't fork a new one without
// privileges.
#pragma once

#include <sys/types.h>

#include <memory>
#include <span>
#include <string>

#include "base/clock.hpp"
#include "base/result.hpp"
#include "base/telemetry.hpp"
#include "vip/link.hpp"
#include "vip/options.hpp"

namespace genkan::vip {

struct Launched {
  pid_t pid = -1;
  base::UniqueFd control;
  GuardianOptions options;
};

// Forks the guardian. Call it before the process has threads: the child runs on in a copy of this process.
// On failure `why` is a sentence for people.
Result<Launched> launch(const GuardianOptions& options, std::string& why);
Result<Launched> launch(std::span<const conf::Vip> vips, std::string& why);

// An upgrade (app/upgrade.cpp): a new main process takes over the guardian of the old one, so that no address moves.
// The addresses must be the same: `fingerprint` of both configurations says so.
std::string fingerprint(std::span<const conf::Vip> vips);
Result<Launched> adopt(std::span<const conf::Vip> vips, base::UniqueFd control, pid_t pid, std::string& why);

// Owns the guardian: a thread reports the service level 20 times a second and collects what the guardian says, for the
// log, the metrics and the section "vip" of the status board. All functions are thread-safe.
class Vip {
 public:
  Vip(Launched launched, base::Telemetry& telemetry);
  ~Vip();  // without stop(): the addresses are given up at once
  Vip(const Vip&) = delete;
  Vip& operator=(const Vip&) = delete;

  // How well this node serves: 100 all is well, 0 not at all. The node takes part from the first call. Cheap.
  void set_service_level(int level) noexcept;

  // Make before break: says priority 0, keeps the addresses until another node has taken them or nobody came (two
  // advertisement intervals), at most until `deadline`. Blocks. Later calls return at once.
  void stop(Time deadline);

  // Another process talks to the guardian from now on: this one falls silent and leaves it alone, also at its end.
  void let_go();
  // Takes up again what let_go() ended.
  void take_up();
  int control_fd() const noexcept;
  pid_t guardian_pid() const noexcept;

  bool guardian_alive() const noexcept;
  std::string status_json() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace genkan::vip
