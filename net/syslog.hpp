// Sends log lines to a syslog receiver (RFC 5424 over UDP, TCP with octet counting of RFC 6587, TLS of RFC 5425).
//
//   workers --write()--> queue in memory --> thread --> receiver
//                                              `-- away or slow --> disk (net/spill.hpp) --> receiver, when it is back
//
// Nobody who writes waits: a full queue drops and counts. On a stream each message is kept until the receiver's system
// has acknowledged it, and sent again when the connection broke before: a message may come twice but is not lost on the
// way. (What that system took and its program never read, nobody can know: syslog has no answer.) Over UDP only a
// refusal shows that nobody listens.
#pragma once

#include <atomic>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <thread>

#include "base/log.hpp"
#include "base/syslog_format.hpp"
#include "base/telemetry.hpp"
#include "conf/conf.hpp"
#include "net/spill.hpp"
#include "net/syslog_link.hpp"

namespace genkan::net {

class Syslog final : public base::LineCopy {
 public:
  explicit Syslog(base::Telemetry& telemetry);
  ~Syslog();  // sends for a moment what is left, then keeps it on the disk

  // Main thread. Takes effect by itself; an unchanged section changes nothing. On an error the old one stays.
  Result<void> configure(const conf::Conf& conf, std::string& why);

  // Thread-safe, never blocks. False: dropped. `line` may end in '\n'.
  bool write(std::string_view id, int severity, std::string_view line) noexcept;
  void take(base::Level level, std::string_view line) noexcept override {
    if (copies_log_.load(std::memory_order_relaxed)) write("log", base::syslog_severity(level), line);
  }
  bool takes_mail_log() const noexcept { return copies_mail_.load(std::memory_order_relaxed); }
  std::string json() const;

 private:
  struct Settings {
    std::string name;  // as configured
    SyslogLink::Target target;
    base::SyslogOrigin origin;
    std::string folder;
    std::uint64_t buffer = 0;
  };
  struct Sent {
    std::string message;
    std::uint64_t end = 0;  // of its bytes among all that were placed
    Time at{};
    bool from_disk = false;
  };
  struct Opening;  // a connection that is being made on a thread of its own

  void run();
  void take_settings();
  bool take_lines(std::unique_lock<std::mutex>& lock);
  void connect(Time now);
  void send(Time now);
  bool place(Time now);
  bool pump();
  void acknowledge(Time now);
  void broken(Time now, std::string why);  // by value: it may be a text of the link that goes
  void spill_waiting();
  void drop(std::size_t lines);
  void finish();
  bool idle() const noexcept { return out_.empty() && sent_.empty() && first_.empty() && waiting_.empty(); }

  base::Telemetry& telemetry_;
  base::Counter& sent_total_;
  base::Counter& dropped_total_;
  base::Counter& buffered_;  // gauges
  base::Counter& connected_;

  std::atomic<bool> on_{false}, copies_log_{false}, copies_mail_{false};

  mutable std::mutex mutex_;  // guards all below down to the blank line; held for a copy or a swap
  std::condition_variable wake_;
  std::string queue_;  // severity, id, time, size, bytes
  std::size_t queue_lines_ = 0;
  bool sleeping_ = false, stop_ = false;
  std::optional<Settings> next_settings_;
  bool change_ = false;
  std::string state_ = "off", last_error_, server_;

  // Of the thread alone.
  std::optional<Settings> settings_;
  std::unique_ptr<Spill> spill_;
  std::unique_ptr<SyslogLink> link_;
  std::shared_ptr<Opening> opening_;
  std::string lines_;
  std::deque<std::string> first_;    // was sent and not acknowledged when the connection broke
  std::deque<std::string> waiting_;  // new
  std::size_t waiting_bytes_ = 0;
  std::deque<Sent> sent_;
  std::string out_;
  std::uint64_t placed_ = 0, written_ = 0;
  Time retry_at_{}, adopt_at_{}, probed_until_{};
  Duration backoff_{};
  bool said_away_ = false, said_full_ = false;
  conf::Syslog known_;  // of the main thread: what was configured last
  std::string known_state_dir_, known_node_;
  std::thread thread_;
};

}  // namespace genkan::net
