// Is the machine of the Active still there? A Backup that misses one advertisement asks: three ARP requests for the
// Active's own address, 10 ms apart. The kernel of a living machine answers them, however busy its programs are; when
// no answer comes, waiting for two more advertisements is a waste. Then only Skew_Time is waited, which keeps the order
// of the Backups.
//
// An answer, or an advert, ends the suspicion: Active_Down_Timer goes on as the RFC has it. A peer is suspected only if
// it was seen to answer while it was alive (asked when it is first followed, and every ten seconds), so that a peer
// behind a router, or one that ignores ARP, is never taken for dead. On the wire nothing of VRRP changes.
//
// Pure: no clock, no socket.
#pragma once

#include <cstdint>
#include <optional>

#include "base/address.hpp"
#include "base/clock.hpp"

namespace genkan::vip {

class Suspicion {
 public:
  static constexpr int kQuestions = 3;
  static constexpr Duration kBetween = std::chrono::milliseconds(10);
  static constexpr Duration kCheckEvery = std::chrono::seconds(10);
  static constexpr int kMayMiss = 2;  // checks in a row, before the peer counts as one that does not answer
  static constexpr Duration kShortest = std::chrono::milliseconds(50);  // under this Active_Down_Timer is as quick

  enum class Verdict { nothing, ask, unreachable };

  // An advert of the Active that we follow. `ask`: send one question now, to learn whether it answers.
  Verdict heard(const base::IpAddress& peer, Duration interval, Time now);
  Verdict tick(Time now);
  // True when this answer ends a suspicion or a verdict of `unreachable`.
  bool answered(const base::IpAddress& peer);
  void forget() noexcept { *this = {}; }

  const base::IpAddress& peer() const noexcept { return peer_; }
  std::optional<Time> due() const noexcept { return due_; }
  bool answers() const noexcept { return answers_; }

 private:
  base::IpAddress peer_;
  bool answers_ = false;
  int missed_ = 0;  // checks without an answer
  int asked_ = 0;   // questions of this suspicion
  Time checked_{};
  Time expected_{};  // the next advert, at the latest
  std::optional<Time> due_;
};

}  // namespace genkan::vip
