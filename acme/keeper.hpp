// The clerk behind Acme: knows what each certificate is due, orders one after the other, remembers what became of it,
// tells operators.
//
//   wait for the next that is due, or a wake-up (reload, `genkan acme renew`, stop) -> order -> remember -> ...
#pragma once

#include <atomic>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <string>

#include "acme/acme.hpp"
#include "acme/errand.hpp"

namespace genkan::acme {

class Acme::Keeper : public std::enable_shared_from_this<Acme::Keeper> {
 public:
  Keeper(net::Loop& control, net::Resolver& resolver, base::Telemetry& telemetry, Hooks hooks);

  Result<void> open(conf::ConfPtr conf, std::string& why);
  const std::shared_ptr<Challenges>& challenges() const noexcept { return challenges_; }
  void start();
  void refresh();
  void stop();

  std::string status() const;  // any thread
  Result<std::string> renew(std::string_view json, std::string& why);

 private:
  // What operators see of one certificate.
  struct View {
    std::vector<std::string> names;
    std::optional<base::CertificateFacts> facts;
    Record record;
    Due due;
    bool ordering = false;
  };
  // A configuration that was read and waits to hold.
  struct Opened {
    std::shared_ptr<const Plan> plan;
    std::map<std::string, std::optional<base::CertificateFacts>> facts;
    State state;
  };

  static net::Task<void> run(std::shared_ptr<Keeper> self);
  net::Task<void> order(std::string name);
  net::Task<void> save();
  void take_over();
  void remember(const std::string& name, const Outcome& outcome);
  Due due_of(const conf::Certificate& certificate) const;
  // The certificate that is due first; null: there is none.
  const conf::Certificate* first(Due& due) const;
  void show(std::string_view ordering = {});
  void set_end(const std::string& name, WallTime end);

  net::Loop& loop_;
  base::Telemetry& telemetry_;
  const Hooks hooks_;
  net::Offload pool_;
  Fetcher fetcher_;
  const std::shared_ptr<Challenges> challenges_ = std::make_shared<Challenges>();
  Desk desk_;
  base::Counter& issued_;
  base::Counter& failed_;

  // Of the control loop, once started.
  std::shared_ptr<const Plan> plan_;
  State state_;
  std::map<std::string, std::optional<base::CertificateFacts>> facts_;
  std::set<std::string> asked_;  // by operators: due at once
  bool started_ = false;

  mutable std::mutex mutex_;  // guards what follows; held to copy
  Opened opened_;
  std::map<std::string, View> views_;
  std::string directory_, challenge_, account_;
};

}  // namespace genkan::acme
