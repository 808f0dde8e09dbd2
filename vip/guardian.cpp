#include "vip/guardian.hpp"

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <ctime>
#include <deque>
#include <memory>
#include <string_view>
#include <vector>

#include "vip/confine.hpp"
#include "vip/control.hpp"
#include "vip/health.hpp"
#include "vip/router.hpp"

namespace genkan::vip {
namespace {

using namespace std::chrono_literals;

constexpr Duration kReportEvery = 200ms;
constexpr std::size_t kMaxWaiting = 256;  // transitions and notes that main has not read yet; the oldest go first
constexpr int kMessagesAtATime = 64;
// Real-time priority must not starve the machine: without any sleep for kLongestRun, a nap is due.
constexpr Duration kLongestRun = 20ms;
constexpr Duration kSlept = 50us;
constexpr std::chrono::nanoseconds kBreath = 1ms;

class Guardian {
 public:
  Guardian(const GuardianOptions& options, int control, Netlink netlink, base::UniqueFd links)
      : control_(control), netlink_(std::move(netlink)), links_(std::move(links)) {
    for (std::size_t i = 0; i < options.routers.size(); ++i) {
      const auto index = static_cast<std::uint16_t>(i);
      Reporter reporter{[this, index](base::Level level, std::string_view text) { note(index, level, text); },
                        [this, index](const Transition& t) { moved(index, t); }};
      routers_.push_back(std::make_unique<Router>(options.routers[i], options.tun, netlink_, std::move(reporter)));
    }
  }

  void run(const Confinement& confinement) {
    StartedMessage started;
    started.realtime = confinement.realtime ? 1 : 0;
    started.locked = confinement.locked ? 1 : 0;
    send(started);
    while (!over_) turn();
    flush();
  }

 private:
  template <class M>
  bool send(const M& message) {
    return ::send(control_, &message, sizeof message, MSG_DONTWAIT | MSG_NOSIGNAL) == sizeof message;
  }

  void note(std::uint16_t index, base::Level level, std::string_view text) {
    keep(bytes_of(make_note(index, static_cast<std::uint8_t>(level), text)));
  }

  void moved(std::uint16_t index, const Transition& t) {
    TransitionMessage message;
    message.index = index;
    message.from = t.from;
    message.to = t.to;
    message.reason = t.reason;
    message.wall_ns = std::chrono::duration_cast<std::chrono::nanoseconds>(WallClock::now().time_since_epoch()).count();
    keep(bytes_of(message));
    report_due_ = {};
  }

  void keep(std::span<const std::uint8_t> message) {
    if (waiting_.size() == kMaxWaiting) waiting_.pop_front();
    waiting_.emplace_back(message.begin(), message.end());
  }

  void flush() {
    while (!waiting_.empty()) {
      const auto& m = waiting_.front();
      if (::send(control_, m.data(), m.size(), MSG_DONTWAIT | MSG_NOSIGNAL) < 0) return;
      waiting_.pop_front();
    }
  }

  void report(Time now) {
    report_due_ = now + kReportEvery;
    for (std::size_t i = 0; i < routers_.size(); ++i) send(routers_[i]->report(static_cast<std::uint16_t>(i)));
  }

  Duration wait_time(Time now) const {
    Time first = report_due_;
    for (const auto& router : routers_) {
      if (const auto at = router->due(); at && *at < first) first = *at;
    }
    if (const auto at = level_.next_due(); at && *at < first) first = *at;
    return std::max<Duration>(first - now, 0ns);
  }

  // What has arrived is looked at before the timers: after a pause (SIGSTOP, a starved machine) adverts that are
  // already here must count before a timer that ran out meanwhile.
  void turn() {
    std::vector<pollfd> fds = {{control_, POLLIN, 0}, {links_.get(), POLLIN, 0}};
    for (const auto& router : routers_) {
      fds.push_back({router->vrrp_fd(), POLLIN, 0});
      fds.push_back({router->arp_fd(), POLLIN, 0});
    }
    const auto wait = wait_time(Clock::now());
    const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(wait);
    const timespec limit{seconds.count(), (wait - seconds).count()};
    const Time before = Clock::now();
    if (::ppoll(fds.data(), fds.size(), &limit, nullptr) < 0 && errno != EINTR) {
      over_ = true;
      return abort();
    }
    if (Clock::now() - before >= kSlept) slept_ = Clock::now();
    for (std::size_t i = 0; i < routers_.size(); ++i) {
      if (fds[2 * i + 2].revents != 0) routers_[i]->receive_vrrp(Clock::now());
      if (fds[2 * i + 3].revents != 0) routers_[i]->receive_arp(Clock::now());
    }
    if (fds[1].revents != 0) {
      drain(links_.get());
      for (auto& router : routers_) router->look_at_link(Clock::now());
    }
    if (fds[0].revents != 0) listen_to_main();
    if (over_) return;

    const Time now = Clock::now();
    if (level_.tick(now)) {
      note(0xFFFF, base::Level::warning, "the main process is silent: priority goes to the floor");
      level_changed(now);
    }
    for (auto& router : routers_) router->tick(now);
    if (stopping_ && std::ranges::all_of(routers_, [](const auto& r) { return r->finished(); })) over_ = true;
    flush();
    if (report_due_ <= now) report(now);
    breathe(now);
  }

  // Flooded with packets, ppoll never sleeps; then this does.
  void breathe(Time now) {
    if (now - slept_ < kLongestRun) return;
    const timespec nap{0, kBreath.count()};
    ::clock_nanosleep(CLOCK_MONOTONIC, 0, &nap, nullptr);
    slept_ = Clock::now();
  }

  void listen_to_main() {
    std::array<std::uint8_t, kMaxMessage> buffer;
    for (int i = 0; i < kMessagesAtATime; ++i) {
      const auto got = ::recv(control_, buffer.data(), buffer.size(), MSG_DONTWAIT);
      if (got < 0 && (errno == EAGAIN || errno == EINTR)) return;
      if (got <= 0) {
        over_ = true;
        return abort();
      }
      const std::span<const std::uint8_t> packet(buffer.data(), static_cast<std::size_t>(got));
      if (const auto level = read_as<LevelMessage>(packet)) {
        const Time now = Clock::now();
        if (level_.report(level->level, now)) level_changed(now);
      } else if (read_as<StopMessage>(packet)) {
        stopping_ = true;
        for (auto& router : routers_) router->stop(Clock::now());
      }
    }
  }

  void level_changed(Time now) {
    for (auto& router : routers_) router->set_level(level_.level(), now);
    report_due_ = {};
  }

  void abort() {
    for (auto& router : routers_) router->abort(Clock::now());
    if (stopping_) return;
    constexpr std::string_view kWords = "genkan-vip: the main process is gone: gave the addresses up\n";
    static_cast<void>(!::write(STDERR_FILENO, kWords.data(), kWords.size()));
  }

  int control_;
  Netlink netlink_;
  base::UniqueFd links_;
  std::vector<std::unique_ptr<Router>> routers_;
  ServiceLevel level_;
  std::deque<std::vector<std::uint8_t>> waiting_;
  Time report_due_{};
  Time slept_ = Clock::now();
  bool stopping_ = false;
  bool over_ = false;
};

void last_words(int control, std::string_view what, const Error& error) {
  const std::string text = std::string(what) + ": " + error.message();
  const auto note = make_note(0xFFFF, static_cast<std::uint8_t>(base::Level::error), text);
  static_cast<void>(::send(control, &note, sizeof note, MSG_DONTWAIT | MSG_NOSIGNAL));
}

}  // namespace

int run_guardian(const GuardianOptions& options, int control_fd) {
  const int control = keep_only(control_fd);
  if (control < 0) return 1;
  const Confinement confinement = confine(options.realtime);
  auto netlink = Netlink::open();
  auto links = watch_links();
  if (!netlink || !links) {
    last_words(control, "rtnetlink", netlink ? links.error() : netlink.error());
    return 1;
  }
  Guardian guardian(options, control, std::move(*netlink), std::move(*links));
  guardian.run(confinement);
  return 0;
}

}  // namespace genkan::vip
