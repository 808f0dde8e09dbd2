#include "smtp/policy/address_rates.hpp"

#include "base/text.hpp"

namespace genkan::smtp {
namespace {

// "ann+x@Example.org" is "ann@example.org".
std::string plain(std::string_view address) {
  const auto at = address.rfind('@');
  auto local = address.substr(0, at);
  if (const auto plus = local.find('+'); plus != std::string_view::npos && plus > 0) local = local.substr(0, plus);
  auto out = base::to_lower(local);
  if (at != std::string_view::npos) out += base::to_lower(address.substr(at));
  return out;
}

}  // namespace

bool AddressRates::take(std::string_view address, std::uint32_t per_minute, Time now) {
  if (per_minute == 0) return true;
  net::Rate rate;
  rate.per_second = per_minute / 60.0;
  rate.burst = per_minute;
  std::lock_guard lock(mutex_);
  if (const auto found = index_.find(address); found != index_.end()) {
    order_.splice(order_.begin(), order_, found->second);
  } else {
    if (order_.size() >= max_) {
      index_.erase(order_.back().address);
      order_.pop_back();
    }
    order_.push_front(Entry{std::string(address), net::TokenBucket(rate, now)});
    index_.emplace(order_.front().address, order_.begin());
  }
  return order_.front().bucket.take(rate, now);
}

std::size_t AddressRates::size() const {
  std::lock_guard lock(mutex_);
  return order_.size();
}

std::string sender_key(std::string_view user, std::string_view sender) {
  return user.empty() ? plain(sender) : "user " + base::to_lower(user);
}

std::string recipient_key(std::string_view recipient) { return plain(recipient); }

}  // namespace genkan::smtp
