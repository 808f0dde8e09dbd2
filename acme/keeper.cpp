#include "acme/keeper.hpp"

#include <boost/json.hpp>

#include "base/text.hpp"

namespace genkan::acme {
namespace {

using namespace std::chrono_literals;
namespace json = boost::json;

constexpr Duration kLongestSleep = 1h;  // the wall clock may be set meanwhile

std::string text_of(WallTime t) { return t == WallTime() ? std::string() : base::rfc3339(t); }

std::string list_of(const std::vector<std::string>& names) {
  std::string out;
  for (const auto& name : names) out += (out.empty() ? "" : " ") + name;
  return out;
}

}  // namespace

Acme::Keeper::Keeper(net::Loop& control, net::Resolver& resolver, base::Telemetry& telemetry, Hooks hooks)
    : loop_(control),
      telemetry_(telemetry),
      hooks_(std::move(hooks)),
      pool_(1),
      fetcher_(control, resolver),
      desk_{control,
            pool_,
            fetcher_,
            *challenges_,
            hooks_,
            telemetry.log,
            telemetry.metrics.counter("genkan_acme_requests_total", "Requests to the CA"),
            false,
            Doze(control)},
      issued_(telemetry.metrics.counter("genkan_acme_orders_total", "Certificates ordered from the CA",
                                        {{"result", "issued"}})),
      failed_(telemetry.metrics.counter("genkan_acme_orders_total", "Certificates ordered from the CA",
                                        {{"result", "failed"}})) {}

Result<void> Acme::Keeper::open(conf::ConfPtr conf, std::string& why) {
  auto plan = Plan::make(*conf, why);
  if (!plan) return plan.error();
  Opened opened;
  opened.plan = *plan;
  if (opened.plan) {
    opened.state = opened.plan->store.load();
    for (const auto& certificate : opened.plan->certificates) {
      const std::string& name = certificate.names.front();
      auto facts = opened.plan->store.certificate(name);
      std::string problem, chain, key;
      if (facts && opened.plan->store.read_certificate(name, chain, key) &&
          !hooks_.install(name, chain, key, problem)) {
        telemetry_.log.warning("acme: a certificate on the disk can't be used",
                               {{"certificate", name}, {"problem", problem}});
        facts.reset();
      }
      opened.facts[name] = std::move(facts);
    }
  }
  const std::lock_guard lock(mutex_);
  opened_ = std::move(opened);
  return {};
}

// The configuration of the last open() holds from now on.
void Acme::Keeper::take_over() {
  {
    const std::lock_guard lock(mutex_);
    plan_ = opened_.plan;
    // What was remembered since the start is newer than what open() read.
    for (auto& [name, facts] : opened_.facts) facts_[name] = facts;
    if (!started_) state_ = opened_.state;
    if (state_.records.empty() && state_.account.empty()) state_ = opened_.state;
  }
  const bool shared = plan_ && !plan_->conf.account_key.empty() && plan_->conf.challenge == "http-01";
  challenges_->share(shared ? plan_->thumbprint : std::string(),
                     shared ? plan_->hosts() : std::set<std::string, std::less<>>());
  show();
}

void Acme::Keeper::start() {
  take_over();
  started_ = true;
  telemetry_.status.add_section("acme", [this] { return status(); });
  telemetry_.status.add_action("acme_renew",
                               [this](std::string_view text, std::string& why) { return renew(text, why); });
  net::spawn(loop_, run(shared_from_this()));
}

void Acme::Keeper::refresh() {
  take_over();
  desk_.doze.wake();
}

void Acme::Keeper::stop() {
  if (!started_) return;
  telemetry_.status.remove("acme");
  telemetry_.status.remove("acme_renew");
  desk_.stopping = true;
  fetcher_.cancel();
  desk_.doze.wake();
}

Due Acme::Keeper::due_of(const conf::Certificate& certificate) const {
  const std::string& name = certificate.names.front();
  const WallTime now = loop_.wall();
  if (asked_.contains(name)) return {WallTime(), "an operator asked for it"};
  const auto facts = facts_.find(name);
  const auto record = state_.records.find(name);
  const auto& known = facts == facts_.end() ? std::nullopt : facts->second;
  return due(known, certificate, record == state_.records.end() ? Record() : record->second, plan_->conf.renew_before,
             plan_->seed(name, known ? known->not_after : WallTime()), now);
}

const conf::Certificate* Acme::Keeper::first(Due& due) const {
  const conf::Certificate* found = nullptr;
  if (!plan_) return found;
  for (const auto& certificate : plan_->certificates) {
    const Due one = due_of(certificate);
    if (found && one.at >= due.at) continue;
    found = &certificate;
    due = one;
  }
  return found;
}

net::Task<void> Acme::Keeper::run(std::shared_ptr<Keeper> self) {
  Keeper& keeper = *self;
  while (!keeper.desk_.stopping) {
    Due due;
    const conf::Certificate* certificate = keeper.first(due);
    const WallTime now = WallClock::now();
    if (certificate && due.at <= now) {
      std::string name = certificate->names.front();
      co_await keeper.order(std::move(name));
      continue;
    }
    Duration sleep = kLongestSleep;
    if (certificate)
      sleep = std::min<Duration>(sleep, std::chrono::ceil<std::chrono::milliseconds>(due.at - now) + 10ms);
    auto& woken = keeper.desk_.doze.until(keeper.loop_.now() + sleep);
    co_await woken;
  }
}

net::Task<void> Acme::Keeper::order(std::string name) {
  const auto plan = plan_;
  const conf::Certificate* certificate = plan->find(name);
  const Due why = due_of(*certificate);
  asked_.erase(name);
  show(name);
  telemetry_.log.info("acme: ordering a certificate", {{"certificate", name}, {"why", why.why}});
  auto work = std::make_unique<Errand>(desk_, plan, *certificate, state_);
  const Outcome outcome = co_await work->run();
  if (outcome.cancelled) co_return;
  if (outcome.failure && !outcome.failure->limited && plan_ != plan) {
    // A reload came in between: what failed was the old configuration's, and is no reason to let the new one wait.
    telemetry_.log.info("acme: an order failed while the configuration changed",
                        {{"certificate", name}, {"error", outcome.failure->what}});
    show();
    co_return;
  }
  state_.directory = plan->conf.directory + " " + plan->thumbprint;
  state_.account = outcome.account;
  remember(name, outcome);
  show();
  co_await save();
}

void Acme::Keeper::remember(const std::string& name, const Outcome& outcome) {
  Record& record = state_.records[name];
  const WallTime now = WallClock::now();
  const auto later = [&](Duration wait) { return now + std::chrono::duration_cast<WallClock::duration>(wait); };
  const Duration retry = plan_ ? Duration(plan_->conf.retry) : Duration(1h);
  record.last = now;
  if (!outcome.failure) {
    record = Record();
    record.last = now;
    record.not_before = later(retry);
    facts_[name] = outcome.facts;
    issued_.add();
    telemetry_.log.notice("acme: a certificate was issued", {{"certificate", name},
                                                             {"names", list_of(outcome.facts.names)},
                                                             {"good_until", text_of(outcome.facts.not_after)}});
    return;
  }
  failed_.add();
  ++record.failures;
  record.error = outcome.failure->what;
  record.advice = outcome.failure->advice;
  const std::uint64_t seed = plan_ ? plan_->seed(name, now) : 0;
  record.not_before = later(back_off(record.failures, retry, outcome.failure->wait, seed));
  const auto facts = facts_.find(name);
  const bool has = facts != facts_.end() && facts->second;
  telemetry_.log.error("acme: a certificate could not be ordered",
                       {{"certificate", name},
                        {"error", record.error},
                        {"advice", record.advice},
                        {"again", text_of(record.not_before)},
                        {"serving", has ? "the one that is good until " + text_of(facts->second->not_after)
                                        : std::string("a self-signed one")}});
}

net::Task<void> Acme::Keeper::save() {
  const auto plan = plan_;
  if (!plan) co_return;
  auto job = [plan, state = state_] {
    const auto saved = plan->store.save(state);
    return saved ? std::string() : saved.error().message();
  };
  const auto problem = co_await pool_.run(loop_, job);
  if (problem && !problem->empty()) {
    telemetry_.log.warning("acme: what is known of orders can't be kept: a restart would order at once",
                           {{"error", *problem}});
  }
}

}  // namespace genkan::acme
