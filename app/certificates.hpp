// The certificates of the running program: files that change on disk are taken in without a reload, staples are fetched
// and renewed, and operators see how long each is good. Works on the control loop; what blocks, on a thread of its own.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include "base/telemetry.hpp"
#include "net/offload.hpp"
#include "net/resolver.hpp"
#include "net/tls.hpp"
#include "net/transport.hpp"
#include "net/workers.hpp"

namespace genkan::app {

class Certificates final : private net::Timer {
 public:
  Certificates(net::Workers& workers, base::Telemetry& telemetry, net::Resolver& resolver,
               const std::string& state_dir);
  ~Certificates() override;

  const std::shared_ptr<net::CertificateStore>& store() const noexcept { return store_; }

  // The server that is in use from now on; null: none. Main thread, at start and after a reload.
  void watch(std::shared_ptr<net::TlsServer> server, Duration interval);
  void stop();  // on the control loop; then wait until it has no live coroutines

 private:
  // What is known of one certificate's staple, by fingerprint. On the control loop.
  struct Stapling {
    Time next{};  // when to try again
    int failures = 0;
    bool busy = false, kept_was_read = false;
    WallTime good_until{};
    std::string problem;
  };
  struct Fetched;

  void on_timer() noexcept override;
  void look_soon();
  static net::Task<void> look(std::shared_ptr<Certificates*> self);
  static net::Task<void> staple(std::shared_ptr<Certificates*> self, net::TlsServer::Certificate certificate);
  static net::Task<Fetched> fetch(std::shared_ptr<Certificates*> self, net::TlsServer::Certificate certificate);
  void staple_all();
  void stapled(const net::TlsServer::Certificate& certificate, const Fetched& got);
  void publish();
  void warn_of_expiry();
  std::string json() const;
  std::string kept_path(const std::string& fingerprint) const;

  net::Workers& workers_;
  base::Telemetry& telemetry_;
  net::Resolver& resolver_;
  net::Loop& loop_;
  const std::string state_dir_;
  std::shared_ptr<net::CertificateStore> store_ = std::make_shared<net::CertificateStore>();
  net::Offload disk_{1};
  base::Counter& reloads_;
  base::Counter& refusals_;
  base::Counter& fetched_;
  base::Counter& failed_;

  std::shared_ptr<net::TlsServer> server_;
  Duration interval_{};
  Time next_look_{}, next_warning_{};
  bool looking_ = false, settling_ = false, ask_again_ = false;
  std::map<std::string, Stapling> staples_;
  std::set<net::Transport*> open_;                  // to responders
  std::map<std::string, base::Counter*> expiries_;  // gauges by the certificate's first name

  mutable std::mutex mutex_;  // guards shown_; held for a copy
  std::string shown_ = "[]";
  std::shared_ptr<Certificates*> alive_;  // points to null after stop()
};

}  // namespace genkan::app
