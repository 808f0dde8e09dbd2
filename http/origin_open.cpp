// How a connection to a backend comes to be: connect, PROXY header, TLS. All of it within connect_timeout.
#include "http/h1/origin_connection.hpp"
#include "http/h2/origin_session.hpp"
#include "http/origin.hpp"
#include "net/connect.hpp"
#include "net/tls_sessions.hpp"

namespace genkan::http {
namespace {

constexpr std::size_t kMaxKnown = 4096;
constexpr std::size_t kWarmAtOnce = 8;  // that are being opened to one backend

// One of the connections to a backend that are being opened, while max_pending allows it.
class Pending {
 public:
  Pending(std::atomic<std::uint32_t>* count, std::uint32_t most) : count_(most > 0 ? count : nullptr) {
    if (count_ && count_->fetch_add(1, std::memory_order_relaxed) >= most) full_ = true;
  }
  ~Pending() {
    if (count_) count_->fetch_sub(1, std::memory_order_relaxed);
  }
  Pending(const Pending&) = delete;
  bool full() const noexcept { return full_; }

 private:
  std::atomic<std::uint32_t>* count_;
  bool full_ = false;
};

}  // namespace

OriginPool::Known& OriginPool::known(const OriginTo& to) {
  // Those of configurations that are gone go with all the others, some day.
  if (known_.size() >= kMaxKnown) std::erase_if(known_, [](const auto& entry) { return entry.second.warming == 0; });
  if (to.preface.empty()) return known_[to];
  OriginTo plain = to;
  plain.preface.clear();
  return known_[std::move(plain)];
}

net::Task<std::unique_ptr<net::Transport>> OriginPool::open(OriginTo to, OriginLimits limits, OriginFailure& failure) {
  failure.stage = OriginFailure::Stage::connect;
  const Pending pending(to.pending, limits.max_pending);
  if (pending.full()) {
    failure.busy = true;
    failure.error = Errc::exhausted;
    failure.why = "max_pending connections to it are being opened";
    co_return nullptr;
  }
  const Time deadline = loop_.now() + limits.connect_timeout;
  auto connected = co_await net::connect(loop_, to.address, deadline);
  if (!connected) {
    failure.error = connected.error();
    co_return nullptr;
  }
  std::unique_ptr<net::Transport> transport = std::move(*connected);
  transport->read_deadline(deadline);
  transport->write_timeout(limits.connect_timeout);
  if (!to.preface.empty()) {
    const auto told = co_await transport->write(to.preface);
    if (!told) {
      failure.error = told.error();
      co_return nullptr;
    }
  }
  if (to.tls) {
    const bool secure = co_await shake_hands(*transport, to, limits, failure);
    if (!secure) co_return nullptr;
  }
  transport->read_deadline(Time::max());
  co_return std::move(transport);
}

net::Task<bool> OriginPool::shake_hands(net::Transport& transport, OriginTo to, OriginLimits limits,
                                        OriginFailure& failure) {
  auto& sessions = known(to).sessions;
  if (!sessions) sessions = std::make_shared<net::TlsSessions>();
  auto handshake = transport.handshake(to.tls->connect(to.tls_name, sessions));
  const auto shaken = co_await handshake;
  if (!shaken) {
    failure.error = shaken.error();
    failure.why = "TLS: " + transport.tls()->failure();
    if (transport.tls()->failure().empty()) failure.why += shaken.error().message();
    co_return false;
  }
  if (limits.h2 && transport.tls()->alpn() != "h2") {
    failure.error = Errc::tls_failed;
    failure.why = "TLS: it does not speak HTTP/2";
    co_return false;
  }
  co_return true;
}

void OriginPool::warm(const OriginTo& to, const OriginLimits& limits, std::size_t count) {
  if (retired_) return;
  Known& backend = known(to);
  const bool shared = limits.h2 || (limits.settle && backend.h2);
  std::size_t there = 0;
  if (shared) {
    count = 1;
    there = find_h2(to) || find_opening(to) ? 1 : 0;
  } else if (const auto found = shelves_.find(to); found != shelves_.end()) {
    clear(**found, loop_.now());
    there = (*found)->unused;
  }
  if (limits.settle && !backend.spoken) count = 1;  // the first settles it
  while (there + backend.warming < count && backend.warming < kWarmAtOnce) {
    ++backend.warming;
    net::spawn(loop_, warm_one(to, limits));
  }
}

// A failure is no news here: requests and checks find it too.
net::Task<void> OriginPool::warm_one(OriginTo to, OriginLimits limits) {
  OriginFailure failure;
  auto transport = co_await open(to, limits, failure);
  Known& backend = known(to);
  --backend.warming;
  if (!transport || retired_) co_return;
  const bool h2 = limits.h2 || (limits.settle && transport->tls()->alpn() == "h2");
  if (limits.settle) {
    backend.spoken = true;
    backend.h2 = h2;
  }
  if (h2) {
    add_h2(std::move(transport), std::move(to), limits);
    co_return;
  }
  auto connection = std::make_unique<OriginConnection>(*this, shelf(to), std::move(transport));
  connection->idle_timeout = limits.idle_timeout;
  connection->idle_limit = limits.idle_connections;
  give_back(std::move(connection));
}

}  // namespace genkan::http
