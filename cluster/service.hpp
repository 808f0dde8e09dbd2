// Everything of this room that runs on the control loop, started and stopped together: the channel, the health checks,
// the tick, and the resolving of backends' host names. App holds one beside the Cluster:
//
//   cluster::Cluster cluster(telemetry, conf->node.name);
//   cluster.apply(*conf, Clock::now(), why);
//   cluster::Service service(workers.control(), cluster, telemetry);
//   service.open(*conf, options, why);            // sockets; before privileges are dropped
//   workers.on_control([&] { service.start(); });
//   ... reload: service.open(*next, options, why) and cluster.apply(*next, now, why), either may refuse;
//               workers.on_control([&] { service.refresh(); });
//   workers.on_control([&] { service.stop(); });  // then wait until the loop has no live coroutines
#pragma once

#include <memory>
#include <string>

#include "cluster/channel.hpp"
#include "cluster/checker.hpp"
#include "cluster/cluster.hpp"
#include "net/loop.hpp"
#include "net/resolver.hpp"

namespace genkan::cluster {

class Service final : private net::Timer {
 public:
  // `resolver` belongs to `control` and may be null: then backends given by host name stay down.
  Service(net::Loop& control, Cluster& cluster, base::Telemetry& telemetry, net::Resolver* resolver);
  ~Service() override;

  // At start and on reload, not on the control loop: opens a channel when [cluster] is enabled and differs from what
  // the present one was opened with. start() or refresh() puts it in place of the present one; on failure that one
  // stays.
  Result<void> open(const conf::Conf& conf, ChannelOptions options, std::string& why);

  // Before start(): for checks of type "grpc", and of pools whose protocol is "h2". Without it they only connect.
  void set_h2(AskH2 ask) { checker_.set_h2(std::move(ask)); }

  // On the control loop.
  void start();
  void refresh();
  void stop();
  // The channel falls silent; the next open() and refresh() make a new one, whatever the configuration.
  void rest_channel();

  const Channel* channel() const noexcept { return channel_.get(); }

 private:
  void on_timer() noexcept override;
  void change_channel();
  void resolve_backends();
  static net::Task<void> resolve_srv(std::shared_ptr<Service*> self, Cluster::DnsRow row);
  static net::Task<void> resolve_name(std::shared_ptr<Service*> self, Cluster::DnsRow row);
  void members_changed();
  static net::Task<void> resolve(std::shared_ptr<Service*> self, std::shared_ptr<Backend> backend);

  net::Loop& loop_;
  Cluster& cluster_;
  base::Telemetry& telemetry_;
  net::Resolver* const resolver_;
  Checker checker_;
  std::unique_ptr<Channel> channel_, next_channel_;
  conf::Cluster opened_with_;     // of the last open() that succeeded
  bool channel_changes_ = false;  // next_channel_, which may be null, waits to take over
  Time next_resolve_{};
  std::shared_ptr<Service*> alive_;  // points to null after stop(), for look-ups under way
};

}  // namespace genkan::cluster
