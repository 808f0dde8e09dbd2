// The VRRP state machine of one virtual router (RFC 9568 section 6.4), as a pure function: (rules, machine, event, now)
// -> (machine, actions). It does no I/O and reads no clock; the guardian carries the actions out, in order.
//
//            start, priority 255
//    ┌──────────────────────────────────────────────┐
//    │  start, < 255        Active_Down_Timer       ▼
//   init ──────────► backup ───────────────────► active
//    ▲                 │ ▲      better advert       │
//    │ stop, link down │ └──────────────────────────┤ planned stop
//    ├─────────────────┘                            ▼
//    └───────────────────────────────────────── yielding
//         the new Active is heard, or nobody came
//
// Four things are ours, and none is visible to a peer as anything but VRRP:
// - yielding (make-before-break): a planned stop sends priority 0 but keeps the address, and keeps answering, until the
// new
//   Active's advertisement is heard; and whoever hands the address over keeps it for 20 ms more;
// - a drop of our own priority is advertised at once, not at the next interval;
// - a Backup that preempts and hears the Active it followed fall below its own priority waits Skew_Time, not the whole
//   Active_Down_Interval: the fall is news of trouble, like priority 0;
// - and so does a Backup that misses an advertisement and finds the Active's machine gone (suspicion.hpp).
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>
#include <variant>
#include <vector>

#include "base/address.hpp"
#include "base/clock.hpp"
#include "vip/suspicion.hpp"

namespace genkan::vip {

enum class State : std::uint8_t { init, backup, active, yielding };
enum class Reason : std::uint8_t {
  started,
  owner,               // priority 255: Active from the start
  active_silent,       // Active_Down_Timer: nobody advertised
  active_stopped,      // the Active said priority 0
  active_unreachable,  // an advert is missing, and the Active's machine does not answer ARP
  active_degraded,     // the Active's priority fell below ours
  better_peer,         // higher priority, or the same and the greater address
  planned_stop,
  yielded,      // the new Active was heard
  nobody_came,  // yielding ended by its deadline
  link_down,
  aborted,  // the main process is gone
};
std::string_view name_of(State state) noexcept;
std::string_view name_of(Reason reason) noexcept;

struct Rules {
  base::IpAddress self;          // our primary address: it breaks a tie
  std::uint8_t priority = 100;   // 1..255, 255 is the owner
  std::uint16_t interval = 100;  // centiseconds
  bool preempt = true;
  bool probe = true;  // ask a silent Active's machine whether it is there (suspicion.hpp)
  bool owner() const noexcept { return priority == 255; }
};

struct Machine {
  State state = State::init;
  std::uint8_t priority = 100;                      // what we advertise now; rules.priority scaled by how well we serve
  std::uint16_t active_interval = 100;              // Active_Adver_Interval, adopted from the Active
  std::optional<Time> due;                          // Adver_Timer, Active_Down_Timer or the end of yielding
  std::optional<Time> drop_due;                     // the address, which another node has by now, goes at this time
  std::array<std::optional<Time>, 3> announce_due;  // repeats of the gratuitous ARP
  Reason expectation = Reason::active_silent;       // what it will mean when Active_Down_Timer fires
  base::IpAddress active_peer;                      // the Active that was heard last; any_v4() before
  std::uint8_t active_priority = 0;
  Suspicion suspicion;           // in backup
  std::optional<Time> down_due;  // Active_Down_Timer as it was before `active_unreachable` shortened it
};

struct Start {};
struct Stop {};      // planned: make before break
struct Abort {};     // no one is left to serve: give the address up at once
struct LinkDown {};  // the interface cannot carry adverts
struct Tick {};      // a timer may be due
struct SetPriority {
  std::uint8_t priority = 0;  // 1..254; ignored for the owner
};
struct Heard {
  std::uint8_t priority = 0;
  std::uint16_t interval = 100;
  base::IpAddress source;
};
struct Answered {  // an ARP reply
  base::IpAddress source;
};
using Event = std::variant<Start, Stop, Abort, LinkDown, Tick, SetPriority, Heard, Answered>;

enum class Do : std::uint8_t { add_address, remove_address, send_advert, announce, ask };  // ask: ARP for active_peer
struct Action {
  Do what = Do::send_advert;
  std::uint8_t priority = 0;  // send_advert only
  bool operator==(const Action&) const = default;
};

struct Transition {
  State from = State::init;
  State to = State::init;
  Reason reason = Reason::started;
  bool operator==(const Transition&) const = default;
};

struct Step {
  std::vector<Action> actions;
  std::optional<Transition> transition;
};

Step step(const Rules& rules, Machine& machine, const Event& event, Time now);

bool holds_address(const Machine& machine) noexcept;

// When the machine wants its next Tick.
std::optional<Time> next_due(const Machine& machine) noexcept;

// Skew_Time and Active_Down_Interval (6.1), kept in nanoseconds instead of rounded to centiseconds.
Duration skew_time(std::uint8_t priority, std::uint16_t interval) noexcept;
Duration active_down_interval(std::uint8_t priority, std::uint16_t interval) noexcept;
Duration advert_interval(std::uint16_t interval) noexcept;

// How often priority 0 is sent when there will be no second chance.
constexpr int kFarewells = 3;

}  // namespace genkan::vip
