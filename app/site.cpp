#include "app/site.hpp"

#include <sysexits.h>
#include <unistd.h>

#include <algorithm>
#include <thread>

#include "acme/acme.hpp"
#include "app/certificates.hpp"
#include "app/mail.hpp"
#include "app/operators.hpp"
#include "app/privileges.hpp"
#include "app/web.hpp"
#include "base/file.hpp"
#include "base/sd_notify.hpp"
#include "base/version.hpp"
#include "cluster/service.hpp"
#include "net/resolver.hpp"

namespace genkan::app {

struct Site::Rooms {
  explicit Rooms(conf::ConfPtr c)
      : conf(std::move(c)),
        log(conf->log),
        telemetry{log, metrics, status},
        workers(static_cast<int>(conf->node.workers)),
        cluster(telemetry, conf->node.name),
        resolver(workers.control(), conf->node.name_servers),
        service(workers.control(), cluster, telemetry, &resolver),
        certificates(workers, telemetry, resolver, conf->node.state_dir),
        acme(workers.control(), resolver, telemetry, acme_hooks()),
        mail(workers, telemetry, cluster),
        web(workers, telemetry, cluster),
        operators(workers, telemetry) {}

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
  cluster::Service service;
  Certificates certificates;
  acme::Acme acme;
  Mail mail;
  Web web;  // after mail: its handlers hold the webmail, which uses mail's accounts to its end
  Operators operators;
  std::unique_ptr<vip::Launched> launched;
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
};

// What this node says of itself beyond the host's load. Runs on the control loop.
cluster::ChannelOptions Site::Rooms::channel_options() {
  cluster::ChannelOptions options;
  options.resolver = &resolver;
  options.fill = [this](cluster::LoadRecord& record) {
    cluster.describe_self(record);
    record.queue = static_cast<std::uint32_t>(mail.queued());
    std::string why;
    record.draining = !status.ready(why);
  };
  return options;
}

// Certificates from a CA go where TLS looks for them.
acme::Hooks Site::Rooms::acme_hooks() {
  acme::Hooks hooks;
  const auto store = certificates.store();
  hooks.install = [store](const std::string& name, std::string chain, std::string key, std::string& why) {
    const auto present = store->installed(name);
    if (present && present->chain == chain && present->key == key) return Result<void>();
    return store->install(name, {std::move(chain), std::move(key)}, why);
  };
  hooks.show = [store](const std::string& name, std::string chain, std::string key, std::string& why) {
    return store->set_challenge(name, {std::move(chain), std::move(key)}, why);
  };
  hooks.hide = [store](const std::string& name) { store->clear_challenge(name); };
  return hooks;
}

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
  if (auto made = base::make_dirs(r.conf->node.run_dir, 0755); !made) {
    why = "cannot make " + r.conf->node.run_dir + ": " + made.error().message();
    return EX_CANTCREAT;
  }
  if (auto opened = r.web.open(*r.conf, why); !opened) return EX_UNAVAILABLE;
  if (auto opened = r.operators.open(*r.conf, why); !opened) return EX_UNAVAILABLE;
  if (auto opened = r.mail.listen(*r.conf, why); !opened) return EX_UNAVAILABLE;
  if (auto opened = r.service.open(*r.conf, r.channel_options(), why); !opened) return EX_UNAVAILABLE;
  if (auto dropped = drop_privileges(*r.conf, why); !dropped) return EX_NOPERM;
  if (auto opened = r.mail.open(*r.conf, why); !opened) return EX_CANTCREAT;
  r.web.set_webmail(r.mail.webmail());
  r.web.set_certificates(r.certificates.store());
  if (auto opened = r.acme.open(r.conf, why); !opened) return EX_CONFIG;
  r.web.set_acme(r.acme);
  r.workers.start();
  auto snapshot = r.web.build(r.conf, why);
  if (!snapshot) return EX_CONFIG;
  r.workers.on_control([&r] { r.service.start(); });
  if (auto started = r.mail.start(r.conf, (*snapshot)->tls, why); !started) return EX_IOERR;
  r.web.start(*snapshot);
  r.certificates.watch(r.web.tls(), r.conf->tls.watch_interval);
  r.operators.start(r.conf);
  r.workers.on_control([&r] { r.acme.start(); });
  if (r.launched) r.vip = std::make_unique<vip::Vip>(std::move(*r.launched), r.telemetry);
  const std::string pid_file = r.conf->node.run_dir + "/genkan.pid";
  if (auto written = base::write_file_durable(pid_file, std::to_string(::getpid()) + "\n", 0644); !written) {
    why = "cannot write " + pid_file + ": " + written.error().message();
    return EX_CANTCREAT;
  }
  r.pid_file = pid_file;
  r.status.set_ready(true, "");
  if (r.vip) r.workers.on_control([&r] { r.gauge.on_timer(); });
  base::sd_notify_ready();
  r.log.notice("genkan serves",
               {{"version", base::kVersion}, {"node", r.conf->node.name}, {"workers", r.workers.count()}});
  return EX_OK;
}

bool Site::reload(conf::ConfPtr conf, std::string& why) {
  Rooms& r = *rooms_;
  base::sd_notify_reloading();
  if (auto opened = r.service.open(*conf, r.channel_options(), why); !opened) return false;
  if (auto opened = r.acme.open(conf, why); !opened) return false;
  auto snapshot = r.web.build(conf, why);
  if (!snapshot) return false;
  if (auto updated = r.web.update(*snapshot, why); !updated) return false;
  r.workers.on_control([&r] { r.service.refresh(); });
  if (auto updated = r.mail.reload(conf, (*snapshot)->tls, why); !updated) return false;
  r.certificates.watch(r.web.tls(), conf->tls.watch_interval);
  r.workers.on_control([&r] { r.acme.refresh(); });
  r.log.set_level(conf->log.level);
  r.conf = std::move(conf);
  base::sd_notify_ready();
  return true;
}

void Site::reopen_logs() {
  rooms_->log.reopen();
  rooms_->web.reopen_log();
  rooms_->mail.reopen_log();
}

void Site::stop() {
  Rooms& r = *rooms_;
  r.status.set_ready(false, "stopping");
  base::sd_notify_stopping();
  const Time deadline = Clock::now() + r.conf->node.drain_timeout;
  if (r.vip) {
    r.workers.on_control([&r] { r.workers.control().wheel().cancel(r.gauge); });
    r.vip->stop(deadline);
  }
  r.web.stop_accepting();
  r.mail.drain();
  r.web.drain();
  r.log.info("draining", {{"connections", r.web.sessions()}});
  while ((r.web.sessions() > 0 || !r.mail.drained()) && Clock::now() < deadline)
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  if (r.web.sessions() > 0) {
    r.log.warning("the drain timeout passed: connections are cut", {{"connections", r.web.sessions()}});
    r.web.cancel();
    while (r.web.sessions() > 0) std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  r.mail.stop();
  r.operators.stop();
  r.workers.on_control([&r] {
    r.acme.stop();
    r.service.stop();
    r.certificates.stop();
    r.resolver.cancel();
  });
  while (r.workers.live() > 0 && Clock::now() < deadline + 5s)
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  r.web.close();
  r.vip.reset();
  r.workers.stop();
  ::unlink(r.pid_file.c_str());
  r.log.notice("genkan has stopped");
}

}  // namespace genkan::app
