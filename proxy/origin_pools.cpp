#include "proxy/origin_pools.hpp"

#include "net/loop.hpp"
#include "net/wheel.hpp"
#include "proxy/forward.hpp"

namespace genkan::proxy {

void OriginPools::open(net::Loop& loop) {
  pools_[static_cast<std::size_t>(loop.slot())] = std::make_unique<http::OriginPool>(loop);
}
void OriginPools::close(net::Loop& loop) {
  warmers_[static_cast<std::size_t>(loop.slot())].reset();
  pools_[static_cast<std::size_t>(loop.slot())].reset();
}

// Looks twice a second.
struct OriginPools::Warmer final : net::Timer {
  explicit Warmer(net::Loop& l) : loop(l) {}
  ~Warmer() { loop.wheel().cancel(*this); }
  void on_timer() noexcept override {
    for (const auto& forward : forwards) forward->keep_warm(loop);
    if (!forwards.empty()) loop.wheel().arm(*this, loop.now() + std::chrono::milliseconds(500));
  }
  net::Loop& loop;
  std::vector<std::shared_ptr<Forward>> forwards;
};

OriginPools::OriginPools() = default;
OriginPools::~OriginPools() = default;

void OriginPools::keep_warm(net::Loop& loop, std::vector<std::shared_ptr<Forward>> forwards) {
  auto& mine = warmers_[static_cast<std::size_t>(loop.slot())];
  if (!mine && forwards.empty()) return;
  if (!mine) mine = std::make_unique<Warmer>(loop);
  mine->forwards = std::move(forwards);
  loop.wheel().cancel(*mine);
  mine->on_timer();
}

}  // namespace genkan::proxy
