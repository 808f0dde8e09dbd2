// The delivery of one worker: its lanes, and what they share. All of it on the worker's loop; Shared is thread-safe.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "base/telemetry.hpp"
#include "cluster/choice.hpp"
#include "net/loop.hpp"
#include "net/offload.hpp"
#include "net/resolver.hpp"
#include "smtp/delivery/lane.hpp"
#include "smtp/delivery/local.hpp"
#include "smtp/delivery/report.hpp"
#include "smtp/operate/mail_log.hpp"
#include "smtp/operate/queue_ages.hpp"
#include "smtp/operate/tls_reports.hpp"
#include "smtp/operate/yielder.hpp"
#include "smtp/plan.hpp"
#include "smtp/policy/greylist.hpp"
#include "smtp/queue/spool.hpp"
#include "smtp/sts/finder.hpp"
#include "smtp/submission.hpp"

namespace genkan::smtp {

struct Hooks {
  DeliverLocal deliver_local;  // empty: local mail is deferred
  UserExists user_exists;      // empty: every local address is taken
  MailboxFull mailbox_full;    // empty: none ever is
  CheckLogin check_login;      // empty: nobody can log in
  // What the node of a relay member announced, when it was heard lately. Thread-safe, quick.
  std::function<cluster::Figures(std::string_view node)> node_figures;
  // Memory that the nodes share; its functions are empty when there is none. On the offload pool.
  SharedMemory shared_memory;
  // Whether mail should yield; once a second on the control loop. Empty: it never does.
  std::function<YieldLoad(const conf::Smtp& conf)> load;
  net::Syslog* syslog = nullptr;  // for the mail log too; null: none
};

struct DeliveryMetrics {
  explicit DeliveryMetrics(base::Metrics& metrics);
  base::Counter& delivered;
  base::Counter& deferred;
  base::Counter& failed;
  base::Counter& reports;
  base::Counter& connections;
  base::Counter& connection_failures;
  base::Histogram& delay;
};

class Dispatcher;

// Lives as long as the Server.
struct Shared {
  Spool& spool;
  base::Telemetry& telemetry;
  net::Offload& files;
  Hooks hooks;
  DeliveryMetrics metrics;
  std::vector<Dispatcher*> dispatchers;  // by worker; fixed after the start
  std::unique_ptr<MailLog> mail_log;     // never null
  QueueAges ages;
  YieldNow yield_now;
  std::unique_ptr<TlsReports> tls_reports;  // never null after the start
  std::unique_ptr<StsStore> sts;            // null: no MTA-STS
  Submit submit;                            // never empty after the start
};

struct LaneStatus {
  std::string name, last_error;
  std::size_t depth = 0, carriers = 0;
  bool paused = false;
};

class Dispatcher {
 public:
  Dispatcher(net::Loop& loop, Shared& shared, PlanPtr plan);
  ~Dispatcher();

  // Which worker carries the item.
  static std::size_t owner(std::uint64_t id, const Shared& shared) noexcept { return id % shared.dispatchers.size(); }
  // Gives every item of a message that has just become durable to its owner. On any loop's thread.
  static void submit(Shared& shared, const StoredMessagePtr& message);
  // Any thread.
  static void reschedule(Shared& shared, std::uint64_t id, const std::string& destination, std::int64_t next_ms);

  // From here on: on the loop's thread.
  void start();
  void configure(PlanPtr plan);
  void stop();    // finish what is in hand
  void cancel();  // break what is in flight
  bool idle() const noexcept;

  void add(std::uint64_t id, const std::string& destination, const StoredMessagePtr& hot);
  void add_later(std::uint64_t id, const std::string& destination, std::int64_t next_ms);
  void expire_item(std::uint64_t id);   // its time is over
  void bounce_item(std::uint64_t id);   // an operator gives it back to its sender
  void delay_notice(std::uint64_t id);  // tell the sender that it waits

  Lane& lane(const std::string& destination);
  std::vector<LaneStatus> status() const;  // any thread; a second old at most

  // Something of the relay's own beside the lanes, on the loop; a stop waits for it.
  void run_beside(std::function<net::Task<void>(Dispatcher&)> what);
  bool stopping() const noexcept { return stopping_; }

  // For the lanes.
  net::Loop& loop() noexcept { return loop_; }
  Shared& shared() noexcept { return shared_; }
  const PlanPtr& plan() const noexcept { return plan_; }
  net::Resolver& resolver();
  bool claim(std::uint64_t id) { return busy_.insert(id).second; }  // false: another carrier has it
  void release(std::uint64_t id) { busy_.erase(id); }
  bool keep_hot(std::size_t octets) noexcept;
  void drop_hot(std::size_t octets) noexcept { hot_octets_ -= octets; }
  double random();
  // Makes a report to the sender durable and puts it on its way. False: it could not be stored, try again later.
  net::Task<bool> report(const LoadedItem& item, ReportKind kind, std::vector<std::size_t> about, bool relayed,
                         std::string_view content);

 private:
  net::Task<void> run();
  net::Task<void> beside(std::function<net::Task<void>(Dispatcher&)> what);
  net::Task<void> give_up(std::uint64_t id, std::string why);
  net::Task<Result<Work>> load_work(std::uint64_t id);
  net::Task<void> notice_now(std::uint64_t id);
  std::shared_ptr<StoredMessage> make_report(const LoadedItem& item, ReportKind kind,
                                             const std::vector<std::size_t>& about, bool relayed,
                                             std::string_view content);
  net::Task<void> sign_report(StoredMessage& report);

  net::Loop& loop_;
  Shared& shared_;
  PlanPtr plan_;
  std::unordered_map<std::string, std::unique_ptr<Lane>> lanes_;
  std::unordered_set<std::uint64_t> busy_;
  std::unique_ptr<net::Resolver> resolver_;
  std::size_t hot_octets_ = 0;
  std::uint64_t random_state_;
  bool stopping_ = false, running_ = false;
  std::size_t helpers_ = 0;  // what runs beside the lanes

  mutable std::mutex status_mutex_;  // guards status_; held to copy it
  std::vector<LaneStatus> status_;
};

std::int64_t wall_ms() noexcept;

}  // namespace genkan::smtp
