// What TLS servers keep beyond one configuration: certificates that are installed while the program runs (ACME), the
// special ones that answer TLS-ALPN-01 challenges, staples, and the memory against replayed early data. One for the
// process; every TlsServer consults it at its handshakes. Thread-safe, all of it.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_set>

#include "base/clock.hpp"
#include "base/result.hpp"

namespace genkan::net {

struct Identity;  // net/tls_identity.hpp

// A certificate's OCSP response, or none. Shared by the builds of one certificate.
class Staple {
 public:
  void set(std::string der, WallTime good_until);
  std::shared_ptr<const std::string> get(WallTime now) const;  // null: none, or it has run out

 private:
  mutable std::mutex mutex_;  // guards what follows; held for a copy
  std::shared_ptr<const std::string> der_;
  WallTime until_{};
};

// At most once: a ClientHello with early data is taken only by the process that made its ticket, and remembered there
// for longer than its ticket's age would pass again (RFC 8446 8.1, 8.2). When the memory is full, early data is refused
// and the client sends it once more after the handshake.
class EarlyDataGuard {
 public:
  EarlyDataGuard();
  const std::array<std::uint8_t, 16>& instance() const noexcept { return instance_; }
  // `hello`: what no two ClientHellos share (their random). False: seen before, or no room.
  bool first_time(std::string_view hello, Time now);

 private:
  static constexpr std::size_t kMax = 100'000;  // in each of the two
  static constexpr Duration kTurn = std::chrono::seconds(30);
  std::array<std::uint8_t, 16> instance_;
  std::mutex mutex_;  // guards what follows; held for a look-up
  std::unordered_set<std::string> now_, before_;
  Time turned_{};
};

class CertificateStore {
 public:
  CertificateStore();
  ~CertificateStore();

  struct Pair {
    std::string chain, key;  // PEM
  };
  // The certificate of the [[certificate]] whose first name is `name`, in place of its files: new handshakes see it as
  // soon as whoever listens to on_change() has refreshed the server, live connections go on. Errc::malformed or
  // Errc::conflict with a sentence in `why`: nothing changed. Some 0.1 ms.
  Result<void> install(std::string_view name, Pair pair, std::string& why);
  std::optional<Pair> installed(std::string_view name) const;

  // RFC 8737: what a client gets that asks for `name` and offers the protocol "acme-tls/1" alone. Bounded: at most
  // kMaxChallenges, else Errc::exhausted. Takes effect at once.
  static constexpr std::size_t kMaxChallenges = 1000;
  Result<void> set_challenge(std::string_view name, const Pair& pair, std::string& why);
  void clear_challenge(std::string_view name);
  std::shared_ptr<const Identity> challenge(std::string_view name) const;  // name in lower case; null: none

  // Called after each install(), on its thread, with no lock held. Set once, before anybody installs.
  void on_change(std::function<void()> f) { on_change_ = std::move(f); }

  std::shared_ptr<Staple> staple(const std::string& fingerprint);  // made when it is not there
  EarlyDataGuard& early_data() noexcept { return guard_; }

 private:
  std::function<void()> on_change_;
  EarlyDataGuard guard_;
  mutable std::mutex mutex_;  // guards the maps; held for a look-up
  std::map<std::string, Pair, std::less<>> installed_;
  std::map<std::string, std::shared_ptr<const Identity>, std::less<>> challenges_;
  std::map<std::string, std::weak_ptr<Staple>, std::less<>> staples_;
};

}  // namespace genkan::net
