#include "net/tls_store.hpp"

#include "base/crypto.hpp"
#include "base/crypto_certificate.hpp"
#include "base/text.hpp"
#include "net/tls_identity.hpp"

namespace genkan::net {

void Staple::set(std::string der, WallTime good_until) {
  auto next = der.empty() ? nullptr : std::make_shared<const std::string>(std::move(der));
  const std::lock_guard lock(mutex_);
  der_ = std::move(next);
  until_ = good_until;
}

std::shared_ptr<const std::string> Staple::get(WallTime now) const {
  const std::lock_guard lock(mutex_);
  return now < until_ ? der_ : nullptr;
}

EarlyDataGuard::EarlyDataGuard() { base::random_bytes(instance_); }

bool EarlyDataGuard::first_time(std::string_view hello, Time now) {
  const std::lock_guard lock(mutex_);
  if (now - turned_ >= kTurn) {
    before_ = now - turned_ >= 2 * kTurn ? std::unordered_set<std::string>() : std::move(now_);
    now_ = {};
    turned_ = now;
  }
  std::string key(hello);
  if (before_.contains(key) || now_.size() >= kMax) return false;
  return now_.insert(std::move(key)).second;
}

CertificateStore::CertificateStore() = default;
CertificateStore::~CertificateStore() = default;

Result<void> CertificateStore::install(std::string_view name, Pair pair, std::string& why) {
  if (auto facts = base::read_certificate(pair.chain, why); !facts) return facts.error();
  if (auto fits = base::check_private_key(pair.chain, pair.key, why); !fits) return fits.error();
  {
    const std::lock_guard lock(mutex_);
    installed_.insert_or_assign(base::to_lower(name), std::move(pair));
  }
  if (on_change_) on_change_();
  return {};
}

std::optional<CertificateStore::Pair> CertificateStore::installed(std::string_view name) const {
  const std::lock_guard lock(mutex_);
  const auto found = installed_.find(base::to_lower(name));
  if (found == installed_.end()) return std::nullopt;
  return found->second;
}

Result<void> CertificateStore::set_challenge(std::string_view name, const Pair& pair, std::string& why) {
  auto made = make_challenge(pair.chain, pair.key, why);
  if (!made) return made.error();
  const std::lock_guard lock(mutex_);
  std::string lower = base::to_lower(name);
  if (challenges_.size() >= kMaxChallenges && !challenges_.contains(lower)) {
    why = "too many challenges at once";
    return Errc::exhausted;
  }
  challenges_.insert_or_assign(std::move(lower), std::move(*made));
  return {};
}

void CertificateStore::clear_challenge(std::string_view name) {
  const std::lock_guard lock(mutex_);
  if (const auto found = challenges_.find(base::to_lower(name)); found != challenges_.end()) challenges_.erase(found);
}

std::shared_ptr<const Identity> CertificateStore::challenge(std::string_view name) const {
  const std::lock_guard lock(mutex_);
  const auto found = challenges_.find(name);
  return found == challenges_.end() ? nullptr : found->second;
}

std::shared_ptr<Staple> CertificateStore::staple(const std::string& fingerprint) {
  const std::lock_guard lock(mutex_);
  std::erase_if(staples_, [](const auto& entry) { return entry.second.expired(); });
  auto& kept = staples_[fingerprint];
  auto staple = kept.lock();
  if (!staple) {
    staple = std::make_shared<Staple>();
    kept = staple;
  }
  return staple;
}

}  // namespace genkan::net
