// The slot of this thread: workers have 1..N, every other thread 0. Counters keep one cell per slot, so that a worker
// writes without a lock and a reader sums.
#pragma once

namespace genkan::base {

constexpr int kMaxSlots = 65;

inline thread_local int this_slot = 0;

}  // namespace genkan::base
