#include "app/site.hpp"

#include <sysexits.h>
#include <unistd.h>

#include <algorithm>
#include <thread>

#include "app/privileges.hpp"
#include "app/rooms.hpp"
#include "base/file.hpp"
#include "base/sd_notify.hpp"
#include "base/version.hpp"

namespace genkan::app {

namespace {

// How long an idle connection is kept at a stop: a request that its client is just sending gets its answer.
constexpr Duration kStopGrace = 300ms;

}  // namespace

// What this node says of itself beyond the host's load. Runs on the control loop.
cluster::ChannelOptions Site::Rooms::channel_options() {
  cluster::ChannelOptions options;
  options.resolver = &resolver;
  options.fill = [this](cluster::LoadRecord& record) {
    cluster.describe_self(record);
    record.queue = static_cast<std::uint32_t>(mail.queued()) + queue_counter.last();
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

Site::Site(conf::ConfPtr conf, std::unique_ptr<vip::Launched> launched, std::unique_ptr<Heritage> heritage)
    : rooms_(std::make_unique<Rooms>(std::move(conf))) {
  rooms_->launched = std::move(launched);
  rooms_->heritage = std::move(heritage);
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
  Heritage* const old = r.heritage.get();
  if (auto opened = r.web.open(*r.conf, why, old ? &old->web : nullptr); !opened) return EX_UNAVAILABLE;
  if (auto opened = r.operators.open(*r.conf, why, old ? &old->admin : nullptr); !opened) return EX_UNAVAILABLE;
  if (auto opened = r.mail.listen(*r.conf, why, old ? &old->smtp : nullptr); !opened) return EX_UNAVAILABLE;
  if (!old) {
    if (auto opened = r.service.open(*r.conf, r.channel_options(), why); !opened) return EX_UNAVAILABLE;
  }
  if (auto dropped = drop_privileges(*r.conf, why); !dropped) return EX_NOPERM;
  if (auto set = r.syslog.configure(*r.conf, why); !set) return EX_CONFIG;
  r.log.copy_to(&r.syslog);
  if (auto opened = r.mail.open(*r.conf, why); !opened) return EX_CANTCREAT;
  r.web.set_webmail(r.mail.webmail());
  r.web.set_certificates(r.certificates.store());
  if (auto opened = r.acme.open(r.conf, why); !opened) return EX_CONFIG;
  r.web.set_acme(r.acme);
  r.workers.start();
  auto snapshot = r.web.build(r.conf, why);
  if (!snapshot) return EX_CONFIG;
  r.queue_counter.watch(r.conf->cluster.queue_dirs);
  r.service.set_h2([&r](cluster::H2Question question) { return r.checks.ask(std::move(question)); });
  r.snapshot = *snapshot;
  r.workers.on_control([&r] { r.service.start(); });
  if (old) {
    if (auto mine = r.wait_for_turn(why); !mine) return EX_TEMPFAIL;
  }
  if (auto started = r.mail.start(r.conf, (*snapshot)->tls, why); !started) return EX_IOERR;
  r.web.start(*snapshot);
  r.certificates.watch(r.web.tls(), r.conf->tls.watch_interval);
  r.operators.on_second([&r](Time now) { r.web.sample(now); });
  r.operators.start(r.conf);
  if (old) {
    if (auto mine = r.wait_for_go(why); !mine) return EX_TEMPFAIL;
  }
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
  if (old) r.say_taken();
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
  r.queue_counter.watch(conf->cluster.queue_dirs);
  r.certificates.watch(r.web.tls(), conf->tls.watch_interval);
  if (auto set = r.syslog.configure(*conf, why); !set) return false;
  r.workers.on_control([&r] { r.acme.refresh(); });
  r.log.set_level(conf->log.level);
  r.snapshot = *snapshot;
  r.conf = std::move(conf);
  base::sd_notify_ready();
  return true;
}

void Site::reopen_logs() {
  rooms_->log.reopen();
  rooms_->web.reopen_log();
  rooms_->mail.reopen_log();
}

void Site::Rooms::end(Time deadline) {
  if (web.sessions() > 0) {
    log.warning("the drain timeout passed: connections are cut", {{"connections", web.sessions()}});
    web.cancel();
    while (web.sessions() > 0) std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  mail.stop();
  queue_counter.stop();
  operators.stop();
  workers.on_control([this] {
    acme.stop();
    service.stop();
    certificates.stop();
    checks.stop();
    resolver.cancel();
  });
  while (workers.live() > 0 && Clock::now() < deadline + 5s) std::this_thread::sleep_for(std::chrono::milliseconds(5));
  workers.on_control([this] { checks.close(); });
  web.close();
  vip.reset();
  workers.stop();
  if (!pid_file.empty()) ::unlink(pid_file.c_str());
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
  r.web.stop_accepting(true);
  r.mail.drain();
  r.web.drain(kStopGrace);
  r.log.info("draining", {{"connections", r.web.sessions()}});
  while ((r.web.sessions() > 0 || !r.mail.drained()) && Clock::now() < deadline)
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  r.end(deadline);
  r.log.notice("genkan has stopped");
}

}  // namespace genkan::app
