// `genkan agent`: announces how loaded this host is to the proxies of the cluster, and does nothing else. Opens no
// listening socket. SIGTERM and SIGINT end it; SIGHUP reopens the log (a new configuration needs a restart).
#include <signal.h>
#include <sysexits.h>

#include <cstdio>
#include <thread>

#include "app/commands.hpp"
#include "app/privileges.hpp"
#include "app/queue_counter.hpp"
#include "base/sd_notify.hpp"
#include "base/slot.hpp"
#include "base/version.hpp"
#include "cluster/channel.hpp"
#include "conf/reader.hpp"
#include "net/loop.hpp"
#include "net/resolver.hpp"

namespace genkan::app {
namespace {

constexpr Duration kLastLookups = 2s;

// One loop on a thread of its own: the main thread waits for signals.
class Agent {
 public:
  explicit Agent(conf::ConfPtr conf)
      : conf_(std::move(conf)),
        log_(conf_->log),
        telemetry_{log_, metrics_, status_},
        resolver_(loop_, conf_->node.name_servers) {}

  int start(std::string& why) {
    cluster::ChannelOptions options;
    options.resolver = &resolver_;
    options.fill = [this](cluster::LoadRecord& record) { record.queue = queue_.last(); };
    auto opened = cluster::open_agent(loop_, telemetry_, *conf_, std::move(options), why);
    if (!opened) return EX_CONFIG;
    channel_ = std::move(*opened);
    if (auto dropped = drop_privileges(*conf_, why); !dropped) return EX_NOPERM;
    queue_.watch(conf_->cluster.queue_dirs);
    thread_ = std::thread([this] {
      base::this_slot = loop_.slot();
      loop_.run();
    });
    loop_.post([this] { channel_->start(); });
    base::sd_notify_ready();
    log_.notice("the agent announces this host", {{"version", base::kVersion}, {"node", conf_->node.name}});
    return EX_OK;
  }
  void stop() {
    base::sd_notify_stopping();
    loop_.post([this] {
      channel_->stop();
      resolver_.cancel();
      end_when_idle(loop_.now() + kLastLookups);
    });
    thread_.join();
    log_.notice("the agent has stopped");
  }
  base::Log& log() noexcept { return log_; }

 private:
  void end_when_idle(Time latest) {
    if (loop_.live() == 0 || Clock::now() > latest) return loop_.stop();
    loop_.post([this, latest] { end_when_idle(latest); });
  }

  conf::ConfPtr conf_;
  base::Log log_;
  base::Metrics metrics_;
  base::StatusBoard status_;
  base::Telemetry telemetry_;
  QueueCounter queue_{log_};
  net::Loop loop_{1};
  net::Resolver resolver_;
  std::unique_ptr<cluster::Channel> channel_;
  std::thread thread_;
};

}  // namespace

int command_agent(const std::string& file) {
  const auto read = conf::read_file(file);
  bool bad = !read.conf;
  for (const auto& problem : read.problems) {
    std::fprintf(stderr, "%s\n", problem.text().c_str());
    bad = bad || !problem.warning;
  }
  if (bad) return EX_CONFIG;
  ::signal(SIGPIPE, SIG_IGN);
  ::sigset_t signals;
  ::sigemptyset(&signals);
  for (const int s : {SIGTERM, SIGINT, SIGHUP, SIGUSR1}) ::sigaddset(&signals, s);
  ::pthread_sigmask(SIG_BLOCK, &signals, nullptr);  // before any thread: all of them inherit it
  Agent agent(read.conf);
  std::string why;
  if (const int status = agent.start(why); status != EX_OK) {
    std::fprintf(stderr, "genkan: %s\n", why.c_str());
    return status;
  }
  for (int signal = 0; signal != SIGTERM && signal != SIGINT;) {
    if (::sigwait(&signals, &signal) != 0) continue;
    if (signal == SIGHUP || signal == SIGUSR1) agent.log().reopen();
  }
  agent.stop();
  return EX_OK;
}

}  // namespace genkan::app
