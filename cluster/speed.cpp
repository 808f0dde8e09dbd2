// The start-up benchmark: see cluster/host_load.hpp.
#include <algorithm>
#include <vector>

#include "cluster/host_load.hpp"

namespace genkan::cluster {

namespace {

// A dependent chain through memory that does not fit the first-level cache, with integer work between: neither clock
// rate alone nor memory alone decides, as in serving web pages.
std::uint32_t work(std::vector<std::uint32_t>& memory, std::uint32_t rounds) {
  std::uint32_t x = 2463534242u;
  for (std::uint32_t i = 0; i < rounds; ++i) {
    x ^= x << 13;
    x ^= x >> 17;
    x ^= x << 5;
    auto& cell = memory[(x + memory[x % memory.size()]) % memory.size()];
    cell += x;
  }
  return x;
}

std::uint32_t measure() {
  constexpr std::uint32_t kRounds = 20'000;
  std::vector<std::uint32_t> memory(64 * 1024, 1);
  double best = 0;  // rounds per microsecond: the best run is the one that nobody interrupted
  const auto end = Clock::now() + 20ms;
  volatile std::uint32_t sink = 0;
  do {
    const auto start = Clock::now();
    sink = work(memory, kRounds);
    const auto us = std::chrono::duration<double, std::micro>(Clock::now() - start).count();
    if (us > 0) best = std::max(best, kRounds / us);
  } while (Clock::now() < end);
  static_cast<void>(sink);
  return std::max(1u, static_cast<std::uint32_t>(best * 10));
}

}  // namespace

std::uint32_t start_up_speed() {
  static const std::uint32_t speed = measure();
  return speed;
}

}  // namespace genkan::cluster
