// What the sessions of one worker share: configuration, delivery, limits, the sessions themselves. On the worker's
// loop, but for ClientCounts, which all workers share.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "base/telemetry.hpp"
#include "net/listener.hpp"
#include "net/loop.hpp"
#include "net/rate_table.hpp"
#include "smtp/delivery/dispatcher.hpp"
#include "smtp/plan.hpp"
#include "smtp/policy/address_rates.hpp"
#include "smtp/policy/greylist.hpp"

namespace genkan::smtp {

// How many connections each client address has, over all workers.
class ClientCounts {
 public:
  bool enter(const base::IpAddress& ip, std::uint32_t max);
  void leave(const base::IpAddress& ip);

 private:
  std::mutex mutex_;  // guards counts_; held for one look-up
  std::map<base::IpAddress, std::uint32_t> counts_;
};

// What is counted over all workers.
struct InboundLimits {
  static constexpr std::size_t kMaxAddresses = 50'000;
  ClientCounts networks;  // by the first address of each
  AddressRates senders{kMaxAddresses}, recipients{kMaxAddresses};
};

struct InboundMetrics {
  explicit InboundMetrics(base::Metrics& metrics);
  base::Counter& connections;  // gauge
  base::Counter& sessions;
  base::Counter& accepted;
  base::Counter& octets;
  base::Counter& refused;
  base::Counter& recipients_refused;
  base::Counter& filter_failures;
  base::Counter& passed;   // of the accepted: by the next hop, before the queue
  base::Counter& yielded;  // turned away because mail yields
  base::Counter& held_up;  // made to wait
  base::Counter& dmarc_failures;
  base::Counter& auth_dns_failures;
};

class ServerSession;

// One of those who get the mail for an address.
struct Target {
  std::string address, destination;
  bool before_queue = false;  // answered only after the next hop
};
struct Resolution {
  Verdict verdict = Verdict::accept;
  std::vector<Target> targets;  // with Verdict::accept at least one
};
// Puts the recipient's targets into the item of their destination, nobody twice.
void add_targets(const Recipient& recipient, const std::vector<Target>& targets, std::vector<ItemMeta>& items);

struct Front {
  Front(net::Loop& l, std::size_t i, Shared& s, ClientCounts& c, InboundMetrics& m, PlanPtr p);

  net::Loop& loop;
  std::size_t worker;
  Shared& shared;
  ClientCounts& counts;
  InboundMetrics& metrics;
  PlanPtr plan;  // for sessions that begin now
  std::shared_ptr<net::ConnectionLimit> limit;
  bool draining = false;
  // From each network; only this worker's part of them is seen, so that its share of the limit holds.
  net::RateTable messages, recipients;
  InboundLimits* limits = nullptr;  // of all workers; set before the first session
  Greylist* greylist = nullptr;     // of all workers; null: none
  void set_rates();                 // anew after a reload
  std::unordered_set<ServerSession*> sessions;

  // An id that this worker's dispatcher owns, so that a message is delivered where it came in.
  std::uint64_t new_id(std::size_t items);
  // Large buffers for content, used for the length of one read.
  std::unique_ptr<char[]> take_buffer();
  void give_buffer(std::unique_ptr<char[]> buffer);
  static constexpr std::size_t kBuffer = 64 * 1024;

  net::Task<Verdict> judge_local(std::string user);  // is there such a mailbox? cached for some seconds
  // Where mail for `address` goes. `trusted`: to any domain.
  net::Task<Resolution> resolve(std::string address, bool trusted);

 private:
  struct Known {
    bool exists = false, full = false;
    Time until{};
  };
  struct Asked {
    Verdict verdict = Verdict::accept;
    Time until{};
  };
  net::Task<Verdict> judge_route(std::string address, Route route);
  net::Task<Verdict> ask_next_hop(std::string address, std::string destination);
  std::unordered_map<std::string, Known> known_;
  std::unordered_map<std::string, Asked> asked_;  // what next hops said of recipients
  std::vector<std::unique_ptr<char[]>> buffers_;
};

}  // namespace genkan::smtp
