// Carries one exchange out: signs, sends, waits, puts proofs up and takes them down, checks the chain and keeps it.
// Lives on the control loop; whatever takes time runs on the pool.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "acme/acme.hpp"
#include "acme/challenges.hpp"
#include "acme/exchange.hpp"
#include "acme/fetch.hpp"
#include "acme/plan.hpp"
#include "net/offload.hpp"

namespace genkan::acme {

// A sleep that can be ended.
class Doze final : private net::Timer {
 public:
  explicit Doze(net::Loop& loop) : loop_(loop), event_(loop) {}
  ~Doze() override = default;
  net::Event& until(Time due) {
    loop_.wheel().arm(*this, due);
    return event_;
  }
  void wake() { event_.notify(); }

 private:
  void on_timer() noexcept override { event_.notify(); }
  net::Loop& loop_;
  net::Event event_;
};

// What orders share.
struct Desk {
  net::Loop& loop;
  net::Offload& pool;
  Fetcher& fetcher;
  Challenges& challenges;
  const Hooks& hooks;
  base::Log& log;
  base::Counter& requests;
  bool stopping = false;
  Doze doze;
};

struct Outcome {
  bool cancelled = false;
  std::optional<Failure> failure;
  base::CertificateFacts facts;  // without a failure
  std::string account;           // as the exchange left it
};

class Errand {
 public:
  Errand(Desk& desk, std::shared_ptr<const Plan> plan, const conf::Certificate& certificate, const State& state);
  ~Errand();
  net::Task<Outcome> run();

 private:
  net::Task<Action> step(Action action);
  net::Task<Action> on_send(Send send);
  net::Task<Action> on_prove(Prove prove);
  net::Task<Action> on_request();
  net::Task<Action> on_pause(Duration length);
  net::Task<void> keep(std::string chain, Outcome* outcome);
  net::Task<void> take_proofs_back();

  Desk& desk_;
  const std::shared_ptr<const Plan> plan_;
  const conf::Certificate certificate_;
  Exchange exchange_;
  std::vector<Prove> proofs_;
  std::optional<base::EcKey> key_;  // of the certificate
};

}  // namespace genkan::acme
