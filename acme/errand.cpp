#include "acme/errand.hpp"

#include "acme/jws.hpp"
#include "base/crypto.hpp"

namespace genkan::acme {
namespace {

constexpr std::size_t kMaxChain = 10;

Failure busy() {
  Failure failure;
  failure.what = "there is no thread to sign on";
  failure.advice = "it will be tried again";
  return failure;
}

// What goes over the wire for a request. On the pool.
std::string signed_text(const Plan& plan, const Send& send) {
  std::string payload = send.payload;
  if (send.bind_external) {
    const std::string binding = bind_external(plan.key, send.url, plan.conf.eab_key_id, plan.external_key);
    payload.insert(payload.size() - 1, R"(,"externalAccountBinding":)" + binding);
  }
  Envelope envelope;
  envelope.url = send.url;
  envelope.nonce = send.nonce;
  envelope.account = send.account;
  return sign(plan.key, envelope, payload);
}

struct Kept {
  bool good = false;
  std::string why;
  base::CertificateFacts facts;
};

// Whether the chain is what was ordered; then it is put on the disk, and in place. On the pool.
Kept check_and_keep(const Plan& plan, const Hooks& hooks, const conf::Certificate& certificate, const base::EcKey& key,
                    const std::string& text) {
  Kept kept;
  const auto chain = base::read_chain(text, kMaxChain, kept.why);
  if (!chain) return kept;
  const std::string pem = key.pem();
  if (!base::check_private_key(*chain, pem, kept.why)) return kept;
  auto facts = base::read_certificate(*chain, kept.why);
  if (!facts) return kept;
  for (const auto& name : certificate.names) {
    if (facts->covers(name)) continue;
    kept.why = "it is not for " + name;
    return kept;
  }
  if (facts->not_after <= WallClock::now()) {
    kept.why = "its end has passed: is this host's clock right?";
    return kept;
  }
  const std::string& name = certificate.names.front();
  if (auto saved = plan.store.save_certificate(name, pem, *chain); !saved) {
    kept.why = "it can't be written to " + plan.store.file_of(name) + ": " + saved.error().message();
    return kept;
  }
  kept.facts = std::move(*facts);
  kept.good = hooks.install(name, *chain, pem, kept.why).has_value();
  return kept;
}

}  // namespace

Errand::Errand(Desk& desk, std::shared_ptr<const Plan> plan, const conf::Certificate& certificate, const State& state)
    : desk_(desk), plan_(std::move(plan)), certificate_(certificate), exchange_(plan_->wanted(certificate, state)) {}

Errand::~Errand() = default;

net::Task<Outcome> Errand::run() {
  Outcome outcome;
  Action action = exchange_.begin();
  for (;;) {
    if (desk_.stopping) {
      outcome.cancelled = true;
      break;
    }
    if (const auto* failure = std::get_if<Failure>(&action)) {
      outcome.failure = *failure;
      break;
    }
    if (auto* done = std::get_if<Done>(&action)) {
      std::string chain = std::move(done->chain);
      co_await keep(std::move(chain), &outcome);
      break;
    }
    Action next = co_await step(std::move(action));
    action = std::move(next);
  }
  co_await take_proofs_back();
  outcome.account = exchange_.account();
  co_return outcome;
}

net::Task<Action> Errand::step(Action action) {
  if (auto* send = std::get_if<Send>(&action)) {
    Action next = co_await on_send(std::move(*send));
    co_return next;
  }
  if (auto* prove = std::get_if<Prove>(&action)) {
    Action next = co_await on_prove(std::move(*prove));
    co_return next;
  }
  if (const auto* pause = std::get_if<Pause>(&action)) {
    Action next = co_await on_pause(pause->length);
    co_return next;
  }
  Action next = co_await on_request();
  co_return next;
}

net::Task<Action> Errand::on_send(Send send) {
  std::string body;
  const bool post = send.form == Send::Form::signed_by_key || send.form == Send::Form::signed_by_account;
  if (post) {
    auto job = [plan = plan_, send] { return signed_text(*plan, send); };
    auto text = co_await desk_.pool.run(desk_.loop, job);
    if (!text) co_return busy();
    body = std::move(*text);
  }
  desk_.requests.add();
  std::string why;
  auto answer = co_await desk_.fetcher.fetch(plan_->tls, send.form, send.url, std::move(body), &why);
  desk_.log.debug("acme: asked the CA", {{"certificate", certificate_.names.front()},
                                         {"url", send.url},
                                         {"status", answer ? answer->status : 0},
                                         {"error", why}});
  if (!answer) co_return exchange_.unanswered(why);
  co_return exchange_.answered(*answer, desk_.loop.wall());
}

net::Task<Action> Errand::on_prove(Prove prove) {
  const std::string authorization = key_authorization(prove.token, plan_->thumbprint);
  proofs_.push_back(prove);
  if (prove.type == "http-01") {
    desk_.challenges.put(prove.token, authorization);
    co_return exchange_.proved();
  }
  auto job = [&hooks = desk_.hooks, name = prove.name, authorization] {
    std::string why = "no key could be made";
    const auto key = base::EcKey::generate();
    if (!key) return why;
    auto certificate = key->alpn_certificate(name, base::sha256(authorization));
    if (!certificate) return why;
    if (!hooks.show(name, std::move(*certificate), key->pem(), why)) return why;
    return std::string();
  };
  auto why = co_await desk_.pool.run(desk_.loop, job);
  if (!why) co_return busy();
  if (why->empty()) co_return exchange_.proved();
  Failure failure;
  failure.what = "the answer to tls-alpn-01 could not be put up: " + *why;
  failure.advice = "set `challenge = \"http-01\"` in [acme]";
  co_return failure;
}

net::Task<Action> Errand::on_request() {
  struct Made {
    std::optional<base::EcKey> key;
    std::string der;
  };
  auto job = [names = certificate_.names] {
    Made made;
    auto key = base::EcKey::generate();
    if (!key) return made;
    auto der = key->request(names);
    if (!der) return made;
    made.key = std::move(*key);
    made.der = std::move(*der);
    return made;
  };
  auto made = co_await desk_.pool.run(desk_.loop, job);
  if (!made || !made->key) co_return busy();
  key_ = std::move(made->key);
  co_return exchange_.requested(made->der);
}

net::Task<Action> Errand::on_pause(Duration length) {
  const Time end = desk_.loop.now() + length;
  while (!desk_.stopping && desk_.loop.now() < end) {
    auto& woken = desk_.doze.until(end);
    co_await woken;
  }
  co_return exchange_.waited();
}

net::Task<void> Errand::keep(std::string chain, Outcome* outcome) {
  auto job = [plan = plan_, &hooks = desk_.hooks, certificate = certificate_, key = *key_, chain] {
    return check_and_keep(*plan, hooks, certificate, key, chain);
  };
  auto kept = co_await desk_.pool.run(desk_.loop, job);
  if (!kept) {
    outcome->failure = busy();
  } else if (!kept->good) {
    Failure failure;
    failure.what = "the certificate that came can't be used: " + kept->why;
    failure.advice = "it will be tried again";
    outcome->failure = std::move(failure);
  } else {
    outcome->facts = std::move(kept->facts);
  }
}

net::Task<void> Errand::take_proofs_back() {
  std::vector<std::string> shown;
  for (const auto& proof : proofs_) {
    if (proof.type == "http-01") {
      desk_.challenges.take_back(proof.token);
    } else {
      shown.push_back(proof.name);
    }
  }
  proofs_.clear();
  if (shown.empty()) co_return;
  auto job = [&hooks = desk_.hooks, shown] {
    for (const auto& name : shown) hooks.hide(name);
    return true;
  };
  const auto done = co_await desk_.pool.run(desk_.loop, job);
  static_cast<void>(done);
}

}  // namespace genkan::acme
