// What the layers around a route's action share: the handler inside, and a body that stands around another.
//
// A route is compiled into its chain when the configuration is read: a layer exists only where its directive is
// written, so that a route without any costs nothing for them. The order is fixed, from the outside (chain.cpp):
//
//   maintenance > limits > addresses > certificates > CORS > Basic > auth > body limits > compression > response fields
//   > error pages > mirror > request fields and rewriting > cache > split > pool, files, redirect, fixed answer
#pragma once

#include <memory>
#include <utility>

#include "http/handler.hpp"

namespace genkan::proxy {

using HandlerPtr = std::shared_ptr<http::Handler>;

class Layer : public http::Handler {
 protected:
  explicit Layer(HandlerPtr next) : next_(std::move(next)) {}
  HandlerPtr next_;
};

// Keeps an object until the request has ended. Content of a request may still be read after its answer was sent, so
// what stands around `request.body` belongs here and not to a frame.
template <class T>
T& keep_with(http::Request& request, std::unique_ptr<T> object) {
  struct Kept {
    std::shared_ptr<const void> before;
    std::unique_ptr<T> object;
  };
  auto kept = std::make_shared<Kept>(Kept{std::move(request.keep_alive), std::move(object)});
  T& out = *kept->object;
  request.keep_alive = std::move(kept);
  return out;
}

// Passes another body on, and holds something until it is released.
template <class Held>
class HoldingBody final : public http::Body {
 public:
  HoldingBody(http::BodyPtr inner, Held held) : held_(std::move(held)), inner_(std::move(inner)) {}
  bool poll(Result<http::Chunk>& out) override { return inner_->poll(out); }
  net::Task<Result<http::Chunk>> fetch() override { return inner_->fetch(); }
  std::optional<std::uint64_t> length() const override { return inner_->length(); }
  const http::Fields* trailers() const override { return inner_->trailers(); }

 private:
  Held held_;  // after the body inside is gone
  http::BodyPtr inner_;
};

}  // namespace genkan::proxy
