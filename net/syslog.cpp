#include "net/syslog.hpp"

#include <pthread.h>
#include <signal.h>
#include <unistd.h>
#include <array>

#include <algorithm>
#include <cstring>

#include "base/text.hpp"

namespace genkan::net {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t kQueue = 8u << 20;         // bytes of lines that the thread has not taken yet
constexpr std::size_t kWaiting = 1u << 20;       // bytes in memory before lines go to the disk
constexpr std::size_t kWaitingAlone = 4u << 20;  // likewise, without a disk
constexpr std::size_t kInFlight = 1u << 20;      // bytes sent and not acknowledged
constexpr std::size_t kBatch = 64u << 10;
constexpr std::size_t kMaxText = 16u << 10, kMaxDatagramText = 8u << 10;
constexpr Duration kFirstRetry = 100ms, kLastRetry = 5s;
constexpr Duration kDatagramDoubt = 200ms;  // how long a refusal of a datagram may take
constexpr Duration kCollect = 20ms;
constexpr Duration kLastTry = 1500ms;  // at the end
constexpr std::size_t kDatagramBurst = 64;

struct Head {
  std::int64_t ns = 0;
  std::uint32_t size = 0;
  std::uint8_t severity = 6, id = 0;  // of kIds
};

constexpr std::array<std::string_view, 3> kIds{"access", "log", "mail"};

std::uint8_t number_of(std::string_view id) noexcept {
  return static_cast<std::uint8_t>(std::find(kIds.begin(), kIds.end(), id) - kIds.begin());
}

}  // namespace

struct Syslog::Opening {
  SyslogLink::Target target;
  std::unique_ptr<SyslogLink> link;
  std::string why;
  std::atomic<bool> done{false};
};

Syslog::Syslog(base::Telemetry& t)
    : telemetry_(t),
      sent_total_(
          t.metrics.counter("genkan_syslog_sent_total", "Messages that the syslog receiver's system has taken")),
      dropped_total_(t.metrics.counter("genkan_syslog_dropped_total", "Messages lost because the buffer was full")),
      buffered_(t.metrics.gauge("genkan_syslog_buffer_bytes", "Bytes of messages that wait on the disk")),
      connected_(t.metrics.gauge("genkan_syslog_connected", "1 while the syslog receiver takes messages")) {}

Syslog::~Syslog() {
  if (!thread_.joinable()) return;
  on_ = false;
  {
    std::lock_guard lock(mutex_);
    stop_ = true;
    wake_.notify_one();
  }
  thread_.join();
  telemetry_.status.remove("syslog");
}

Result<void> Syslog::configure(const conf::Conf& conf, std::string& why) {
  const conf::Syslog& c = conf.syslog;
  if (c == known_ && conf.node.state_dir == known_state_dir_ && conf.node.name == known_node_) return {};
  Settings s;
  if (!c.server.empty()) {
    const auto server = conf::parse_syslog_server(c.server);
    if (!server) return server.error();
    s.target.server = *server;
    if (server->way == conf::SyslogServer::Way::tls) {
      TlsClient::Options options;
      options.ca_file = c.ca;
      options.cert_file = c.cert;
      options.key_file = c.key;
      auto client = TlsClient::make(options, why);
      if (!client) {
        why = "[syslog]: " + why;
        return client.error();
      }
      s.target.tls = std::move(*client);
      s.target.tls_name = c.tls_name.empty() ? server->host : c.tls_name;
    }
    s.name = c.server;
    s.origin = {conf::syslog_facility(c.facility), conf.node.name, c.app_name, std::to_string(::getpid())};
    s.folder = conf.node.state_dir + "/syslog";
    s.buffer = c.buffer;
  }
  known_ = c;
  known_state_dir_ = conf.node.state_dir;
  known_node_ = conf.node.name;
  {
    std::lock_guard lock(mutex_);
    change_ = true;
    next_settings_.reset();
    if (!c.server.empty()) next_settings_ = std::move(s);
    server_ = c.server;
    wake_.notify_one();
  }
  copies_log_ = c.log && !c.server.empty();
  copies_mail_ = c.mail_log && !c.server.empty();
  on_ = !c.server.empty();
  if (on_ && !thread_.joinable()) {
    telemetry_.status.add_section("syslog", [this] { return json(); });
    thread_ = std::thread([this] {
      ::sigset_t all;
      ::sigfillset(&all);
      ::pthread_sigmask(SIG_BLOCK, &all, nullptr);
      ::pthread_setname_np(::pthread_self(), "syslog");
      run();
    });
  }
  return {};
}

bool Syslog::write(std::string_view id, int severity, std::string_view line) noexcept {
  if (!on_.load(std::memory_order_relaxed)) return false;
  if (line.ends_with('\n')) line.remove_suffix(1);
  line = line.substr(0, kMaxText);
  const Head head{std::chrono::duration_cast<std::chrono::nanoseconds>(WallClock::now().time_since_epoch()).count(),
                  static_cast<std::uint32_t>(line.size()), static_cast<std::uint8_t>(severity), number_of(id)};
  bool notify = false;
  {
    std::lock_guard lock(mutex_);
    if (queue_.size() + sizeof head + line.size() > kQueue) {
      dropped_total_.add();
      return false;
    }
    queue_.append(reinterpret_cast<const char*>(&head), sizeof head);
    queue_.append(line);
    ++queue_lines_;
    notify = std::exchange(sleeping_, false);
  }
  if (notify) wake_.notify_one();
  return true;
}

void Syslog::drop(std::size_t lines) {
  dropped_total_.add(static_cast<std::int64_t>(lines));
  if (std::exchange(said_full_, true)) return;
  telemetry_.log.warning("the syslog buffer is full: lines are lost until the receiver is back ([syslog] buffer)",
                         {{"server", settings_->name}});
}

// New settings: what waits goes to the new receiver.
void Syslog::take_settings() {
  std::optional<Settings> next;
  {
    std::lock_guard lock(mutex_);
    if (!std::exchange(change_, false)) return;
    next = std::exchange(next_settings_, std::nullopt);
  }
  if (link_) broken(Clock::now(), "the configuration changed");
  opening_.reset();
  finish();
  settings_ = std::move(next);
  spill_.reset();
  backoff_ = {};
  retry_at_ = {};
  said_away_ = said_full_ = false;
  if (settings_ && settings_->buffer > 0) {
    spill_ = std::make_unique<Spill>(settings_->folder, settings_->buffer);
    if (auto opened = spill_->open(); !opened) {
      telemetry_.log.error("cannot keep syslog lines on the disk",
                           {{"folder", settings_->folder}, {"error", opened.error().message()}});
      spill_.reset();
    }
  }
}

// What callers queued becomes messages. True: there was something.
bool Syslog::take_lines(std::unique_lock<std::mutex>& lock) {
  lines_.clear();
  std::swap(lines_, queue_);
  queue_lines_ = 0;
  lock.unlock();
  const std::size_t max =
      settings_ && settings_->target.server.way == conf::SyslogServer::Way::udp ? kMaxDatagramText : kMaxText;
  std::string_view rest = lines_;
  while (rest.size() >= sizeof(Head) && settings_) {
    Head head;
    std::memcpy(&head, rest.data(), sizeof head);
    rest.remove_prefix(sizeof head);
    std::string message;
    message.reserve(head.size + 96);
    base::format_syslog(settings_->origin, head.severity,
                        WallTime(std::chrono::duration_cast<WallClock::duration>(std::chrono::nanoseconds(head.ns))),
                        kIds[std::min<std::size_t>(head.id, kIds.size() - 1)], rest.substr(0, head.size), max, message);
    rest.remove_prefix(head.size);
    waiting_bytes_ += message.size();
    waiting_.push_back(std::move(message));
  }
  return !lines_.empty();
}

void Syslog::connect(Time now) {
  if (!opening_) {
    if (now < retry_at_) return;
    opening_ = std::make_shared<Opening>();
    opening_->target = settings_->target;
    // A name server may take its time; meanwhile lines must find their way to the disk.
    std::thread([opening = opening_] {
      opening->link = SyslogLink::open(opening->target, opening->why);
      opening->done.store(true, std::memory_order_release);
    }).detach();
    return;
  }
  if (!opening_->done.load(std::memory_order_acquire)) return;
  const auto opening = std::exchange(opening_, nullptr);
  link_ = std::move(opening->link);
  if (!link_) return broken(now, opening->why);
  placed_ = written_ = 0;
  probed_until_ = {};
  if (!link_->is_datagram()) {
    backoff_ = {};
    connected_.add(1 - connected_.sum());
    if (std::exchange(said_away_, false))
      telemetry_.log.notice("the syslog receiver is back", {{"server", settings_->name}});
  }
  std::lock_guard lock(mutex_);
  state_ = "connected";
}

void Syslog::broken(Time now, std::string why) {
  link_.reset();
  out_.clear();
  for (auto at = sent_.rbegin(); at != sent_.rend(); ++at) {
    if (!at->from_disk) first_.push_front(std::move(at->message));
  }
  sent_.clear();
  if (spill_) spill_->rewind();
  backoff_ = backoff_ == Duration{} ? kFirstRetry : std::min(2 * backoff_, kLastRetry);
  retry_at_ = now + backoff_;
  connected_.add(-connected_.sum());
  {
    std::lock_guard lock(mutex_);
    state_ = "away";
    last_error_ = why;
  }
  if (std::exchange(said_away_, true)) return;
  telemetry_.log.warning("the syslog receiver is away: lines wait", {{"server", settings_->name}, {"error", why}});
}

void Syslog::spill_waiting() {
  for (; !waiting_.empty(); waiting_.pop_front()) {
    if (!spill_->append(waiting_.front())) drop(1);
    waiting_bytes_ -= waiting_.front().size();
  }
  if (!spill_->flush()) drop(1);
}

// One message more on its way. False: there is none, or enough of them are.
bool Syslog::place(Time now) {
  if (out_.size() >= kBatch || placed_ - written_ + link_->unacknowledged() >= kInFlight) return false;
  // Over UDP nobody knows whether somebody is there until the first one was not refused.
  if (link_->is_datagram() && (!out_.empty() || (placed_ > 0 && now < probed_until_))) return false;
  Sent next;
  std::string_view record;
  if (!first_.empty()) {
    next.message = std::move(first_.front());
    first_.pop_front();
  } else if (spill_ && !spill_->all_read() && spill_->next(record)) {
    next.message = record;
    next.from_disk = true;
  } else if (!waiting_.empty()) {
    next.message = std::move(waiting_.front());
    waiting_.pop_front();
    waiting_bytes_ -= next.message.size();
  } else {
    return false;
  }
  const std::size_t before = out_.size();
  if (link_->is_datagram()) {
    if (placed_ == 0) probed_until_ = now + kDatagramDoubt;
    out_ = next.message;
  } else {
    base::frame_syslog(next.message, out_);
  }
  placed_ += out_.size() - before;
  next.end = placed_;
  next.at = now;
  sent_.push_back(std::move(next));
  return true;
}

// Writes what is placed. False: the link is gone, or takes nothing now.
bool Syslog::pump() {
  while (!out_.empty()) {
    const ssize_t n = link_->write(out_);
    if (n < 0) {
      broken(Clock::now(), link_->why());
      return false;
    }
    if (n == 0) return false;
    written_ += static_cast<std::uint64_t>(n);
    out_.erase(0, static_cast<std::size_t>(n));
  }
  return true;
}

void Syslog::acknowledge(Time now) {
  const std::uint64_t open = link_->unacknowledged();
  const std::uint64_t arrived = written_ > open ? written_ - open : 0;
  while (!sent_.empty() && sent_.front().end <= arrived) {
    if (link_->is_datagram() && now < sent_.front().at + kDatagramDoubt) return;
    if (sent_.front().from_disk && spill_) spill_->release(sent_.front().message.size());
    sent_.pop_front();
    sent_total_.add();
    if (link_->is_datagram() && connected_.sum() == 0) {
      connected_.add();
      backoff_ = {};
      if (std::exchange(said_away_, false))
        telemetry_.log.notice("the syslog receiver is back", {{"server", settings_->name}});
    }
  }
}

void Syslog::send(Time now) {
  if (!link_->alive()) return broken(now, link_->why());
  acknowledge(now);
  std::size_t burst = 0;
  for (bool more = true; more && link_;) {
    more = false;
    while (place(now)) {
      more = true;
      if (link_->is_datagram()) break;
    }
    if (!pump()) break;
    if (link_->is_datagram() && ++burst >= kDatagramBurst) break;  // or its buffer would overflow
  }
  if (!link_) return;
  acknowledge(now);
  if (spill_ && spill_->empty()) said_full_ = false;
}

void Syslog::run() {
  for (;;) {
    take_settings();
    bool stopping = false;
    {
      std::unique_lock lock(mutex_);
      const bool busy = !idle() || (spill_ && !spill_->empty()) || opening_;
      const auto due = [this] { return stop_ || change_; };
      if (queue_.empty() && !due() && !busy && link_) {
        sleeping_ = true;
        wake_.wait_for(lock, 1s);  // now and then it looks whether the receiver is still there
        sleeping_ = false;
      } else if (!due()) {
        // Lines are collected for a moment, so that under load nobody pays for waking this thread.
        const Duration pause = !settings_ ? Duration(1s) : !link_ ? 2 * kCollect : kCollect;
        wake_.wait_for(lock, link_ && link_->is_datagram() && busy ? 5ms : pause, due);
      }
      stopping = stop_;
      take_lines(lock);
    }
    const Time now = Clock::now();
    if (settings_) {
      if (!link_) connect(now);
      if (link_) send(now);
      const bool behind = spill_ && (!link_ || !spill_->empty() || waiting_bytes_ > kWaiting);
      if (behind && !waiting_.empty()) spill_waiting();
      while (!spill_ && waiting_bytes_ > kWaitingAlone) {
        waiting_bytes_ -= waiting_.front().size();
        waiting_.pop_front();
        drop(1);
      }
      if (spill_ && now >= adopt_at_) {
        adopt_at_ = now + 10s;
        spill_->adopt();
      }
      buffered_.add(static_cast<std::int64_t>(spill_ ? spill_->bytes() : 0) - buffered_.sum());
    }
    if (stopping) break;
  }
  const Time end = Clock::now() + kLastTry;
  while (settings_ && (link_ || opening_) && Clock::now() < end && (!idle() || (spill_ && !spill_->empty()))) {
    if (!link_) {
      connect(Clock::now());
      std::this_thread::sleep_for(2ms);
      continue;
    }
    send(Clock::now());
    if (link_ && !link_->wait(2ms)) broken(Clock::now(), link_->why());
  }
  finish();
}

// Whatever is still here goes to the disk.
void Syslog::finish() {
  for (auto at = sent_.rbegin(); at != sent_.rend(); ++at) {
    if (!at->from_disk) first_.push_front(std::move(at->message));
  }
  sent_.clear();
  out_.clear();
  if (!spill_) {
    if (!first_.empty() || !waiting_.empty()) drop(first_.size() + waiting_.size());
  } else {
    std::string records;
    for (const auto& message : first_) Spill::frame(message, records);
    if (!spill_->prepend(records)) drop(first_.size());
    spill_waiting();
  }
  first_.clear();
  waiting_.clear();
  waiting_bytes_ = 0;
  link_.reset();
}

std::string Syslog::json() const {
  std::lock_guard lock(mutex_);
  return "{\"server\":" + base::json_quote(server_) + ",\"state\":" + base::json_quote(state_) +
         ",\"last_error\":" + base::json_quote(last_error_) + ",\"sent\":" + std::to_string(sent_total_.sum()) +
         ",\"dropped\":" + std::to_string(dropped_total_.sum()) +
         ",\"buffer_bytes\":" + std::to_string(buffered_.sum()) + "}";
}

}  // namespace genkan::net
