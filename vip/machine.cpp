#include "vip/machine.hpp"

namespace genkan::vip {
namespace {

using namespace std::chrono_literals;

// Gratuitous ARP is repeated because it is not acknowledged; late ones reach hosts whose port was not forwarding yet.
constexpr std::array<Duration, 3> kAnnounceAgain = {100ms, 1s, 5s};
constexpr Duration kCorrectAfter = 50ms;
// Packets that were sent to us before the announcement arrive after it. Shorter than the first repeat above, which
// corrects a host that asked meanwhile and heard us first.
constexpr Duration kLinger = 20ms;

struct Run {
  const Rules& rules;
  Machine& m;
  Time now;
  Step out;

  void act(Do what, std::uint8_t priority = 0) { out.actions.push_back({what, priority}); }

  void go(State to, Reason reason) {
    out.transition = Transition{m.state, to, reason};
    m.state = to;
  }

  void stop_timers() {
    m.due.reset();
    m.drop_due.reset();
    m.announce_due = {};
    m.suspicion.forget();
  }

  void become_active(Reason reason) {
    go(State::active, reason);
    m.active_interval = rules.interval;
    m.drop_due.reset();
    m.suspicion.forget();
    act(Do::add_address);  // before anyone is told, so that the first packet finds it
    act(Do::send_advert, m.priority);
    act(Do::announce);
    m.due = now + advert_interval(rules.interval);
    for (std::size_t i = 0; i < kAnnounceAgain.size(); ++i) m.announce_due[i] = now + kAnnounceAgain[i];
  }

  void wait_for_active(Duration time, Reason meaning) {
    m.due = now + time;
    m.expectation = meaning;
  }

  void follow(const Heard& advert) {
    m.active_interval = advert.interval;
    m.active_peer = advert.source;
    m.active_priority = advert.priority;
    wait_for_active(active_down_interval(m.priority, m.active_interval), Reason::active_silent);
    if (!rules.probe) return;
    if (m.suspicion.heard(advert.source, advert_interval(advert.interval), now) == Suspicion::Verdict::ask)
      act(Do::ask);
  }

  void suspect() {
    const auto verdict = m.suspicion.tick(now);
    if (verdict == Suspicion::Verdict::ask) act(Do::ask);
    if (verdict != Suspicion::Verdict::unreachable) return;
    const Time soon = now + skew_time(m.priority, m.active_interval);
    if (!m.due || soon >= *m.due) return;
    m.down_due = m.due;
    wait_for_active(soon - now, Reason::active_unreachable);
  }

  void become_backup(Reason reason) {
    stop_timers();
    go(State::backup, reason);
    m.active_interval = rules.interval;
    wait_for_active(active_down_interval(m.priority, m.active_interval), Reason::active_silent);
  }

  void leave(Reason reason) {
    const bool held = holds_address(m);
    stop_timers();
    if (m.state != State::init) go(State::init, reason);
    if (held) act(Do::remove_address);
  }

  // Someone else is Active: the address follows in a moment.
  void hand_over() { m.drop_due = now + kLinger; }

  void advertise() {
    act(Do::send_advert, m.priority);
    m.due = now + advert_interval(rules.interval);
  }

  void operator()(const Start&);
  void operator()(const Stop&);
  void operator()(const Abort&);
  void operator()(const LinkDown&) { leave(Reason::link_down); }
  void operator()(const Tick&);
  void operator()(const SetPriority& event);
  void operator()(const Heard& advert);
  void operator()(const Answered& answer);
  void heard_in_backup(const Heard& advert);
  void heard_in_active(const Heard& advert);
};

void Run::operator()(const Start&) {
  if (m.state != State::init) return;
  if (rules.owner()) {
    m.priority = rules.priority;
    become_active(Reason::owner);
  } else {
    become_backup(Reason::started);
  }
}

void Run::operator()(const Stop&) {
  if (m.state != State::active) {
    const auto drop = m.drop_due;  // a hand-over that is under way ends as it would
    m.drop_due.reset();
    leave(Reason::planned_stop);
    m.drop_due = drop;
    return;
  }
  stop_timers();
  go(State::yielding, Reason::planned_stop);
  act(Do::send_advert, 0);
  // A Backup answers priority 0 after its own Skew_Time. We don't know its priority: allow for the longest, twice.
  m.due = now + 2 * skew_time(1, m.active_interval);
}

void Run::operator()(const Abort&) {
  if (m.state == State::active || m.state == State::yielding) {
    for (int i = 0; i < kFarewells; ++i) act(Do::send_advert, 0);
  }
  leave(Reason::aborted);
}

void Run::operator()(const Tick&) {
  for (auto& at : m.announce_due) {
    if (at && *at <= now) {
      at.reset();
      act(Do::announce);
    }
  }
  if (m.drop_due && *m.drop_due <= now) {
    m.drop_due.reset();
    act(Do::remove_address);
  }
  if (m.state == State::backup) suspect();
  if (!m.due || *m.due > now) return;
  m.due.reset();
  if (m.state == State::backup) return become_active(m.expectation);
  if (m.state == State::active) return advertise();
  if (m.state == State::yielding) leave(Reason::nobody_came);
}

void Run::operator()(const SetPriority& event) {
  if (rules.owner() || event.priority == m.priority || event.priority == 0 || event.priority == 255) return;
  const bool fell = event.priority < m.priority;
  m.priority = event.priority;
  if (m.state == State::active && fell) advertise();
}

void Run::operator()(const Heard& advert) {
  if (advert.source == rules.self) return;  // our own, looped back
  if (m.state == State::backup) return heard_in_backup(advert);
  if (m.state == State::active) return heard_in_active(advert);
  if (m.state != State::yielding || advert.priority == 0) return;
  stop_timers();
  go(State::init, Reason::yielded);
  hand_over();
}

void Run::operator()(const Answered& answer) {
  if (m.state != State::backup || !m.suspicion.answered(answer.source)) return;
  if (m.expectation != Reason::active_unreachable) return;
  m.due = m.down_due;
  m.expectation = Reason::active_silent;
}

// 6.4.2
void Run::heard_in_backup(const Heard& advert) {
  if (advert.priority == 0) {
    m.suspicion.forget();
    wait_for_active(skew_time(m.priority, m.active_interval), Reason::active_stopped);
  } else if (!rules.preempt || advert.priority >= m.priority) {
    follow(advert);
  } else if (m.active_peer == advert.source && m.active_priority >= m.priority) {
    m.active_priority = advert.priority;
    const Time soon = now + skew_time(m.priority, m.active_interval);
    if (!m.due || soon < *m.due) wait_for_active(soon - now, Reason::active_degraded);
  }
}

// 6.4.3
void Run::heard_in_active(const Heard& advert) {
  if (advert.priority > m.priority || (advert.priority == m.priority && advert.source > rules.self)) {
    become_backup(Reason::better_peer);
    follow(advert);
    hand_over();
    return;
  }
  advertise();  // priority 0 and losing adverts alike: say at once who is Active, and reset the timer
  // The loser answered ARP until now. Correct what hosts learned, once it has had the time to hear us.
  if (advert.priority > 0 && !m.announce_due[0]) m.announce_due[0] = now + kCorrectAfter;
}

}  // namespace

Duration advert_interval(std::uint16_t interval) noexcept { return interval * 10ms; }

Duration skew_time(std::uint8_t priority, std::uint16_t interval) noexcept {
  return (256 - priority) * advert_interval(interval) / 256;
}

Duration active_down_interval(std::uint8_t priority, std::uint16_t interval) noexcept {
  return 3 * advert_interval(interval) + skew_time(priority, interval);
}

Step step(const Rules& rules, Machine& machine, const Event& event, Time now) {
  Run run{rules, machine, now, {}};
  std::visit(run, event);
  return std::move(run.out);
}

bool holds_address(const Machine& machine) noexcept {
  return machine.state == State::active || machine.state == State::yielding || machine.drop_due.has_value();
}

std::optional<Time> next_due(const Machine& machine) noexcept {
  std::optional<Time> first = machine.due;
  if (machine.drop_due && (!first || *machine.drop_due < *first)) first = machine.drop_due;
  if (const auto at = machine.suspicion.due(); at && (!first || *at < *first)) first = at;
  for (const auto& at : machine.announce_due) {
    if (at && (!first || *at < *first)) first = at;
  }
  return first;
}

std::string_view name_of(State state) noexcept {
  static constexpr std::array<std::string_view, 4> kNames = {"init", "backup", "active", "yielding"};
  const auto i = static_cast<std::size_t>(state);
  return i < kNames.size() ? kNames[i] : "unknown";
}

std::string_view name_of(Reason reason) noexcept {
  static constexpr std::array<std::string_view, 12> kNames = {
      "started",     "owner",        "active_silent", "active_stopped", "active_unreachable", "active_degraded",
      "better_peer", "planned_stop", "yielded",       "nobody_came",    "link_down",          "aborted"};
  const auto i = static_cast<std::size_t>(reason);
  return i < kNames.size() ? kNames[i] : "unknown";
}

}  // namespace genkan::vip
