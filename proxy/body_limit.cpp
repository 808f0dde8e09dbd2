#include "proxy/body_limit.hpp"

namespace genkan::proxy {
namespace {

// Counts what passes; more than the limit is Errc::too_large, from then on always.
class Counted {
 public:
  explicit Counted(std::uint64_t max) : max_(max) {}
  bool over() const noexcept { return over_; }
  void note(Result<http::Chunk>& chunk) noexcept {
    if (!chunk) return;
    seen_ += chunk->data.size();
    over_ = over_ || seen_ > max_;
    if (over_) chunk = Errc::too_large;
  }

 private:
  std::uint64_t max_, seen_ = 0;
  bool over_ = false;
};

// The request's content; the one inside belongs to the server.
class CountedRequest final : public http::Body {
 public:
  CountedRequest(http::Body& inner, std::uint64_t max) : inner_(inner), count_(max) {}
  bool poll(Result<http::Chunk>& out) override {
    if (!inner_.poll(out)) return false;
    count_.note(out);
    return true;
  }
  net::Task<Result<http::Chunk>> fetch() override {
    auto chunk = co_await inner_.fetch();
    count_.note(chunk);
    co_return chunk;
  }
  std::optional<std::uint64_t> length() const override { return inner_.length(); }
  const http::Fields* trailers() const override { return inner_.trailers(); }
  void release() noexcept override {}
  bool over() const noexcept { return count_.over(); }

 private:
  http::Body& inner_;
  Counted count_;
};

class CountedResponse final : public http::Body {
 public:
  CountedResponse(http::BodyPtr inner, std::uint64_t max) : inner_(std::move(inner)), count_(max) {}
  bool poll(Result<http::Chunk>& out) override {
    if (!inner_->poll(out)) return false;
    count_.note(out);
    return true;
  }
  net::Task<Result<http::Chunk>> fetch() override {
    auto chunk = co_await inner_->fetch();
    count_.note(chunk);
    co_return chunk;
  }
  std::optional<std::uint64_t> length() const override { return inner_->length(); }
  const http::Fields* trailers() const override { return inner_->trailers(); }

 private:
  http::BodyPtr inner_;
  Counted count_;
};

}  // namespace

net::Task<Result<http::Response>> BodyLimitLayer::too_large(http::Request& r) {
  co_return http::error_page(r, 413, "What was sent is too large for this address.");
}

net::Task<Result<http::Response>> BodyLimitLayer::handle(http::Request& r) {
  if (request_ && r.body && r.body->length().value_or(0) > request_) return too_large(r);
  return pass(r);
}

net::Task<Result<http::Response>> BodyLimitLayer::pass(http::Request& r) {
  CountedRequest* counted = nullptr;
  if (request_ && r.body && !r.body->length()) {
    counted = &keep_with(r, std::make_unique<CountedRequest>(*r.body, request_));
    r.body = counted;
  }
  auto response = co_await next_->handle(r);
  if (counted && counted->over()) {
    if (response) response->body.reset();
    response = co_await too_large(r);
    co_return std::move(response);
  }
  if (!response || !response_ || !response->body) co_return std::move(response);
  if (response->body->length().value_or(0) > response_) {
    response->body.reset();
    http::Response page = http::error_page(r, 502, "The server's answer is larger than allowed here.");
    co_return page;
  }
  http::BodyPtr inner = std::move(response->body);
  response->body.reset(new CountedResponse(std::move(inner), response_));
  co_return std::move(response);
}

}  // namespace genkan::proxy
