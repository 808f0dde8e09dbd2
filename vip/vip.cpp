#include "vip/vip.hpp"

#include <poll.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <condition_variable>
#include <csignal>
#include <mutex>
#include <thread>

#include "conf/conf.hpp"
#include "vip/control.hpp"
#include "vip/guardian.hpp"
#include "vip/view.hpp"

namespace genkan::vip {
namespace {

using namespace std::chrono_literals;

constexpr Duration kReportEvery = 50ms;
constexpr Duration kReapLimit = 2s;  // a guardian that does not go by itself is killed

struct RouterMetrics {
  base::Counter& active;
  base::Counter& priority;
  base::Counter& sent;
  base::Counter& received;
  base::Counter& dropped;
  base::Counter& transitions;
};

void set(base::Counter& gauge, std::int64_t value) { gauge.add(value - gauge.sum()); }

RouterMetrics metrics_of(base::Metrics& metrics, const RouterOptions& options) {
  const base::Labels labels = {{"vip", options.name}, {"address", options.address.text()}};
  return {metrics.gauge("genkan_vip_active", "1 while this node holds the virtual address", labels),
          metrics.gauge("genkan_vip_priority", "VRRP priority that is advertised now", labels),
          metrics.counter("genkan_vip_adverts_sent_total", "VRRP advertisements sent", labels),
          metrics.counter("genkan_vip_adverts_received_total", "VRRP advertisements accepted", labels),
          metrics.counter("genkan_vip_adverts_dropped_total", "VRRP packets that failed a check", labels),
          metrics.counter("genkan_vip_transitions_total", "changes of the VRRP state", labels)};
}

bool holds(State state) { return state == State::active || state == State::yielding; }

}  // namespace

Result<Launched> launch(const GuardianOptions& options, std::string& why) {
  int pair[2];
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0) {
    why = "socketpair: " + last_error().message();
    return last_error();
  }
  base::UniqueFd ours(pair[0]);
  base::UniqueFd theirs(pair[1]);
  const pid_t pid = ::fork();
  if (pid < 0) {
    why = "fork: " + last_error().message();
    return last_error();
  }
  if (pid == 0) {
    ours.reset();
    ::_exit(run_guardian(options, theirs.get()));
  }
  return Launched{pid, std::move(ours), options};
}

Result<Launched> launch(std::span<const conf::Vip> vips, std::string& why) {
  auto options = options_from(vips, why);
  if (!options) return options.error();
  return launch(*options, why);
}

std::string fingerprint(std::span<const conf::Vip> vips) {
  std::string out = "guardian " + std::to_string(kControlVersion);
  for (const conf::Vip& v : vips) {
    out += "; " + v.name + " " + v.address + " " + v.interface + " " + std::to_string(v.vrid) + " " +
           std::to_string(v.priority) + " " + std::to_string(v.advert_interval.count()) +
           (v.preempt ? " preempt" : "") + (v.probe ? " probe " : " ") + v.checksum;
    for (const auto& peer : v.peers) out += " " + peer;
  }
  return out;
}

Result<Launched> adopt(std::span<const conf::Vip> vips, base::UniqueFd control, pid_t pid, std::string& why) {
  auto options = options_from(vips, why);
  if (!options) return options.error();
  return Launched{pid, std::move(control), std::move(*options)};
}

struct Vip::Impl {
  Impl(Launched l, base::Telemetry& t) : launched(std::move(l)), telemetry(t) {
    view.guardian_pid = launched.pid;
    view.alive = true;
    for (const auto& options : launched.options.routers) {
      view.routers.push_back({options, {}, false, 0, {}});
      view.routers.back().last.priority = options.priority;
      metrics.push_back(metrics_of(telemetry.metrics, options));
    }
  }

  void start();
  void talk();
  void send_level();
  bool listen();
  void take(std::span<const std::uint8_t> packet);
  void take(const TransitionMessage& message);
  void take(const RouterMessage& message);
  void take(const NoteMessage& message);
  void reap();
  void finish(Time deadline);

  Launched launched;
  base::Telemetry& telemetry;
  std::vector<RouterMetrics> metrics;
  std::atomic<int> level{-1};
  std::atomic<bool> planned{false};
  std::atomic<bool> silent{false};  // another process talks to the guardian
  mutable std::mutex mutex;         // guards view; held to copy small things in, and to make the JSON
  View view;
  std::condition_variable gone;  // view.alive became false
  std::once_flag finished;
  std::thread thread;
};

void Vip::Impl::start() {
  // Signals are for the main thread.
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  ::pthread_sigmask(SIG_SETMASK, &all, &before);
  thread = std::thread([this] { talk(); });
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

void Vip::Impl::talk() {
  Time next = Clock::now();
  for (;;) {
    if (silent) return;
    const Time now = Clock::now();
    if (now >= next) {
      send_level();
      next = now + kReportEvery;
    }
    const auto wait = std::chrono::ceil<std::chrono::milliseconds>(next - now).count();
    pollfd fd{launched.control.get(), POLLIN, 0};
    if (::poll(&fd, 1, static_cast<int>(wait)) > 0 && !listen()) break;
  }
  {
    const std::lock_guard lock(mutex);
    view.alive = false;
  }
  gone.notify_all();
  if (!planned) telemetry.log.error("vip guardian is gone: this node no longer takes virtual addresses");
  for (auto& m : metrics) set(m.active, 0);
}

void Vip::Impl::send_level() {
  const int now = level.load(std::memory_order_relaxed);
  if (now < 0) return;
  LevelMessage message;
  message.level = now;
  // A full socket means that the guardian is stuck; it will find the newest of what is there.
  static_cast<void>(::send(launched.control.get(), &message, sizeof message, MSG_DONTWAIT | MSG_NOSIGNAL));
}

// False at the end of the pair.
bool Vip::Impl::listen() {
  std::array<std::uint8_t, kMaxMessage> buffer;
  for (;;) {
    const auto got = ::recv(launched.control.get(), buffer.data(), buffer.size(), MSG_DONTWAIT);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0 && errno == EAGAIN) return true;
    if (got <= 0) return false;
    take({buffer.data(), static_cast<std::size_t>(got)});
  }
}

void Vip::Impl::take(std::span<const std::uint8_t> packet) {
  if (const auto router = read_as<RouterMessage>(packet)) return take(*router);
  if (const auto moved = read_as<TransitionMessage>(packet)) return take(*moved);
  if (const auto note = read_as<NoteMessage>(packet)) return take(*note);
  if (const auto started = read_as<StartedMessage>(packet)) {
    {
      const std::lock_guard lock(mutex);
      view.realtime = started->realtime != 0;
      view.locked = started->locked != 0;
    }
    telemetry.log.info(
        "vip guardian started",
        {{"pid", launched.pid}, {"realtime", started->realtime != 0}, {"memory_locked", started->locked != 0}});
  }
}

void Vip::Impl::take(const TransitionMessage& message) {
  if (message.index >= metrics.size()) return;
  {
    const std::lock_guard lock(mutex);
    view.take(message);
  }
  metrics[message.index].transitions.add();
  set(metrics[message.index].active, holds(message.to) ? 1 : 0);
  const auto& options = launched.options.routers[message.index];
  telemetry.log.notice("vip changed state", {{"vip", options.name},
                                             {"address", options.address.text()},
                                             {"from", name_of(message.from)},
                                             {"to", name_of(message.to)},
                                             {"reason", name_of(message.reason)}});
}

void Vip::Impl::take(const RouterMessage& message) {
  if (message.index >= metrics.size()) return;
  {
    const std::lock_guard lock(mutex);
    view.take(message);
  }
  auto& m = metrics[message.index];
  set(m.active, holds(message.state) ? 1 : 0);
  set(m.priority, message.priority);
  set(m.sent, static_cast<std::int64_t>(message.sent));
  set(m.received, static_cast<std::int64_t>(message.received));
  std::uint64_t dropped = 0;
  for (const auto n : message.dropped) dropped += n;
  set(m.dropped, static_cast<std::int64_t>(dropped));
}

void Vip::Impl::take(const NoteMessage& message) {
  const auto length = std::min<std::size_t>(message.length, message.text.size());
  const std::string_view text(message.text.data(), length);
  const auto severity = std::min(static_cast<base::Level>(message.level), base::Level::error);
  const std::string name = message.index < launched.options.routers.size()
                               ? launched.options.routers[message.index].name
                               : std::string("guardian");
  telemetry.log.write(severity, "vip", {{"vip", name}, {"text", text}});
}

void Vip::Impl::finish(Time deadline) {
  if (silent) return;  // it is another's
  planned = true;
  const StopMessage message;
  static_cast<void>(::send(launched.control.get(), &message, sizeof message, MSG_DONTWAIT | MSG_NOSIGNAL));
  {
    std::unique_lock lock(mutex);
    view.planned = true;
    gone.wait_until(lock, deadline, [this] { return !view.alive; });
  }
  ::shutdown(launched.control.get(), SHUT_RDWR);  // too late for grace: the guardian gives up at once
  thread.join();
  reap();
}

void Vip::Impl::reap() {
  const Time limit = Clock::now() + kReapLimit;
  while (::waitpid(launched.pid, nullptr, WNOHANG) == 0) {
    if (Clock::now() > limit) {
      // Refused when main has given up root. Then it is left: it sees that main is gone as soon as it runs again.
      if (::kill(launched.pid, SIGKILL) == 0) ::waitpid(launched.pid, nullptr, 0);
      return;
    }
    std::this_thread::sleep_for(1ms);
  }
}

Vip::Vip(Launched launched, base::Telemetry& telemetry)
    : impl_(std::make_unique<Impl>(std::move(launched), telemetry)) {
  impl_->start();
  telemetry.status.add_section("vip", [this] { return status_json(); });
}

Vip::~Vip() {
  impl_->telemetry.status.remove("vip");
  stop(Clock::now());
}

void Vip::set_service_level(int level) noexcept {
  const int wanted = level < 0 ? 0 : level > 100 ? 100 : level;
  if (impl_->level.exchange(wanted, std::memory_order_relaxed) != wanted && !impl_->silent)
    impl_->send_level();  // news does not wait
}

void Vip::stop(Time deadline) {
  std::call_once(impl_->finished, [&] { impl_->finish(deadline); });
}

void Vip::let_go() {
  impl_->silent = true;
  if (impl_->thread.joinable()) impl_->thread.join();
}

void Vip::take_up() {
  if (!impl_->silent.exchange(false)) return;
  impl_->start();
}

int Vip::control_fd() const noexcept { return impl_->launched.control.get(); }
pid_t Vip::guardian_pid() const noexcept { return impl_->launched.pid; }

bool Vip::guardian_alive() const noexcept {
  const std::lock_guard lock(impl_->mutex);
  return impl_->view.alive;
}

std::string Vip::status_json() const {
  const std::lock_guard lock(impl_->mutex);
  impl_->view.level = impl_->level.load(std::memory_order_relaxed);
  return impl_->view.json();
}

}  // namespace genkan::vip
