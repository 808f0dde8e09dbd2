// [route.mirror]: shadow traffic. The client's request goes its way; when its content has been read, a copy begins on
// its own, at most so many at once, and nobody waits for it. Its answer is read and thrown away.
#pragma once

#include <array>
#include <cstdint>
#include <memory>

#include "base/slot.hpp"
#include "base/telemetry.hpp"
#include "conf/route.hpp"
#include "proxy/layer.hpp"

namespace genkan::proxy {

class Subrequest;

class MirrorLayer final : public Layer {
 public:
  // `shadow` sends requests to the other pool.
  MirrorLayer(HandlerPtr next, HandlerPtr shadow, const conf::RouteMirror& mirror, base::Telemetry& telemetry);
  ~MirrorLayer() override;
  net::Task<Result<http::Response>> handle(http::Request& request) override;

 private:
  class Tee;
  struct State;
  bool wanted(const http::Request& request) const;
  static void send(std::shared_ptr<State> state, std::shared_ptr<Subrequest> copy);
  static net::Task<void> run(std::shared_ptr<State> state, std::shared_ptr<Subrequest> copy);

  std::uint32_t share_;
  std::uint64_t max_body_;
  std::shared_ptr<State> state_;
};

}  // namespace genkan::proxy
