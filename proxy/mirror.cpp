#include "proxy/mirror.hpp"

#include "base/crypto.hpp"
#include "net/block.hpp"
#include "net/loop.hpp"
#include "proxy/subrequest.hpp"

namespace genkan::proxy {
namespace {

constexpr Duration kLongest = std::chrono::seconds(8);  // of a copy: a planned stop must not wait for it

}  // namespace

// What a copy under way needs. It may outlive the configuration that it began with.
struct MirrorLayer::State {
  HandlerPtr shadow;
  int concurrent = 0;
  std::array<int, base::kMaxSlots> in_flight{};  // each worker's own
  base::Counter& sent;
  base::Counter& dropped;
};

// Copies the content that passes. The copy is sent when the last of it has.
class MirrorLayer::Tee final : public http::Body {
 public:
  Tee(http::Body& inner, std::shared_ptr<State> state, std::shared_ptr<Subrequest> copy, std::uint64_t max)
      : inner_(inner), state_(std::move(state)), copy_(std::move(copy)), max_(max) {}
  ~Tee() override {  // the real one answered before it had read all: there is no whole copy
    if (copy_) state_->dropped.add();
  }
  bool poll(Result<http::Chunk>& out) override {
    if (!inner_.poll(out)) return false;
    note(out);
    return true;
  }
  net::Task<Result<http::Chunk>> fetch() override {
    auto chunk = co_await inner_.fetch();
    note(chunk);
    co_return chunk;
  }
  std::optional<std::uint64_t> length() const override { return inner_.length(); }
  const http::Fields* trailers() const override { return inner_.trailers(); }
  void release() noexcept override {}

 private:
  void note(const Result<http::Chunk>& chunk) {
    if (!copy_) return;
    if (!chunk || content_.size() + chunk->data.size() > max_) {
      copy_.reset();
      std::string().swap(content_);
      held_.set(0);
      state_->dropped.add();
      return;
    }
    content_ += chunk->data;
    held_.set(content_.capacity());
    if (!chunk->last) return;
    held_.set(0);
    copy_->set_content(std::move(content_));
    send(state_, std::exchange(copy_, nullptr));
  }

  http::Body& inner_;
  std::shared_ptr<State> state_;
  std::shared_ptr<Subrequest> copy_;
  std::uint64_t max_;
  std::string content_;
  net::HeldBytes held_;
};

MirrorLayer::MirrorLayer(HandlerPtr next, HandlerPtr shadow, const conf::RouteMirror& mirror,
                         base::Telemetry& telemetry)
    : Layer(std::move(next)), share_(mirror.share), max_body_(mirror.max_body) {
  constexpr std::string_view kHelp = "Requests of a mirrored route, by what became of their copy";
  constexpr std::string_view kName = "genkan_proxy_mirrored_total";
  state_ = std::make_shared<State>(State{std::move(shadow),
                                         static_cast<int>(mirror.concurrent),
                                         {},
                                         telemetry.metrics.counter(kName, kHelp, {{"copy", "sent"}}),
                                         telemetry.metrics.counter(kName, kHelp, {{"copy", "dropped"}})});
}

MirrorLayer::~MirrorLayer() = default;

bool MirrorLayer::wanted(const http::Request& r) const {
  if (r.tunnel || r.fields.has(http::FieldId::upgrade)) return false;
  if (r.body && r.body->length().value_or(0) > max_body_) return false;
  return share_ >= 100 || base::random_u64() % 100 < share_;
}

net::Task<Result<http::Response>> MirrorLayer::handle(http::Request& r) {
  if (!wanted(r)) return next_->handle(r);
  auto copy = std::make_shared<Subrequest>(r);
  if (!r.body) {
    send(state_, std::move(copy));
  } else {
    r.body = &keep_with(r, std::make_unique<Tee>(*r.body, state_, std::move(copy), max_body_));
  }
  return next_->handle(r);
}

void MirrorLayer::send(std::shared_ptr<State> state, std::shared_ptr<Subrequest> copy) {
  net::Loop& loop = copy->request().loop;
  int& in_flight = state->in_flight[static_cast<std::size_t>(loop.slot())];
  if (in_flight >= state->concurrent) {
    state->dropped.add();
    return;
  }
  ++in_flight;
  net::spawn(loop, run(std::move(state), std::move(copy)));
}

net::Task<void> MirrorLayer::run(std::shared_ptr<State> state, std::shared_ptr<Subrequest> copy) {
  net::Loop& loop = copy->request().loop;
  co_await net::Yield(loop);  // the first one goes first
  state->sent.add();
  copy->expire_at(loop.now() + kLongest);
  auto answer = co_await state->shadow->handle(copy->request());
  bool complete = answer.has_value();
  while (answer && answer->body) {
    Result<http::Chunk> chunk = http::Chunk{};
    if (!answer->body->poll(chunk)) chunk = co_await answer->body->fetch();
    complete = chunk.has_value();
    if (!chunk || chunk->last) break;
  }
  const int status = answer ? answer->head->status : 0;
  if (answer) answer->body.reset();
  copy->finish(status, complete);
  --state->in_flight[static_cast<std::size_t>(loop.slot())];
}

}  // namespace genkan::proxy
