#include "app/site.hpp"

#include <sysexits.h>

#include <thread>

#include "app/operators.hpp"
#include "app/privileges.hpp"
#include "app/web.hpp"
#include "base/file.hpp"
#include "base/sd_notify.hpp"
#include "base/version.hpp"

namespace genkan::app {

struct Site::Rooms {
  explicit Rooms(conf::ConfPtr c)
      : conf(std::move(c)),
        log(conf->log),
        telemetry{log, metrics, status},
        workers(static_cast<int>(conf->node.workers)),
        cluster(telemetry, conf->node.name),
        web(workers, telemetry, cluster),
        operators(workers, telemetry) {}

  conf::ConfPtr conf;
  base::Log log;
  base::Metrics metrics;
  base::StatusBoard status;
  base::Telemetry telemetry;
  net::Workers workers;
  cluster::Cluster cluster;
  Web web;
  Operators operators;
  std::unique_ptr<vip::Launched> launched;
  std::unique_ptr<vip::Vip> vip;
  WallTime started = WallClock::now();
};

Site::Site(conf::ConfPtr conf, std::unique_ptr<vip::Launched> launched)
    : rooms_(std::make_unique<Rooms>(std::move(conf))) {
  rooms_->launched = std::move(launched);
}

Site::~Site() = default;

base::Log& Site::log() { return rooms_->log; }

int Site::start(std::string& why) {
  Rooms& r = *rooms_;
  if (auto made = base::make_dirs(r.conf->node.state_dir, 0750); !made) {
    why = "cannot make " + r.conf->node.state_dir + ": " + made.error().message();
    return EX_CANTCREAT;
  }
  if (auto opened = r.web.open(*r.conf, why); !opened) return EX_UNAVAILABLE;
  if (auto opened = r.operators.open(*r.conf, why); !opened) return EX_UNAVAILABLE;
  if (auto dropped = drop_privileges(r.conf->node, why); !dropped) return EX_NOPERM;
  r.workers.start();
  auto snapshot = r.web.build(r.conf, why);
  if (!snapshot) return EX_CONFIG;
  r.web.start(*snapshot);
  r.operators.start(r.conf);
  if (r.launched) r.vip = std::make_unique<vip::Vip>(std::move(*r.launched), r.telemetry);
  r.status.set_ready(true, "");
  if (r.vip) r.vip->set_service_level(100);
  base::sd_notify_ready();
  r.log.notice("genkan serves",
               {{"version", base::kVersion}, {"node", r.conf->node.name}, {"workers", r.workers.count()}});
  return EX_OK;
}

bool Site::reload(conf::ConfPtr conf, std::string& why) {
  Rooms& r = *rooms_;
  base::sd_notify_reloading();
  auto snapshot = r.web.build(conf, why);
  if (!snapshot) return false;
  if (auto updated = r.web.update(*snapshot, why); !updated) return false;
  r.log.set_level(conf->log.level);
  r.conf = std::move(conf);
  base::sd_notify_ready();
  return true;
}

void Site::reopen_logs() {
  rooms_->log.reopen();
  rooms_->web.reopen_log();
}

void Site::stop() {
  Rooms& r = *rooms_;
  r.status.set_ready(false, "stopping");
  base::sd_notify_stopping();
  const Time deadline = Clock::now() + r.conf->node.drain_timeout;
  if (r.vip) r.vip->stop(deadline);
  r.web.stop_accepting();
  r.web.drain();
  r.log.info("draining", {{"connections", r.web.sessions()}});
  while (r.web.sessions() > 0 && Clock::now() < deadline) std::this_thread::sleep_for(std::chrono::milliseconds(10));
  if (r.web.sessions() > 0) {
    r.log.warning("the drain timeout passed: connections are cut", {{"connections", r.web.sessions()}});
    r.web.cancel();
    while (r.web.sessions() > 0) std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  r.operators.stop();
  while (r.workers.live() > 0 && Clock::now() < deadline + 5s)
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  r.web.close();
  r.vip.reset();
  r.workers.stop();
  r.log.notice("genkan has stopped");
}

}  // namespace genkan::app
