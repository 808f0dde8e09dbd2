#include "app/certificates.hpp"

#include <algorithm>
#include <set>

#include "base/crypto.hpp"
#include "base/file.hpp"
#include "base/text.hpp"
#include "net/connect.hpp"
#include "net/tls_ocsp.hpp"

namespace genkan::app {
namespace {

constexpr Duration kTick = 250ms;
constexpr Duration kSettle = 1s;  // after a change was seen: certificate and key come one after the other
constexpr Duration kWarnEvery = 24h;
constexpr auto kWarnBefore = 14 * 24h;

constexpr Duration kFetchWithin = 5s;
constexpr std::size_t kMaxAnswer = 64 * 1024;

using Certificate = net::TlsServer::Certificate;

std::string name_of(const Certificate& c) { return c.names.empty() ? c.fingerprint.substr(0, 16) : c.names.front(); }

std::string json_text(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    out += static_cast<unsigned char>(c) < 0x20 ? ' ' : c;
  }
  return out + '"';
}

std::int64_t seconds_of(WallTime t) { return WallClock::to_time_t(t); }

}  // namespace

// What came of looking for a staple.
struct Certificates::Fetched {
  std::string der;  // empty: nothing usable
  net::OcspAnswer answer;
  Error error;
  std::string why;
};

Certificates::Certificates(net::Workers& workers, base::Telemetry& telemetry, net::Resolver& resolver,
                           const std::string& state_dir)
    : workers_(workers),
      telemetry_(telemetry),
      resolver_(resolver),
      loop_(workers.control()),
      state_dir_(state_dir),
      reloads_(telemetry.metrics.counter("genkan_tls_certificate_changes_total",
                                         "Changes of certificate files that were noticed", {{"result", "taken"}})),
      refusals_(telemetry.metrics.counter("genkan_tls_certificate_changes_total",
                                          "Changes of certificate files that were noticed", {{"result", "refused"}})),
      fetched_(telemetry.metrics.counter("genkan_tls_staples_total", "OCSP responses asked for", {{"result", "good"}})),
      failed_(
          telemetry.metrics.counter("genkan_tls_staples_total", "OCSP responses asked for", {{"result", "failed"}})),
      alive_(std::make_shared<Certificates*>(this)) {
  telemetry_.status.add_section("certificates", [this] {
    const std::lock_guard lock(mutex_);
    return shown_;
  });
  store_->on_change([this] {
    loop_.post([self = alive_] {
      if (*self) (*self)->look_soon();
    });
  });
}

Certificates::~Certificates() {
  *alive_ = nullptr;
  telemetry_.status.remove("certificates");
}

void Certificates::watch(std::shared_ptr<net::TlsServer> server, Duration interval) {
  workers_.on_control([&] {
    server_ = std::move(server);
    interval_ = interval;
    settling_ = false;
    next_look_ = Clock::now() + interval_;
    for (auto& [fingerprint, stapling] : staples_) stapling.next = {};  // a reload asks again at once
    publish();
    staple_all();
    loop_.wheel().arm(*this, Clock::now() + kTick);
  });
}

void Certificates::stop() {
  loop_.wheel().cancel(*this);
  server_ = nullptr;
  *alive_ = nullptr;
  for (net::Transport* transport : open_) transport->cancel();
  open_.clear();
}

void Certificates::on_timer() noexcept {
  const Time now = Clock::now();
  if (server_) {
    if (interval_ > Duration::zero() && now >= next_look_ && !looking_) net::spawn(loop_, look(alive_));
    staple_all();
    if (now >= next_warning_) warn_of_expiry();
  }
  loop_.wheel().arm(*this, now + kTick);
}

// A certificate was installed: whatever the files say.
void Certificates::look_soon() {
  if (!server_) return;
  ask_again_ = true;
  if (!looking_) net::spawn(loop_, look(alive_));
}

net::Task<void> Certificates::look(std::shared_ptr<Certificates*> self) {
  Certificates* me = *self;
  me->looking_ = true;
  const auto server = me->server_;
  const bool forced = std::exchange(me->ask_again_, false);
  // 0: as before, 1: changed, 2: taken in, 3: can't be taken in
  struct Seen {
    int what = 0;
    std::string why;
  };
  const bool act = forced || me->settling_;
  auto job = [server, act, forced] {
    Seen seen;
    if (!forced && !server->changed()) return seen;
    seen.what = 1;
    if (!act) return seen;
    seen.what = server->refresh(seen.why) ? 2 : 3;
    return seen;
  };
  auto running = me->disk_.run(me->loop_, std::move(job));
  const auto seen = co_await running;
  me = *self;
  if (!me) co_return;
  me->looking_ = false;
  const int what = seen ? seen->what : 0;
  me->settling_ = what == 1;
  me->next_look_ = Clock::now() + (me->settling_ ? std::min(kSettle, me->interval_) : me->interval_);
  if (server == me->server_ && what == 2) {
    me->reloads_.add();
    me->telemetry_.log.notice("certificates that changed are in use");
    me->publish();
    for (const auto& certificate : server->certificates()) {
      if (!certificate.ocsp_file.empty()) me->staples_[certificate.fingerprint].next = {};
    }
    me->staple_all();
  } else if (what == 3) {
    me->refusals_.add();
    me->telemetry_.log.error("changed certificate files can't be used: the old certificates stay",
                             {{"why", seen->why}});
  }
  if (me->ask_again_) me->look_soon();
}

std::string Certificates::kept_path(const std::string& fingerprint) const {
  return state_dir_ + "/tls/ocsp-" + fingerprint + ".der";
}

void Certificates::staple_all() {
  const Time now = Clock::now();
  std::set<std::string> wanted;
  for (auto& certificate : server_ ? server_->certificates() : std::vector<Certificate>()) {
    if (!certificate.staple || !wanted.insert(certificate.fingerprint).second) continue;
    Stapling& stapling = staples_[certificate.fingerprint];
    if (stapling.busy || now < stapling.next) continue;
    stapling.busy = true;
    net::spawn(loop_, staple(alive_, std::move(certificate)));
  }
  std::erase_if(staples_, [&](const auto& entry) { return !entry.second.busy && !wanted.contains(entry.first); });
}

net::Task<void> Certificates::staple(std::shared_ptr<Certificates*> self, Certificate certificate) {
  Certificates* me = *self;
  const bool from_file = !certificate.ocsp_file.empty();
  const std::string kept = from_file ? certificate.ocsp_file : me->kept_path(certificate.fingerprint);
  Fetched got;
  if (from_file || !std::exchange(me->staples_[certificate.fingerprint].kept_was_read, true)) {
    auto job = [certificate, kept] {
      Fetched out;
      const auto der = base::read_file(kept, kMaxAnswer);
      if (!der) {
        out.error = der.error();
        out.why = "cannot read " + kept + ": " + der.error().message();
        return out;
      }
      const auto answer =
          net::check_ocsp_answer(*der, certificate.cert_pem, certificate.issuer_pem, WallClock::now(), out.why);
      if (answer) {
        out.der = *der;
        out.answer = *answer;
      } else {
        out.error = answer.error();
      }
      return out;
    };
    auto reading = me->disk_.run(me->loop_, std::move(job));
    auto read = co_await reading;
    me = *self;
    if (!me) co_return;
    if (read) got = std::move(*read);
  }
  if (from_file || !got.der.empty()) {
    me->stapled(certificate, got);
    co_return;
  }
  net::Loop& loop = me->loop_;
  auto fetching = fetch(self, certificate);
  got = co_await fetching;
  me = *self;
  if (!me) co_return;
  if (!got.der.empty()) {  // a signature to verify, and a file to write
    auto job = [certificate, kept, got]() mutable {
      const auto answer =
          net::check_ocsp_answer(got.der, certificate.cert_pem, certificate.issuer_pem, WallClock::now(), got.why);
      if (answer) {
        got.answer = *answer;
        static_cast<void>(base::write_file_durable(kept, got.der, 0600));  // only saves a question after a restart
      } else {
        got.error = answer.error();
        got.der.clear();
      }
      return got;
    };
    auto checking = me->disk_.run(loop, std::move(job));
    auto checked = co_await checking;
    me = *self;
    if (!me) co_return;
    got = checked ? std::move(*checked) : Fetched{{}, {}, Errc::exhausted, "too much to do"};
  }
  me->stapled(certificate, got);
}

net::Task<Certificates::Fetched> Certificates::fetch(std::shared_ptr<Certificates*> self, Certificate certificate) {
  Fetched out;
  net::Loop& loop = (*self)->loop_;
  net::Resolver& resolver = (*self)->resolver_;
  const auto query = net::make_ocsp_query(certificate.cert_pem, certificate.issuer_pem, out.why);
  if (!query) {
    out.error = query.error();
    co_return out;
  }
  const Time deadline = loop.now() + kFetchWithin;
  const bool ipv6 = query->host.find(':') != std::string::npos;
  const std::string authority = (ipv6 ? "[" + query->host + "]" : query->host) + ":" + std::to_string(query->port);
  out.why = "the responder " + authority + ": ";
  const auto found = co_await net::resolve_endpoint(resolver, authority);
  if (!found || found->empty()) {
    out.error = found ? make_error_code(Errc::not_found) : found.error();
    out.why += out.error.message();
    co_return out;
  }
  auto connected = co_await net::connect(loop, found->front(), deadline);
  if (!connected) {
    out.error = connected.error();
    out.why += out.error.message();
    co_return out;
  }
  if (!*self) co_return out;
  net::Transport& transport = **connected;
  struct Open {  // for stop()
    Open(std::shared_ptr<Certificates*> s, net::Transport& t) : self(std::move(s)), transport(t) {
      (*self)->open_.insert(&transport);
    }
    ~Open() {
      if (*self) (*self)->open_.erase(&transport);
    }
    std::shared_ptr<Certificates*> self;
    net::Transport& transport;
  };
  const Open open(self, transport);
  transport.read_deadline(deadline);
  transport.write_timeout(kFetchWithin);
  const std::string request =
      "POST " + query->path + " HTTP/1.0\r\nHost: " + authority +
      "\r\nContent-Type: application/ocsp-request\r\nContent-Length: " + std::to_string(query->request.size()) +
      "\r\nConnection: close\r\n\r\n" + query->request;
  const auto sent = co_await transport.write(request);
  Error failed = sent ? Error() : sent.error();
  std::string answer;
  std::vector<char> buffer(4096);
  while (!failed) {
    const auto n = co_await transport.read_some(buffer.data(), buffer.size());
    if (!n) failed = n.error();
    if (!n || *n == 0) break;
    answer.append(buffer.data(), *n);
    if (answer.size() > kMaxAnswer) failed = Errc::too_large;
  }
  if (failed) {
    out.error = failed;
    out.why += failed.message();
    co_return out;
  }
  const auto content = net::ocsp_content(answer, out.why);
  if (content) {
    out.der = *content;
    out.why.clear();
  } else {
    out.error = content.error();
  }
  co_return out;
}

// A staple that is still good stays when no new one can be had; one of a revoked certificate goes.
void Certificates::stapled(const Certificate& certificate, const Fetched& got) {
  Stapling& stapling = staples_[certificate.fingerprint];
  const WallTime wall = WallClock::now();
  stapling.busy = false;
  if (!got.der.empty()) {
    certificate.staple->set(got.der, got.answer.next_update);
    stapling.good_until = got.answer.next_update;
    stapling.next = Clock::now() + net::ocsp_renewal(got.answer.this_update, got.answer.next_update, wall,
                                                     static_cast<std::uint32_t>(base::random_u64()));
    if (stapling.failures > 0) telemetry_.log.notice("stapling works again", {{"certificate", name_of(certificate)}});
    stapling.failures = 0;
    stapling.problem.clear();
    fetched_.add();
  } else {
    ++stapling.failures;
    stapling.next = Clock::now() + net::ocsp_back_off(stapling.failures);
    stapling.problem = got.why;
    failed_.add();
    if (got.error == Errc::refused) {
      certificate.staple->set({}, {});
      stapling.good_until = {};
    }
    telemetry_.log.warning("no new OCSP response to staple",
                           {{"certificate", name_of(certificate)},
                            {"why", got.why},
                            {"failures", stapling.failures},
                            {"stapled_still", certificate.staple->get(wall) != nullptr}});
  }
  publish();
}

void Certificates::warn_of_expiry() {
  next_warning_ = Clock::now() + kWarnEvery;
  const WallTime now = WallClock::now();
  for (const auto& certificate : server_->certificates()) {
    const auto left = certificate.not_after - now;
    if (left > kWarnBefore) continue;
    const auto days = std::chrono::duration_cast<std::chrono::hours>(left).count() / 24;
    telemetry_.log.warning(left <= left.zero() ? "a certificate has run out" : "a certificate runs out soon",
                           {{"certificate", name_of(certificate)}, {"file", certificate.file}, {"days", days}});
  }
}

void Certificates::publish() {
  std::set<std::string> there;
  for (const auto& certificate : server_ ? server_->certificates() : std::vector<Certificate>()) {
    const std::string name = name_of(certificate);
    if (!there.insert(name).second) continue;  // of two kinds of key the first is shown
    auto*& gauge = expiries_[name];
    if (!gauge) {
      gauge = &telemetry_.metrics.gauge("genkan_tls_certificate_expiry_timestamp_seconds",
                                        "When a certificate runs out, in seconds since 1970; 0: not in use any more",
                                        {{"certificate", name}});
    }
    gauge->add(seconds_of(certificate.not_after) - gauge->sum());
  }
  for (auto& [name, gauge] : expiries_) {
    if (!there.contains(name)) gauge->add(-gauge->sum());
  }
  std::string text = json();
  const std::lock_guard lock(mutex_);
  shown_ = std::move(text);
}

std::string Certificates::json() const {
  std::string out = "[";
  const WallTime now = WallClock::now();
  for (const auto& c : server_ ? server_->certificates() : std::vector<Certificate>()) {
    std::string names;
    for (const auto& name : c.names) names += (names.empty() ? "" : ",") + json_text(name);
    const auto days = std::chrono::duration_cast<std::chrono::hours>(c.not_after - now).count() / 24;
    if (out.size() > 1) out += ",";
    out += "{\"names\":[" + names + "],\"file\":" + json_text(c.file) + ",\"fingerprint\":" + json_text(c.fingerprint) +
           ",\"not_after\":" + std::to_string(seconds_of(c.not_after)) + ",\"days_left\":" + std::to_string(days);
    if (c.staple) {
      const auto found = staples_.find(c.fingerprint);
      const bool good = c.staple->get(now) != nullptr;
      out += ",\"staple\":" + std::string(good ? "true" : "false");
      if (found != staples_.end() && good)
        out += ",\"staple_until\":" + std::to_string(seconds_of(found->second.good_until));
      if (found != staples_.end() && !found->second.problem.empty())
        out += ",\"staple_problem\":" + json_text(found->second.problem);
    }
    out += "}";
  }
  return out + "]";
}

}  // namespace genkan::app
