// Random numbers that cost next to nothing: xoshiro256++ (Blackman, Vigna), one per thread, seeded once from the
// system's. For ids and draws, never for secrets: who has seen a few can tell the next.
#pragma once

#include <array>
#include <bit>
#include <cstdint>
#include <span>
#include <string_view>

#include "base/crypto.hpp"

namespace genkan::base {

class FastRandom {
 public:
  FastRandom() {
    do random_bytes({reinterpret_cast<std::uint8_t*>(state_.data()), sizeof state_});
    while (state_ == std::array<std::uint64_t, 4>{});  // the one state that it never leaves
  }
  std::uint64_t operator()() noexcept {
    const std::uint64_t result = std::rotl(state_[0] + state_[3], 23) + state_[0];
    const std::uint64_t t = state_[1] << 17;
    state_[2] ^= state_[0];
    state_[3] ^= state_[1];
    state_[1] ^= state_[2];
    state_[0] ^= state_[3];
    state_[2] ^= t;
    state_[3] = std::rotl(state_[3], 45);
    return result;
  }

 private:
  std::array<std::uint64_t, 4> state_{};
};

inline FastRandom& fast_random() {
  thread_local FastRandom mine;
  return mine;
}

// 16 hex digits.
inline void put_hex(std::uint64_t value, char* out) noexcept {
  constexpr std::string_view kDigits = "0123456789abcdef";
  for (int i = 15; i >= 0; --i, value >>= 4) out[i] = kDigits[value & 15];
}

}  // namespace genkan::base
