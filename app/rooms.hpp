// What a Site is made of. For site.cpp and upgrade.cpp only.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "acme/acme.hpp"
#include "app/backend_checks.hpp"
#include "app/certificates.hpp"
#include "app/load_watch.hpp"
#include "app/mail.hpp"
#include "app/operators.hpp"
#include "app/queue_counter.hpp"
#include "app/site.hpp"
#include "app/web.hpp"
#include "cluster/service.hpp"
#include "net/resolver.hpp"
#include "net/syslog.hpp"

namespace genkan::app {

struct Site::Rooms {
  explicit Rooms(conf::ConfPtr c)
      : conf(std::move(c)),
        log(conf->log),
        telemetry{log, metrics, status},
        workers(static_cast<int>(conf->node.workers)),
        cluster(telemetry, conf->node.name),
        resolver(workers.control(), conf->node.name_servers),
        checks(workers.control()),
        service(workers.control(), cluster, telemetry, &resolver),
        certificates(workers, telemetry, resolver, conf->node.state_dir),
        acme(workers.control(), resolver, telemetry, acme_hooks()),
        syslog(telemetry),
        mail(workers, telemetry, cluster, syslog),
        web(workers, telemetry, cluster, syslog),
        operators(workers, telemetry),
        load_watch(metrics, cluster, operators) {
    mail.set_load([this](const conf::Smtp& smtp) { return load_watch.read(smtp); });
  }

  ~Rooms() { log.copy_to(nullptr); }

  cluster::ChannelOptions channel_options();
  acme::Hooks acme_hooks();

  conf::ConfPtr conf;
  base::Log log;
  base::Metrics metrics;
  base::StatusBoard status;
  base::Telemetry telemetry;
  net::Workers workers;
  cluster::Cluster cluster;
  net::Resolver resolver;  // on the control loop
  BackendChecks checks;
  cluster::Service service;
  Certificates certificates;
  acme::Acme acme;
  net::Syslog syslog;
  Mail mail;
  Web web;  // after mail: its handlers hold the webmail, which uses mail's accounts to its end
  Operators operators;
  LoadWatch load_watch;
  QueueCounter queue_counter{log};
  std::unique_ptr<vip::Launched> launched;
  std::unique_ptr<Heritage> heritage;  // until the other process has let go
  http::SnapshotPtr snapshot;          // in force: main thread
  std::unique_ptr<vip::Vip> vip;

  // Ten times a second: how well this node serves, for the VIP. A node that is up keeps a share even when every backend
  // is gone: when all are bad, nobody moves.
  struct Gauge final : net::Timer {
    explicit Gauge(Rooms& r) : rooms(r) {}
    void on_timer() noexcept override {
      std::string why;
      const bool ready = rooms.status.ready(why);
      rooms.vip->set_service_level(ready ? std::max(1, static_cast<int>(rooms.cluster.capacity() * 100)) : 1);
      rooms.workers.control().wheel().arm(*this, Clock::now() + 100ms);
    }
    Rooms& rooms;
  };
  Gauge gauge{*this};
  std::string pid_file;  // ours, once written

  // The last part of a stop: cuts what is left and ends every loop.
  void end(Time deadline);

  // Of an upgrade, in the new process (upgrade.cpp).
  Result<void> wait_for_turn(std::string& why);  // "ready" .. "yours": mail and channel are ours
  Result<void> wait_for_go(std::string& why);    // "serving" .. "go"
  void say_taken();
  // In the old one.
  Result<void> hand_over(Handover& talk, const std::function<bool()>& interrupted, std::string& why);
  Result<void> send_heritage(Handover& talk);
  Result<void> rest(Handover& talk, const std::function<bool()>& interrupted, std::string& why);
  void take_up();                                 // after the other one is gone
  bool rests = false;                             // mail and channel
  void note_outcome(const std::string& outcome);  // for `genkan upgrade`
};

}  // namespace genkan::app
