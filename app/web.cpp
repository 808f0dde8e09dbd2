#include "app/web.hpp"

#include <sys/resource.h>

#include <algorithm>
#include <array>
#include <system_error>

#include "base/crypto.hpp"
#include "base/file.hpp"
#include "http/router.hpp"
#include "proxy/chain.hpp"

namespace genkan::app {
namespace {

constexpr int kFileThreads = 2;

}  // namespace

Web::Web(net::Workers& workers, base::Telemetry& telemetry, cluster::Cluster& cluster, net::Syslog& syslog)
    : workers_(workers),
      telemetry_(telemetry),
      cluster_(cluster),
      syslog_(syslog),
      server_metrics_(telemetry.metrics, "public"),
      forward_metrics_(telemetry.metrics),
      tls_metrics_(telemetry.metrics),
      limits_(telemetry),
      routes_(telemetry),
      files_(kFileThreads) {}

Web::~Web() = default;

Result<std::unique_ptr<Web::Listening>> Web::open_one(const base::Endpoint& address, const conf::Listen& listen,
                                                      std::string& why, net::Inherited* from) {
  auto sockets = net::ListenSocket::open(address, workers_.count(), from);
  if (!sockets) {
    why = "cannot listen on " + address.text() + " ([[listen]] " + listen.name + "): " + sockets.error().message();
    return sockets.error();
  }
  auto listening = std::make_unique<Listening>();
  listening->wanted = address;
  listening->sockets = std::move(*sockets);
  auto entrance = std::make_shared<http::Entrance>();
  entrance->name = listen.name;
  entrance->tls = listen.tls;
  entrance->protocols = listen.protocols;
  entrance->proxy_from = listen.proxy_protocol_from;
  listening->entrance = std::move(entrance);
  return listening;
}

void Web::each_socket(const std::function<void(const net::ListenSocket&)>& f) const {
  for (const auto& listening : listening_) f(listening->sockets);
}

Result<void> Web::open(const conf::Conf& conf, std::string& why, net::Inherited* from) {
  for (const auto& listen : conf.listens) {
    for (const auto& text : listen.address) {
      const auto address = base::Endpoint::parse(text);
      if (!address) return address.error();
      auto listening = open_one(*address, listen, why, from);
      if (!listening) return listening.error();
      listening_.push_back(std::move(*listening));
    }
  }
  return {};
}

// A chain of fallbacks ends: the check of the configuration saw to that.
std::shared_ptr<proxy::Forward> Web::forward_to(const conf::Conf& conf, const conf::Pool& pool,
                                                const std::string& host) {
  proxy::Forward::Options options;
  options.server_name = conf.http.server_name;
  options.host = host;
  options.body_timeout = conf.http.body_timeout;
  options.tunnel_timeout = conf.http.tunnel_timeout;
  options.max_head = conf.http.max_head;
  options.client_fields = conf.tls.client_fields;
  if (!pool.sticky_cookie.empty()) options.sticky_key = sticky_key(conf, pool);
  if (const conf::Pool* other = pool.fallback.empty() ? nullptr : conf.find_pool(pool.fallback)) {
    options.fallback = forward_to(conf, *other, host);
  }
  options.seat = cluster_.seat(pool.name);
  auto made =
      std::make_shared<proxy::Forward>(cluster_.pool(pool.name), origins_, telemetry_, forward_metrics_, options);
  if (made->wants_warmth()) warm_.push_back(made);
  return made;
}

// The pool's own, or from the cluster's, or one that is made once and kept beside the other state.
std::string Web::sticky_key(const conf::Conf& conf, const conf::Pool& pool) {
  if (!pool.sticky_key.empty()) return pool.sticky_key;
  if (!conf.cluster.key.empty()) return conf.cluster.key;
  const std::string path = conf.node.state_dir + "/sticky.key";
  if (auto kept = base::read_file(path, 1024); kept && kept->size() >= 32) return *kept;
  std::array<std::uint8_t, 32> bytes{};
  base::random_bytes(bytes);
  std::string made(bytes.begin(), bytes.end());
  if (auto written = base::write_file_durable(path, made); !written) {
    telemetry_.log.warning("cannot keep the key of sticky cookies: clients may change backends after a restart",
                           {{"path", path}, {"error", written.error().message()}});
  }
  return made;
}

Result<http::SnapshotPtr> Web::build(conf::ConfPtr conf, std::string& why) {
  auto snapshot = std::make_shared<http::Snapshot>();
  snapshot->conf = conf;
  if (!cache_) cache_ = std::make_shared<cache::Cache>(telemetry_, conf->cache);
  const bool starttls = conf->smtp.enabled && !conf->certificates.empty();
  if (starttls ||
      std::any_of(conf->listens.begin(), conf->listens.end(), [](const conf::Listen& l) { return l.tls; })) {
    auto tls = net::TlsServer::make(
        {conf->tls, conf->certificates, conf->listens, conf->node.state_dir, conf->cluster.key, {}, certificates_},
        why);
    if (!tls) return tls.error();
    snapshot->tls = built_tls_ = std::move(*tls);
  } else {
    built_tls_ = nullptr;
  }
  if (auto applied = cluster_.apply(*conf, Clock::now(), why); !applied) return applied.error();
  warm_.clear();
  auto forward = [this, &conf](const conf::Pool& pool, const std::string& host) {
    return forward_to(*conf, pool, host);
  };
  proxy::ChainBuilder chains({forward, telemetry_, files_, limits_, cache_, webmail_}, *conf);
  std::vector<std::shared_ptr<http::Handler>> handlers;
  for (const auto& route : conf->routes) {
    auto handler = chains.make(route, why);
    if (!handler) return handler.error();
    handlers.push_back(std::move(*handler));
  }
  auto router = http::Router::make(conf->routes, std::move(handlers), why);
  if (!router) return router.error();
  std::shared_ptr<http::Handler> routes = std::move(*router);
  if (acme_) routes = acme_->guard(*conf, std::move(routes));
  snapshot->handler = std::make_shared<proxy::TlsLayer>(std::move(routes), conf->tls.client_fields, tls_metrics_);
  if (conf->access_log.path != access_path_) {
    try {
      access_file_ = conf->access_log.path.empty() ? nullptr : std::make_shared<base::LineFile>(conf->access_log.path);
    } catch (const std::system_error& e) {
      why = "[access_log] path: " + std::string(e.what());
      return Errc::unavailable;
    }
    access_path_ = conf->access_log.path;
  }
  auto format = conf::parse_log_format(conf->access_log.format, why);
  if (!format) return format.error();
  const bool to_syslog = conf->syslog.access_log && !conf->syslog.server.empty();
  snapshot->observer =
      std::make_shared<proxy::AccessLog>(access_file_, std::move(*format), conf->access_log.slow,
                                         routes_.table(conf->routes), to_syslog ? &syslog_ : nullptr, telemetry_);
  return snapshot;
}

void Web::listen_on(Listening& listening) {
  listening.listeners.resize(static_cast<std::size_t>(workers_.count()));
  workers_.on_each([&](int i) {
    http::Server& server = *servers_[static_cast<std::size_t>(i)];
    auto accept = [&server, entrance = listening.entrance](std::unique_ptr<net::Transport> transport) {
      server.accept(std::move(transport), entrance);
    };
    for (const int fd : listening.sockets.fds(i, workers_.count())) {
      listening.listeners[static_cast<std::size_t>(i)].push_back(
          std::make_unique<net::Listener>(workers_.worker(i), fd, telemetry_, limit_, accept));
    }
  });
}

// What clients have in work needs connections to backends: with clients alone taking every descriptor, those who are
// here already could not be served any more. A quarter stays free of them.
void Web::set_limits(const conf::Conf& conf) {
  constexpr std::int64_t kOwn = 64;  // logs, databases, sockets of other rooms
  std::int64_t most = conf.http.max_connections;
  ::rlimit files{};
  if (::getrlimit(RLIMIT_NOFILE, &files) == 0 && files.rlim_cur != RLIM_INFINITY) {
    const auto room = std::max<std::int64_t>(8, static_cast<std::int64_t>(files.rlim_cur) / 4 * 3 - kOwn);
    if (room < most) {
      telemetry_.log.warning("fewer connections than http.max_connections: the system allows too few open files",
                             {{"max_connections", most}, {"now", room}, {"open_files", files.rlim_cur}});
      most = room;
    }
  }
  limit_->max = most;
  limit_->max_per_address = conf.http.max_connections_per_address;
}

void Web::start(http::SnapshotPtr snapshot) {
  set_limits(*snapshot->conf);
  servers_.resize(static_cast<std::size_t>(workers_.count()));
  workers_.on_each([&](int i) {
    net::Loop& loop = workers_.worker(i);
    origins_.open(loop);
    origins_.keep_warm(loop, warm_);
    servers_[static_cast<std::size_t>(i)] =
        std::make_unique<http::Server>(loop, telemetry_, server_metrics_, snapshot, limit_);
  });
  routes_.show(snapshot->conf->routes);
  for (auto& listening : listening_) listen_on(*listening);
  started_ = true;
}

Result<void> Web::update(http::SnapshotPtr snapshot, std::string& why) {
  const conf::Conf& conf = *snapshot->conf;
  // Open first: when a new address can't be had, nothing has changed yet.
  std::vector<std::unique_ptr<Listening>> next, fresh;
  std::vector<Listening*> kept;
  for (const auto& listen : conf.listens) {
    for (const auto& text : listen.address) {
      const auto address = base::Endpoint::parse(text);
      if (!address) return address.error();
      const auto same = std::find_if(listening_.begin(), listening_.end(), [&](const auto& l) {
        return l->wanted == *address && l->entrance->tls == listen.tls && l->entrance->name == listen.name &&
               l->entrance->protocols == listen.protocols && l->entrance->proxy_from == listen.proxy_protocol_from;
      });
      if (same != listening_.end()) {
        kept.push_back(same->get());
        continue;
      }
      auto opened = open_one(*address, listen, why);
      if (!opened) return opened.error();
      fresh.push_back(std::move(*opened));
    }
  }
  cache_->configure(conf.cache);
  routes_.show(conf.routes);
  set_limits(conf);
  workers_.on_each([&](int i) {
    servers_[static_cast<std::size_t>(i)]->update(snapshot);
    origins_.keep_warm(workers_.worker(i), warm_);
  });
  for (auto& listening : listening_) {
    if (std::find(kept.begin(), kept.end(), listening.get()) != kept.end()) {
      next.push_back(std::move(listening));
    } else {
      workers_.on_each([&](int i) { listening->listeners[static_cast<std::size_t>(i)].clear(); });
    }
  }
  for (auto& listening : fresh) {
    listen_on(*listening);
    next.push_back(std::move(listening));
  }
  listening_ = std::move(next);
  return {};
}

void Web::reopen_log() {
  if (!access_file_) return;
  if (auto done = access_file_->reopen(); !done) {
    telemetry_.log.error("cannot reopen the access log: the old file stays in use",
                         {{"path", access_path_}, {"error", done.error().message()}});
  }
}

void Web::stop_accepting(bool take_waiting) {
  workers_.on_each([&](int i) {
    for (auto& listening : listening_) {
      auto& mine = listening->listeners[static_cast<std::size_t>(i)];
      if (take_waiting) {
        for (auto& listener : mine) listener->accept_waiting();
      }
      mine.clear();
    }
  });
}

void Web::drain(Duration grace) {
  workers_.on_each([&](int i) {
    servers_[static_cast<std::size_t>(i)]->drain(grace);
    origins_.keep_warm(workers_.worker(i), {});
    origins_.of(workers_.worker(i)).retire();
  });
}

std::size_t Web::sessions() const { return static_cast<std::size_t>(std::max<std::int64_t>(0, limit_->open.load())); }

void Web::cancel() {
  workers_.on_each([&](int i) { servers_[static_cast<std::size_t>(i)]->cancel(); });
}

void Web::close() {
  workers_.on_each([&](int i) {
    servers_[static_cast<std::size_t>(i)].reset();
    origins_.close(workers_.worker(i));
  });
}

}  // namespace genkan::app
