// The connections to backends that each worker keeps, and who looks that enough of them are warm.
#pragma once

#include <array>
#include <memory>
#include <vector>

#include "base/slot.hpp"
#include "http/origin.hpp"

namespace genkan::proxy {

class Forward;

// The origin pools of all workers, by the slot of their loop. Lives as long as the program.
class OriginPools {
 public:
  OriginPools();
  ~OriginPools();
  // On each worker's thread, before the first request.
  void open(net::Loop& loop);
  void close(net::Loop& loop);  // on its thread, nothing in flight
  // On its thread: whose connections are kept warm from now on.
  void keep_warm(net::Loop& loop, std::vector<std::shared_ptr<Forward>> forwards);
  http::OriginPool& of(net::Loop& loop) noexcept { return *pools_[static_cast<std::size_t>(loop.slot())]; }

 private:
  struct Warmer;
  std::array<std::unique_ptr<http::OriginPool>, base::kMaxSlots> pools_;
  std::array<std::unique_ptr<Warmer>, base::kMaxSlots> warmers_;
};

}  // namespace genkan::proxy
