#include "smtp/server.hpp"

#include <algorithm>
#include <condition_variable>
#include <thread>

#include "net/listener.hpp"
#include "smtp/inbound/front.hpp"
#include "smtp/inbound/server_session.hpp"
#include "smtp/operate/daily_reports.hpp"
#include "smtp/operate/queue_actions.hpp"
#include "smtp/operate/sweeper.hpp"
#include "smtp/submit.hpp"

namespace genkan::smtp {
namespace {

constexpr int kOffloadThreads = 4;
constexpr std::int64_t kPolitely = 256;
constexpr Duration kStopWait = std::chrono::seconds(10);

}  // namespace

struct Server::Impl {
  Impl(net::Workers& w, base::Telemetry& t, Hooks h)
      : workers(w), telemetry(t), hooks(std::move(h)), inbound(t.metrics) {}

  net::Workers& workers;
  base::Telemetry& telemetry;
  Hooks hooks;
  InboundMetrics inbound;
  ClientCounts counts;
  InboundLimits limits;
  std::shared_ptr<net::ConnectionLimit> limit = std::make_shared<net::ConnectionLimit>();
  std::vector<net::ListenSocket> sockets;
  std::vector<std::shared_ptr<const Entrance>> entrances;  // of the socket at the same place
  std::unique_ptr<net::Offload> files;
  std::unique_ptr<Spool> spool;
  std::unique_ptr<Shared> shared;
  std::vector<std::unique_ptr<Dispatcher>> dispatchers;
  std::vector<std::unique_ptr<Front>> fronts;
  std::vector<std::vector<std::unique_ptr<net::Listener>>> listeners;  // by worker
  std::unique_ptr<Sweeper> sweeper;
  std::unique_ptr<Yielder> yielder;
  std::unique_ptr<DailyReports> reports;
  Result<void> open_sts(const conf::Conf& conf, std::string& why);
  std::unique_ptr<Greylist> greylist;
  std::shared_ptr<const net::TlsClient> tls_client;
  bool started = false, draining = false;

  void start_worker(int index);
  void schedule_queue();
};

Server::Server(net::Workers& workers, base::Telemetry& telemetry, Hooks hooks)
    : impl_(std::make_unique<Impl>(workers, telemetry, std::move(hooks))) {}

Server::~Server() { stop(); }

Result<void> Server::listen(const conf::Conf& conf, std::string& why, net::Inherited* from) {
  for (const auto& row : conf.smtp.listens) {
    const auto entrance = std::make_shared<const Entrance>(row);
    for (const auto& text : row.address) {
      const auto address = base::Endpoint::parse(text);
      if (!address) {
        why = "smtp.listen: " + text + ": " + address.error().message();
        return address.error();
      }
      auto socket = net::ListenSocket::open(*address, impl_->workers.count(), from);
      if (!socket) {
        why = "smtp.listen: " + text + ": " + socket.error().message();
        return socket.error();
      }
      impl_->sockets.push_back(std::move(*socket));
      impl_->entrances.push_back(entrance);
    }
  }
  return {};
}

const std::vector<net::ListenSocket>& Server::sockets() const { return impl_->sockets; }

std::vector<base::Endpoint> Server::addresses() const {
  std::vector<base::Endpoint> addresses;
  for (const auto& socket : impl_->sockets) addresses.push_back(socket.address());
  return addresses;
}

Result<void> Server::start(conf::ConfPtr conf, std::shared_ptr<const net::TlsServer> tls, std::string& why) {
  auto& im = *impl_;
  SpoolOptions options;
  options.dir = conf->node.state_dir + "/spool";
  options.min_free = conf->smtp.min_free;
  auto spool = Spool::open(options, im.telemetry, why);
  if (!spool) return spool.error();
  im.spool = std::move(*spool);
  net::TlsClient::Options client;
  client.verify = false;  // opportunistic: encryption without knowing who it is beats none (RFC 7435)
  std::string tls_why;
  if (auto made = net::TlsClient::make(client, tls_why)) im.tls_client = *made;
  im.files = std::make_unique<net::Offload>(kOffloadThreads);
  // Over max_connections a session says 421; only over this the listener closes without a word.
  im.limit->max = conf->smtp.max_connections + kPolitely;
  auto made = Plan::make(conf, std::move(tls), im.tls_client, why);
  if (!made) return made.error();
  const PlanPtr plan = std::move(*made);
  const auto file = conf->node.state_dir + "/greylist.db";
  auto greylist = Greylist::open(file);
  if (!greylist) {
    why = "cannot open " + file + ": " + greylist.error().message();
    return greylist.error();
  }
  im.greylist = std::move(*greylist);
  auto mail_log = MailLog::open(conf->smtp.log, conf->smtp.log_format == "json", im.hooks.syslog, why);
  if (!mail_log) return mail_log.error();
  im.shared.reset(new Shared{
      *im.spool, im.telemetry, *im.files, im.hooks, DeliveryMetrics(im.telemetry.metrics), {}, std::move(*mail_log)});
  im.shared->tls_reports = std::make_unique<TlsReports>(im.telemetry.metrics);
  if (auto opened = im.open_sts(*conf, why); !opened) return opened;
  im.shared->submit = [this](net::Loop& loop, Submission submission, std::string* text) {
    return submit(loop, std::move(submission), text);
  };
  const auto count = im.workers.count();
  for (int i = 0; i < count; ++i) {
    im.dispatchers.push_back(std::make_unique<Dispatcher>(im.workers.worker(i), *im.shared, plan));
    im.shared->dispatchers.push_back(im.dispatchers.back().get());
  }
  for (int i = 0; i < count; ++i) {
    const auto index = static_cast<std::size_t>(i);
    auto front = std::make_unique<Front>(im.workers.worker(i), index, *im.shared, im.counts, im.inbound, plan);
    front->limit = im.limit;
    front->limits = &im.limits;
    front->greylist = im.greylist.get();
    im.fronts.push_back(std::move(front));
  }
  im.listeners.resize(static_cast<std::size_t>(count));
  im.schedule_queue();
  im.workers.on_each([&im](int i) { im.start_worker(i); });
  im.sweeper = std::make_unique<Sweeper>(im.workers.control(), *im.shared, plan);
  im.yielder = std::make_unique<Yielder>(im.workers.control(), *im.shared, plan);
  im.reports = std::make_unique<DailyReports>(im.workers.control(), *im.shared, plan);
  im.workers.on_control([&im] {
    im.sweeper->start();
    im.yielder->start();
    im.reports->start();
  });
  register_queue(im.telemetry.status, *im.shared);
  im.started = true;
  return {};
}

Result<void> Server::Impl::open_sts(const conf::Conf& conf, std::string& why) {
  if (!conf.smtp.mta_sts || shared->sts) return {};
  const auto file = conf.node.state_dir + "/mta-sts.db";
  auto store = StsStore::open(file);
  if (!store) {
    why = "cannot open " + file + ": " + store.error().message();
    return store.error();
  }
  shared->sts = std::move(*store);
  return {};
}

// Everything that was in the spool, before the loops carry anything: posts are kept in order.
void Server::Impl::schedule_queue() {
  struct Row {
    std::uint64_t id;
    std::string destination;
    std::int64_t next_ms;
  };
  std::vector<std::vector<Row>> rows(dispatchers.size());
  spool->visit(0, [&](const ItemInfo& item) {
    if (!item.held) rows[item.id % rows.size()].push_back({item.id, item.destination, item.next_s * 1000});
    return true;
  });
  for (std::size_t i = 0; i < rows.size(); ++i) {
    if (rows[i].empty()) continue;
    auto* dispatcher = dispatchers[i].get();
    dispatcher->loop().post([dispatcher, mine = std::move(rows[i])] {
      for (const auto& row : mine) dispatcher->add_later(row.id, row.destination, row.next_ms);
    });
  }
}

void Server::Impl::start_worker(int index) {
  const auto at = static_cast<std::size_t>(index);
  auto& front = *fronts[at];
  dispatchers[at]->start();
  for (std::size_t i = 0; i < sockets.size(); ++i) {
    const auto& socket = sockets[i];
    const auto accept = [&front, entrance = entrances[i]](std::unique_ptr<net::Transport> transport) {
      auto session = std::make_unique<ServerSession>(front, entrance, std::move(transport));
      net::spawn(front.loop, ServerSession::serve(std::move(session)));
    };
    for (const int fd : socket.fds(index, workers.count())) {
      listeners[at].push_back(std::make_unique<net::Listener>(front.loop, fd, telemetry, limit, accept));
    }
  }
}

Result<void> Server::reload(conf::ConfPtr conf, std::shared_ptr<const net::TlsServer> tls, std::string& why) {
  auto& im = *impl_;
  auto made = Plan::make(std::move(conf), std::move(tls), im.tls_client, why);
  if (!made) return made.error();
  if (auto opened = im.open_sts(*made.value()->conf, why); !opened) return opened;
  const PlanPtr plan = std::move(*made);
  im.workers.on_each([&](int i) {
    const auto at = static_cast<std::size_t>(i);
    im.fronts[at]->plan = plan;
    im.fronts[at]->set_rates();
    im.dispatchers[at]->configure(plan);
  });
  im.workers.on_control([&] {
    im.sweeper->configure(plan);
    im.yielder->configure(plan);
    im.reports->configure(plan);
  });
  return {};
}

void Server::drain() {
  auto& im = *impl_;
  if (!im.started || im.draining) return;
  im.draining = true;
  im.workers.on_each([&im](int i) {
    const auto at = static_cast<std::size_t>(i);
    im.listeners[at].clear();
    im.fronts[at]->draining = true;
    for (auto* session : im.fronts[at]->sessions) session->drain();
    im.dispatchers[at]->stop();
  });
  im.workers.on_control([&im] {
    im.sweeper->stop();
    im.yielder->stop();
    im.reports->stop();
  });
}

bool Server::drained() const {
  auto& im = *impl_;
  if (!im.started) return true;
  bool busy = false;
  std::mutex mutex;
  im.workers.on_each([&](int i) {
    const auto at = static_cast<std::size_t>(i);
    std::lock_guard lock(mutex);
    busy = busy || !im.fronts[at]->sessions.empty() || !im.dispatchers[at]->idle();
  });
  im.workers.on_control([&] { busy = busy || !im.sweeper->idle(); });
  return !busy;
}

void Server::stop() {
  auto& im = *impl_;
  if (!im.started) return;
  drain();
  im.workers.on_each([&im](int i) {
    const auto at = static_cast<std::size_t>(i);
    for (auto* session : im.fronts[at]->sessions) session->cancel();
    im.dispatchers[at]->cancel();
  });
  const auto deadline = Clock::now() + kStopWait;
  while (!drained() && Clock::now() < deadline) std::this_thread::sleep_for(std::chrono::milliseconds(20));
  unregister_queue(im.telemetry.status);
  im.sweeper.reset();
  im.yielder.reset();
  im.reports->write_now();
  im.reports.reset();
  im.workers.on_each([&im](int i) { im.dispatchers[static_cast<std::size_t>(i)].reset(); });
  im.files.reset();
  im.fronts.clear();
  im.spool.reset();
  im.started = false;
}

net::Task<Result<std::string>> Server::submit(net::Loop& loop, Submission submission, std::string* why) {
  auto& im = *impl_;
  Front* front = nullptr;
  for (const auto& one : im.fronts) {
    if (&one->loop == &loop) front = one.get();
  }
  if (!front || front->draining) {
    *why = "mail is switched off or stopping";
    co_return Result<std::string>(boost::system::in_place_error, make_error_code(Errc::unavailable));
  }
  co_return co_await submit_message(*front, std::move(submission), why);
}

void Server::reopen_log() {
  if (impl_->shared) impl_->shared->mail_log->reopen();
}

std::size_t Server::queued() const { return impl_->spool ? impl_->spool->size() : 0; }

}  // namespace genkan::smtp
