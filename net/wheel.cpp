#include "net/wheel.hpp"

#include <algorithm>
#include <bit>

namespace genkan::net {

Wheel::Wheel(Time start) : start_(start) {
  for (auto& level : slots_) {
    for (auto& head : level) head.next_ = head.prev_ = &head;
  }
}

Wheel::~Wheel() {
  for (auto& level : slots_) {
    for (auto& head : level) {
      while (head.next_ != &head) head.next_->unlink();
    }
  }
}

bool Wheel::empty(int level, int slot) const noexcept {
  const auto& head = slots_[static_cast<std::size_t>(level)][static_cast<std::size_t>(slot)];
  return head.next_ == &head;
}

void Wheel::arm(Timer& timer, Time due) noexcept {
  timer.unlink();
  timer.due_ = due;
  const auto since = due - start_;
  const auto ticks = since.count() <= 0 ? 0 : (since + kTick - Duration(1)) / kTick;
  timer.tick_ = std::max<std::uint64_t>(static_cast<std::uint64_t>(ticks), now_ + 1);
  place(timer);
}

void Wheel::place(Timer& timer) noexcept {
  const std::uint64_t limit = now_ + (1ull << (kLevels * kBits)) - 1;
  const std::uint64_t tick = std::min(timer.tick_, limit);  // beyond the last level: looked at again there
  const std::uint64_t distance = tick - now_;
  int level = 0;
  while (level < kLevels - 1 && distance >= (1ull << ((level + 1) * kBits))) ++level;
  const auto slot = static_cast<std::size_t>((tick >> (level * kBits)) & (kSlots - 1));
  auto& head = slots_[static_cast<std::size_t>(level)][slot];
  timer.prev_ = head.prev_;
  timer.next_ = &head;
  head.prev_->next_ = &timer;
  head.prev_ = &timer;
  maybe_[static_cast<std::size_t>(level)] |= 1ull << slot;
}

// Moves the timers of the slot that `now_` has reached one level down.
void Wheel::cascade(int level) noexcept {
  const auto slot = static_cast<std::size_t>((now_ >> (level * kBits)) & (kSlots - 1));
  if (slot == 0 && level + 1 < kLevels) cascade(level + 1);
  auto& head = slots_[static_cast<std::size_t>(level)][slot];
  maybe_[static_cast<std::size_t>(level)] &= ~(1ull << slot);
  while (head.next_ != &head) {
    Timer& timer = *head.next_;
    timer.unlink();
    place(timer);
  }
}

void Wheel::fire(int slot) noexcept {
  auto& head = slots_[0][static_cast<std::size_t>(slot)];
  maybe_[0] &= ~(1ull << slot);
  while (head.next_ != &head) {
    Timer& timer = *head.next_;
    timer.unlink();
    if (timer.tick_ > now_) {
      place(timer);  // was beyond the last level
    } else {
      timer.on_timer();
    }
  }
}

void Wheel::advance(Time now) noexcept {
  const auto since = now - start_;
  const auto target = since.count() <= 0 ? 0 : static_cast<std::uint64_t>(since / kTick);
  while (now_ < target) {
    if ((maybe_[0] | maybe_[1] | maybe_[2] | maybe_[3]) == 0) {
      now_ = target;
      return;
    }
    const std::uint64_t boundary = (now_ | (kSlots - 1)) + 1;
    if (maybe_[0] == 0 && boundary > now_ + 1) {
      now_ = std::min(target, boundary - 1);
      if (now_ == target) return;
    }
    ++now_;
    if ((now_ & (kSlots - 1)) == 0) cascade(1);
    fire(static_cast<int>(now_ & (kSlots - 1)));
  }
}

Time Wheel::next_due() const noexcept {
  std::uint64_t best = ~0ull;
  for (int level = 0; level < kLevels; ++level) {
    const std::uint64_t bits = maybe_[static_cast<std::size_t>(level)];
    if (!bits) continue;
    const std::uint64_t position = now_ >> (level * kBits);
    // the first marked slot after the current one, going round once
    const int start = static_cast<int>((position + 1) & (kSlots - 1));
    const int ahead = std::countr_zero(std::rotr(bits, start));
    best = std::min(best, (position + 1 + static_cast<std::uint64_t>(ahead)) << (level * kBits));
  }
  if (best == ~0ull) return Time::max();
  return start_ + kTick * static_cast<Duration::rep>(best);
}

}  // namespace genkan::net
