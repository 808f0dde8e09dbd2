// Quantiles of what was measured lately: a histogram with eight steps to each doubling, in which the old counts half
// as much whenever it is full. One worker's. An answer is at most 12 % above the truth.
#pragma once

#include <array>
#include <bit>
#include <cstdint>
#include <optional>

#include "base/clock.hpp"

namespace genkan::proxy {

class RecentQuantile {
 public:
  static constexpr std::uint32_t kEnough = 50;  // before that many there is no answer
  static constexpr std::uint32_t kFull = 4096;

  void add(Duration d) noexcept {
    const auto us = std::chrono::duration_cast<std::chrono::microseconds>(d).count();
    ++counts_[step_of(us < 1 ? 1 : static_cast<std::uint64_t>(us))];
    if (++total_ < kFull) return;
    total_ = 0;
    for (auto& count : counts_) total_ += count /= 2;
  }

  // The upper end of the step that holds it.
  std::optional<Duration> at(std::uint32_t percent) const noexcept {
    if (total_ < kEnough) return std::nullopt;
    std::uint64_t left = (std::uint64_t{total_} * percent + 99) / 100;
    for (std::size_t i = 0; i < counts_.size(); ++i) {
      if (counts_[i] >= left) return std::chrono::microseconds(end_of(i));
      left -= counts_[i];
    }
    return std::chrono::microseconds(end_of(counts_.size() - 1));
  }

 private:
  static constexpr std::size_t kSteps = 8, kDoublings = 36;  // up to 19 hours
  static std::size_t step_of(std::uint64_t us) noexcept {
    const auto doubling = static_cast<std::size_t>(std::bit_width(us) - 1);
    if (doubling >= kDoublings) return kSteps * kDoublings - 1;
    return doubling * kSteps + static_cast<std::size_t>((us - (1ull << doubling)) * kSteps >> doubling);
  }
  static std::int64_t end_of(std::size_t step) noexcept {
    const std::size_t doubling = step / kSteps;
    return static_cast<std::int64_t>((1ull << doubling) + ((step % kSteps + 1) << doubling) / kSteps);
  }
  std::array<std::uint32_t, kSteps * kDoublings> counts_{};
  std::uint32_t total_ = 0;
};

}  // namespace genkan::proxy
