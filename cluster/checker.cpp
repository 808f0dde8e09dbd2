#include "cluster/checker.hpp"

#include <algorithm>

#include "base/crypto.hpp"
#include "net/connect.hpp"
#include "net/task.hpp"
#include "net/transport.hpp"

namespace genkan::cluster {

namespace {

// So much of a response's body is read after the status was seen, to let the server finish in peace.
constexpr std::size_t kMaxDrain = 64 * 1024;
constexpr Duration kFirstWithin = 500ms;

struct Verdict {
  bool good = false;
  std::string why;
};

bool same_check(const conf::Health& a, const conf::Health& b) {
  return a.type == b.type && a.path == b.path && a.host == b.host && a.interval == b.interval &&
         a.timeout == b.timeout && a.expect == b.expect;
}

}  // namespace

// Owned by the Checker and by its own coroutine while a check is under way.
class Probe final : public std::enable_shared_from_this<Probe>, private net::Timer {
 public:
  Probe(net::Loop& loop, std::shared_ptr<Backend> backend, const conf::Health& health)
      : loop_(loop),
        backend_(std::move(backend)),
        health_(health),
        expect_(Expect::parse(health.expect).value_or(*Expect::parse("200-399"))),
        random_(base::random_u64()) {}

  const Backend* backend() const noexcept { return backend_.get(); }
  const conf::Health& health() const noexcept { return health_; }

  void start() {
    const auto first = std::min<Duration>(health_.interval, kFirstWithin);
    loop_.wheel().arm(*this, loop_.now() + first * random_.below(1000) / 1000);
  }
  void stop() {
    stopped_ = true;
    loop_.wheel().cancel(*this);
    if (transport_) transport_->cancel();
  }

 private:
  static net::Task<void> run(std::shared_ptr<Probe> probe);
  net::Task<Verdict> check();
  net::Task<Verdict> ask(net::Transport& transport);
  void on_timer() noexcept override { net::spawn(loop_, run(shared_from_this())); }

  net::Loop& loop_;
  const std::shared_ptr<Backend> backend_;
  const conf::Health health_;
  const Expect expect_;
  Random random_;
  bool stopped_ = false;
  net::Transport* transport_ = nullptr;
};

net::Task<void> Probe::run(std::shared_ptr<Probe> probe) {
  auto& self = *probe;
  // An operator's order to leave a backend alone holds for checks too.
  if (self.backend_->state() != State::maintenance) {
    const auto verdict = co_await self.check();
    if (!self.stopped_) self.backend_->on_check(verdict.good, verdict.why, Clock::now());
  }
  if (self.stopped_) co_return;
  const auto interval = std::max<Duration>(self.health_.interval, 10ms);
  self.loop_.wheel().arm(self, self.loop_.now() + interval * (900 + self.random_.below(200)) / 1000);
}

net::Task<Verdict> Probe::check() {
  Verdict verdict;
  const auto endpoint = backend_->endpoint();
  if (!endpoint) {
    verdict.why = "its name is not resolved";
    co_return verdict;
  }
  const auto deadline = loop_.now() + health_.timeout;
  auto connected = co_await net::connect(loop_, *endpoint, deadline);
  if (!connected) {
    verdict.why = "connect: " + connected.error().message();
    co_return verdict;
  }
  if (health_.type == "tcp" || stopped_) {
    verdict.good = true;
    co_return verdict;
  }
  auto& transport = **connected;
  transport_ = &transport;
  transport.read_deadline(deadline);
  transport.write_timeout(health_.timeout);
  verdict = co_await ask(transport);
  transport_ = nullptr;
  co_return verdict;
}

net::Task<Verdict> Probe::ask(net::Transport& transport) {
  Verdict verdict;
  const std::string request = check_request(health_, backend_->address());
  const auto sent = co_await transport.write(request);
  if (!sent) {
    verdict.why = "send: " + sent.error().message();
    co_return verdict;
  }
  std::string head;
  std::vector<char> buffer(4096);
  std::optional<int> status;
  while (!status) {
    const auto n = co_await transport.read_some(buffer.data(), buffer.size());
    if (!n) {
      verdict.why = "no status line: " + n.error().message();
      co_return verdict;
    }
    if (*n == 0) {
      verdict.why = "closed before the status line";
      co_return verdict;
    }
    head.append(buffer.data(), *n);
    status = status_of(head);
  }
  verdict.good = *status >= 0 && expect_.contains(static_cast<unsigned>(*status));
  if (*status < 0) {
    verdict.why = "the answer is not HTTP";
  } else if (!verdict.good) {
    verdict.why = "status " + std::to_string(*status) + ", expected " + health_.expect;
  }
  for (std::size_t drained = 0; drained < kMaxDrain;) {
    const auto n = co_await transport.read_some(buffer.data(), buffer.size());
    if (!n || *n == 0) break;
    drained += *n;
  }
  co_return verdict;
}

Checker::Checker(net::Loop& control, Cluster& cluster) : loop_(control), cluster_(cluster) {}

Checker::~Checker() = default;

void Checker::refresh() {
  std::vector<std::shared_ptr<Probe>> next;
  for (const auto& pool : cluster_.pools()) {
    conf::Health health = pool->conf().health;
    if (pool->conf().protocol == "h2") health.type = "tcp";  // a check speaks HTTP/1.1 only: it would find all bad
    if (!health.enabled) continue;
    for (const auto& backend : pool->backends()) {
      const auto old = std::find_if(probes_.begin(), probes_.end(), [&](const auto& probe) {
        return probe->backend() == backend.get() && same_check(probe->health(), health);
      });
      if (old != probes_.end()) {
        next.push_back(*old);
        continue;
      }
      next.push_back(std::make_shared<Probe>(loop_, backend, health));
      next.back()->start();
    }
  }
  for (const auto& probe : probes_) {
    if (std::find(next.begin(), next.end(), probe) == next.end()) probe->stop();
  }
  probes_ = std::move(next);
}

void Checker::stop() {
  for (const auto& probe : probes_) probe->stop();
  probes_.clear();
}

}  // namespace genkan::cluster
