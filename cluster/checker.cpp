#include "cluster/checker.hpp"

#include <algorithm>

#include "base/crypto.hpp"
#include "base/pattern.hpp"
#include "net/connect.hpp"
#include "net/proxy_protocol.hpp"
#include "net/task.hpp"
#include "net/transport.hpp"

namespace genkan::cluster {

namespace {

constexpr std::size_t kMaxAnswer = 80 * 1024;  // of a response that is read, head and content
constexpr Duration kFirstWithin = 500ms;

struct Verdict {
  bool good = false;
  std::string why;
};

bool same_check(const conf::Health& a, const conf::Health& b) {
  return a.type == b.type && a.path == b.path && a.host == b.host && a.interval == b.interval &&
         a.timeout == b.timeout && a.expect == b.expect && a.body == b.body && a.service == b.service &&
         a.jitter == b.jitter;
}

// What of a pool a probe depends on.
struct Way {
  std::shared_ptr<const net::TlsClient> tls;
  std::string tls_name;
  int send_proxy = 0;
  bool h2 = false;      // known to speak HTTP/2
  bool settle = false;  // HTTP/2 or HTTP/1.1, by ALPN
  bool operator==(const Way&) const = default;
};

Way way_to(const Pool& pool, const Backend& backend) {
  const conf::Pool& conf = pool.conf();
  Way way;
  way.tls = pool.tls();
  if (way.tls) way.tls_name = pool.tls_name(backend);
  way.send_proxy = conf.send_proxy == "v1" ? 1 : conf.send_proxy == "v2" ? 2 : 0;
  way.h2 = conf.protocol == "h2";
  way.settle = conf.protocol == "auto" && way.tls;
  return way;
}

}  // namespace

// Owned by the Checker and by its own coroutine while a check is under way.
class Probe final : public std::enable_shared_from_this<Probe>, private net::Timer {
 public:
  Probe(net::Loop& loop, std::shared_ptr<Backend> backend, const conf::Health& health, Way way, AskH2 ask_h2)
      : loop_(loop),
        backend_(std::move(backend)),
        health_(health),
        way_(std::move(way)),
        ask_h2_(std::move(ask_h2)),
        expect_(Expect::parse(health.expect).value_or(*Expect::parse("200-399"))),
        random_(base::random_u64()) {
    std::string why;
    if (health.body.empty()) return;
    if (auto compiled = base::Pattern::compile(health.body, why)) pattern_ = std::move(*compiled);
  }

  const Backend* backend() const noexcept { return backend_.get(); }
  const conf::Health& health() const noexcept { return health_; }
  const Way& way() const noexcept { return way_; }

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
  net::Task<Verdict> begin(net::Transport& transport);
  net::Task<Verdict> ask(net::Transport& transport);
  net::Task<Verdict> ask_h2(base::Endpoint endpoint);
  Verdict judge(int status, std::string_view content) const;
  void on_timer() noexcept override { net::spawn(loop_, run(shared_from_this())); }

  net::Loop& loop_;
  const std::shared_ptr<Backend> backend_;
  const conf::Health health_;
  const Way way_;
  const AskH2 ask_h2_;
  const Expect expect_;
  base::Pattern pattern_;
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
  self.loop_.wheel().arm(self, self.loop_.now() + next_check_in(self.health_, self.random_));
}

net::Task<Verdict> Probe::check() {
  Verdict verdict;
  const auto endpoint = backend_->endpoint();
  if (!endpoint) {
    verdict.why = "its name is not resolved";
    co_return verdict;
  }
  if (ask_h2_ && (health_.type == "grpc" || (health_.type == "http" && (way_.h2 || way_.settle)))) {
    verdict = co_await ask_h2(*endpoint);
    co_return verdict;
  }
  const auto deadline = loop_.now() + health_.timeout;
  auto connected = co_await net::connect(loop_, *endpoint, deadline);
  if (!connected) {
    verdict.why = "connect: " + connected.error().message();
    co_return verdict;
  }
  const bool only_connects = health_.type == "tcp" && way_.send_proxy == 0;
  if (only_connects || stopped_) {
    verdict.good = true;
    co_return verdict;
  }
  auto& transport = **connected;
  transport_ = &transport;
  transport.read_deadline(deadline);
  transport.write_timeout(health_.timeout);
  verdict = co_await begin(transport);
  if (verdict.good && health_.type == "http") verdict = co_await ask(transport);
  transport_ = nullptr;
  co_return verdict;
}

// What comes before the first request: the backend would take it for one else.
net::Task<Verdict> Probe::begin(net::Transport& transport) {
  Verdict verdict;
  if (way_.send_proxy != 0) {
    const std::string header = net::write_proxy_header(way_.send_proxy, nullptr, nullptr);
    const auto sent = co_await transport.write(header);
    if (!sent) {
      verdict.why = "send: " + sent.error().message();
      co_return verdict;
    }
  }
  if (way_.tls && health_.type != "tcp") {
    auto handshake = transport.handshake(way_.tls->connect(way_.tls_name));
    const auto shaken = co_await handshake;
    if (!shaken) {
      const std::string why = transport.tls()->failure();
      verdict.why = "TLS: " + (why.empty() ? shaken.error().message() : why);
      co_return verdict;
    }
  }
  verdict.good = true;
  co_return verdict;
}

Verdict Probe::judge(int status, std::string_view content) const {
  Verdict verdict;
  verdict.good = status >= 0 && expect_.contains(static_cast<unsigned>(status));
  if (status < 0) {
    verdict.why = "the answer is not HTTP";
  } else if (!verdict.good) {
    verdict.why = "status " + std::to_string(status) + ", expected " + health_.expect;
  } else if (!health_.body.empty() && !pattern_.matches(content)) {
    verdict.good = false;
    verdict.why = "the content does not hold " + health_.body;
  }
  return verdict;
}

net::Task<Verdict> Probe::ask(net::Transport& transport) {
  Verdict verdict;
  const std::string request = check_request(health_, backend_->address());
  const auto sent = co_await transport.write(request);
  if (!sent) {
    verdict.why = "send: " + sent.error().message();
    co_return verdict;
  }
  // The head, then the content as far as it is wanted: all of it where there is a pattern, else to let the server
  // finish in peace.
  std::string answer;
  std::vector<char> buffer(4096);
  Error error;
  while (answer.size() < kMaxAnswer) {
    const auto n = co_await transport.read_some(buffer.data(), buffer.size());
    if (!n) error = n.error();
    if (!n || *n == 0) break;
    answer.append(buffer.data(), *n);
    if (const auto status = status_of(answer); status && *status < 0) break;
  }
  const auto status = status_of(answer);
  if (!status) {
    verdict.why = error ? "no status line: " + error.message() : "closed before the status line";
    co_return verdict;
  }
  verdict = judge(*status, content_of(answer, kMaxContent));
  co_return verdict;
}

net::Task<Verdict> Probe::ask_h2(base::Endpoint endpoint) {
  Verdict verdict;
  H2Question question;
  question.to = std::move(endpoint);
  question.tls = way_.tls;
  question.tls_name = way_.tls_name;
  if (way_.send_proxy != 0) question.preface = net::write_proxy_header(way_.send_proxy, nullptr, nullptr);
  question.host = !health_.host.empty() ? health_.host : backend_->host().empty() ? "localhost" : backend_->address();
  question.timeout = health_.timeout;
  question.settle = way_.settle && health_.type == "http";
  const bool grpc = health_.type == "grpc";
  question.path = grpc ? "/grpc.health.v1.Health/Check" : health_.path;
  if (grpc) question.content = grpc_question(health_.service);
  auto asked = ask_h2_(std::move(question));
  const H2Answer answer = co_await asked;
  if (answer.status == 0) {
    verdict.why = answer.why;
  } else if (!grpc) {
    verdict = judge(answer.status, answer.content);
  } else if (answer.status != 200) {
    verdict.why = "status " + std::to_string(answer.status) + ", expected 200";
  } else if (answer.grpc_status != "0") {
    verdict.why = "grpc-status " + (answer.grpc_status.empty() ? std::string("is missing") : answer.grpc_status);
  } else {
    const Serving serving = grpc_answer(answer.content);
    verdict.good = serving == Serving::serving;
    verdict.why = name_of(serving);
  }
  co_return verdict;
}

Checker::Checker(net::Loop& control, Cluster& cluster) : loop_(control), cluster_(cluster) {}

Checker::~Checker() = default;

void Checker::refresh() {
  std::vector<std::shared_ptr<Probe>> next;
  for (const auto& pool : cluster_.pools()) {
    const conf::Health& health = pool->conf().health;
    if (!health.enabled) continue;
    for (const auto& backend : pool->backends()) {
      Way way = way_to(*pool, *backend);
      const auto old = std::find_if(probes_.begin(), probes_.end(), [&](const auto& probe) {
        return probe->backend() == backend.get() && probe->way() == way && same_check(probe->health(), health);
      });
      if (old != probes_.end()) {
        next.push_back(*old);
        continue;
      }
      next.push_back(std::make_shared<Probe>(loop_, backend, health, std::move(way), ask_h2_));
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
