// The cluster channel: once an interval it says how this node is, and it hears what the others say; by multicast, by
// unicast to named peers, or both. One datagram carries one load record (cluster/packet.hpp, cluster/stats.hpp).
//
// `genkan agent` is a channel that only announces: no Cluster, no listening socket (open_agent).
//
// Everything runs on one loop, the control loop, except open().
#pragma once

#include <array>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "base/fd.hpp"
#include "base/telemetry.hpp"
#include "cluster/cluster.hpp"
#include "cluster/host_load.hpp"
#include "cluster/packet.hpp"
#include "conf/conf.hpp"
#include "net/loop.hpp"
#include "net/resolver.hpp"

namespace genkan::cluster {

struct ChannelOptions {
  bool hear = true;
  std::string contact;                    // where others reach this node; empty: the address they see
  std::function<void(LoadRecord&)> fill;  // last word on our own record: mail queue, draining; on the control loop
  Scope scope = Scope::automatic;
  net::Resolver* resolver = nullptr;  // for peers given by name
};

// The boot id to go on with: a wall clock that was set far back makes a new one necessary, see cluster/packet.hpp.
std::uint64_t next_boot(std::uint64_t boot, WallTime now) noexcept;

class Channel final : private net::Timer {
 public:
  // Opens the sockets. `cluster` may be null (agent). On failure `why` is a sentence for the operator.
  static Result<std::unique_ptr<Channel>> open(net::Loop& loop, Cluster* cluster, base::Telemetry& telemetry,
                                               const conf::Conf& conf, ChannelOptions options, std::string& why);
  ~Channel() override;  // after stop()

  void start();
  void stop();

  // Port of each socket that hears, multicast first (tests listen on port 0).
  std::vector<std::uint16_t> ports() const;

  std::uint64_t count(Refusal refusal) const noexcept { return counts_[static_cast<std::size_t>(refusal)]; }
  std::uint64_t sent() const noexcept { return sent_; }

 private:
  // A socket that hears.
  class Ear final : private net::Pollable {
   public:
    Ear(Channel& channel, base::UniqueFd fd) : channel_(channel), fd_(std::move(fd)) {}
    void watch();
    void unwatch();
    int fd() const noexcept { return fd_.get(); }

   private:
    void on_ready(std::uint32_t events) noexcept override;
    Channel& channel_;
    base::UniqueFd fd_;
  };

  Channel(net::Loop& loop, Cluster* cluster, base::Telemetry& telemetry, const conf::Conf& conf,
          ChannelOptions options);
  Result<void> open_sockets(std::string& why);
  Result<void> open_senders(std::string& why);
  void on_timer() noexcept override;
  void announce();
  void send(const base::Endpoint& to, std::string_view datagram);
  void on_datagram(std::string_view bytes, const base::Endpoint& from);
  Refusal take(std::string_view bytes, const base::Endpoint& from, Envelope& envelope);
  void complain(Refusal refusal, const Envelope& envelope, const base::Endpoint& from);
  void resolve_peers();
  static net::Task<void> resolve_peer(std::shared_ptr<Channel*> self, std::string peer);

  net::Loop& loop_;
  Cluster* const cluster_;
  base::Telemetry& telemetry_;
  const conf::Cluster conf_;
  const std::string self_;
  const ChannelOptions options_;
  const std::vector<Key> keys_;

  std::vector<std::unique_ptr<Ear>> ears_;
  base::UniqueFd sender4_, sender6_;
  std::vector<base::Endpoint> fixed_;                         // multicast group and peers that are addresses
  std::vector<std::string> names_;                            // peers that are names
  std::map<std::string, std::vector<base::Endpoint>> found_;  // what they resolve to
  std::set<std::string> unresolved_;                          // whose failure was logged
  Time next_resolve_{};

  HostLoadReader host_;
  std::uint32_t load_hwm_ = 1;
  std::uint64_t boot_;
  std::uint64_t counter_ = 0;
  Random random_;
  std::uint64_t sent_ = 0;
  std::array<std::uint64_t, kRefusals> counts_{};
  std::array<base::Counter*, kRefusals> metrics_{};
  base::Counter& sent_metric_;
  base::Counter& failed_metric_;
  // One complaint per reason and minute.
  struct Complaint {
    Time last{};
    std::uint64_t since_last = 0;
  };
  std::array<Complaint, kRefusals> complaints_{};
  Complaint send_complaint_;
  std::shared_ptr<Channel*> alive_;  // points to null after stop(), for look-ups under way
};

// A channel that announces and does not hear.
Result<std::unique_ptr<Channel>> open_agent(net::Loop& loop, base::Telemetry& telemetry, const conf::Conf& conf,
                                            ChannelOptions options, std::string& why);

}  // namespace genkan::cluster
