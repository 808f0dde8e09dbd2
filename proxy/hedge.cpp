#include "proxy/hedge.hpp"

#include <algorithm>

#include "net/loop.hpp"

namespace genkan::proxy {

// The winner's content; keeps its request.
class Race::RacedBody final : public http::Body {
 public:
  RacedBody(std::shared_ptr<Race> race, http::BodyPtr inner) : race_(std::move(race)), inner_(std::move(inner)) {}
  ~RacedBody() override {
    inner_.reset();
    race_->unregister();
  }
  bool poll(Result<http::Chunk>& out) override { return inner_->poll(out); }
  net::Task<Result<http::Chunk>> fetch() override { return inner_->fetch(); }
  std::optional<std::uint64_t> length() const override { return inner_->length(); }
  const http::Fields* trailers() const override { return inner_->trailers(); }

 private:
  std::shared_ptr<Race> race_;
  http::BodyPtr inner_;
};

Race::Race(const http::Request& request, std::string target, std::shared_ptr<cluster::Pool> pool,
           http::OriginPool& origins, const http::OriginLimits& limits)
    : original_(request),
      informer_(request.informer),
      target_(std::move(target)),
      pool_(std::move(pool)),
      origins_(origins),
      limits_(limits),
      loop_(request.loop),
      event_(request.loop) {
  if (informer_) informer_->on_gone(this);
}

Race::~Race() { loop_.wheel().cancel(*this); }

void Race::unregister() noexcept {
  if (http::Informer* informer = std::exchange(informer_, nullptr)) informer->on_gone(nullptr);
}

void Race::on_client_gone() noexcept {
  gone_ = true;
  informer_ = nullptr;
  for (auto& one : tries_) {
    if (one) one->request.give_up();
  }
  event_.notify();
}

void Race::start(cluster::Choice choice, http::OriginTo to, std::string host, bool fresh) {
  Try& one = tries_[started_].emplace(original_);
  one.choice = std::move(choice);
  one.to = std::move(to);
  one.host = std::move(host);
  one.fresh = fresh;
  net::spawn(loop_, run(shared_from_this(), started_++));
}

net::Task<void> Race::run(std::shared_ptr<Race> self, std::size_t which) {
  Try& one = *self->tries_[which];
  one.answer = co_await self->origins_.exchange(one.request.request(), one.to, self->target_, one.host, self->limits_,
                                                one.replay, one.fresh);
  one.done = true;
  if (!self->taken_) {
    self->event_.notify();
    co_return;
  }
  one.answer.response.body.reset();  // too late
  one.choice.flight.finish(cluster::Outcome::neutral);
}

net::Task<void> Race::wait(Time until) {
  while (!decided() && !gone_ && loop_.now() < until) {
    if (until != Time::max()) loop_.wheel().arm(*this, until);
    co_await event_;
  }
  loop_.wheel().cancel(*this);
}

bool Race::decided() const noexcept {
  std::size_t failed = 0;
  for (const auto& one : tries_) {
    if (one && one->done && one->answer.ok()) return true;
    failed += one && one->done;
  }
  return failed == started_;
}

std::size_t Race::take(cluster::Choice& choice, http::OriginPool::Answer& answer) {
  taken_ = true;
  std::size_t winner = 0;
  for (std::size_t i = started_; i-- > 0;) {
    if (tries_[i]->done && tries_[i]->answer.ok()) winner = i;
  }
  for (std::size_t i = 0; i < started_; ++i) {
    Try& one = *tries_[i];
    if (i == winner) continue;
    if (!one.done) {
      one.request.give_up();
      continue;
    }
    const bool failed = !one.answer.ok() && !one.answer.failure.clients_fault && !one.answer.failure.busy;
    one.answer.response.body.reset();
    one.choice.flight.finish(!failed ? cluster::Outcome::neutral
                             : one.answer.failure.stage == http::OriginFailure::Stage::connect
                                 ? cluster::Outcome::connect_failed
                                 : cluster::Outcome::broken);
  }
  Try& won = *tries_[winner];
  choice = std::move(won.choice);
  answer = std::move(won.answer);
  if (answer.ok()) {
    answer.response.body.reset(new RacedBody(shared_from_this(), std::move(answer.response.body)));
  } else {
    answer.failure.clients_fault = answer.failure.clients_fault || gone_;
    unregister();
  }
  return winner;
}

}  // namespace genkan::proxy
