#include "proxy/limit_table.hpp"

#include <bit>
#include <cstring>

#include "base/crypto.hpp"

namespace genkan::proxy {
namespace {

// SipHash-1-3 (Aumasson, Bernstein): a short keyed hash that a stranger can't steer.
struct Sip {
  std::uint64_t a, b, c, d;
  Sip(std::uint64_t k0, std::uint64_t k1)
      : a(k0 ^ 0x736f6d6570736575),
        b(k1 ^ 0x646f72616e646f6d),
        c(k0 ^ 0x6c7967656e657261),
        d(k1 ^ 0x7465646279746573) {}
  void round() noexcept {
    a += b, b = std::rotl(b, 13), b ^= a, a = std::rotl(a, 32);
    c += d, d = std::rotl(d, 16), d ^= c;
    a += d, d = std::rotl(d, 21), d ^= a;
    c += b, b = std::rotl(b, 17), b ^= c, c = std::rotl(c, 32);
  }
  void word(std::uint64_t m) noexcept {
    d ^= m;
    round();
    a ^= m;
  }
};

constexpr std::size_t kLooks = 8;  // entries with requests in work that are passed over when room is needed

}  // namespace

LimitTable::LimitTable(LimitSettings settings) : secret_{base::random_u64(), base::random_u64()} { set(settings); }

void LimitTable::set(LimitSettings settings) {
  settings.max_keys = std::max<std::size_t>(1, settings.max_keys / kParts);
  for (Part& part : parts_) {
    const std::lock_guard lock(part.mutex);
    part.settings = settings;
  }
}

std::uint64_t LimitTable::key_of(std::string_view text) const noexcept {
  Sip sip(secret_[0], secret_[1]);
  const std::uint64_t size = text.size();
  while (text.size() >= 8) {
    std::uint64_t word = 0;
    std::memcpy(&word, text.data(), 8);
    sip.word(word);
    text.remove_prefix(8);
  }
  std::uint64_t last = size << 56;
  for (std::size_t i = 0; i < text.size(); ++i) last |= std::uint64_t{static_cast<unsigned char>(text[i])} << (8 * i);
  sip.word(last);
  sip.c ^= 0xff;
  for (int i = 0; i < 3; ++i) sip.round();
  return sip.a ^ sip.b ^ sip.c ^ sip.d;
}

LimitTable::Entry& LimitTable::find_or_make(Part& part, std::uint64_t key, Time now) {
  if (const auto found = part.index.find(key); found != part.index.end()) {
    part.order.splice(part.order.begin(), part.order, found->second);
    return *found->second;
  }
  for (std::size_t looks = 0; part.order.size() >= part.settings.max_keys; ++looks) {
    const auto oldest = std::prev(part.order.end());
    if (oldest->in_work > 0 && looks < kLooks) {
      part.order.splice(part.order.begin(), part.order, oldest);
      continue;
    }
    part.index.erase(oldest->key);
    part.order.pop_back();
  }
  part.order.push_front({key, net::TokenBucket(part.settings.rate, now), 0});
  part.index[key] = part.order.begin();
  return part.order.front();
}

LimitTable::Verdict LimitTable::enter(std::uint64_t key, Time now) {
  Part& part = part_of(key);
  const std::lock_guard lock(part.mutex);
  const LimitSettings& s = part.settings;
  Entry& entry = find_or_make(part, key, now);
  if (s.concurrent && entry.in_work >= s.concurrent) return {false, std::chrono::seconds(1)};
  if (s.rate.per_second > 0 && !entry.bucket.take(s.rate, now)) return {false, entry.bucket.wait(s.rate, now)};
  if (s.concurrent) ++entry.in_work;
  return {};
}

void LimitTable::leave(std::uint64_t key) noexcept {
  Part& part = part_of(key);
  const std::lock_guard lock(part.mutex);
  const auto found = part.index.find(key);
  if (found != part.index.end() && found->second->in_work > 0) --found->second->in_work;
}

std::size_t LimitTable::size() const {
  std::size_t n = 0;
  for (const Part& part : parts_) {
    const std::lock_guard lock(part.mutex);
    n += part.order.size();
  }
  return n;
}

}  // namespace genkan::proxy
