#include "app/backend_checks.hpp"

#include <algorithm>

#include "base/version.hpp"

namespace genkan::app {

// The request, given up when its time is over.
class BackendChecks::Call final : public http::Informer, private net::Timer {
 public:
  Call(BackendChecks& owner, const cluster::H2Question& q) : request(owner.loop_), owner_(owner) {
    owner_.calls_.push_back(this);
    request.method = q.content.empty() ? http::Method::get : http::Method::post;
    request.method_text = q.content.empty() ? "GET" : "POST";
    request.target = request.path = q.path;
    request.started = owner_.loop_.now();
    request.informer = this;
    request.fields.add("User-Agent", "genkan-check/" + std::string(base::kVersion));
    if (!q.content.empty()) {
      request.fields.add("Content-Type", "application/grpc");
      request.fields.add("TE", "trailers");
      content_.reset(new http::TextBody(q.content));
      request.body = content_.get();
    }
    owner_.loop_.wheel().arm(*this, owner_.loop_.now() + q.timeout);
  }
  ~Call() override {
    owner_.loop_.wheel().cancel(*this);
    std::erase(owner_.calls_, this);
  }
  void give_up() noexcept {
    gone_ = true;
    if (listener_) std::exchange(listener_, nullptr)->on_client_gone();
  }
  bool gone() const noexcept override { return gone_; }

  http::Request request;

 private:
  net::Task<Result<void>> inform(const http::ResponseHead&) override { co_return Result<void>(); }
  void on_gone(GoneListener* listener) noexcept override { listener_ = listener; }
  void on_timer() noexcept override { give_up(); }

  BackendChecks& owner_;
  http::BodyPtr content_;
  GoneListener* listener_ = nullptr;
  bool gone_ = false;
};

BackendChecks::BackendChecks(net::Loop& control) : loop_(control), pool_(std::make_unique<http::OriginPool>(control)) {
  pool_->retire();  // no connection outlives its request
}

BackendChecks::~BackendChecks() = default;

void BackendChecks::stop() {
  for (Call* call : calls_) call->give_up();
}

void BackendChecks::close() { pool_.reset(); }

net::Task<cluster::H2Answer> BackendChecks::ask(cluster::H2Question q) {
  http::OriginTo to;
  to.address = q.to;
  to.tls = q.tls;
  to.tls_name = q.tls_name;
  to.preface = q.preface;
  http::OriginLimits limits;
  limits.connect_timeout = limits.response_timeout = limits.body_timeout = limits.idle_timeout = q.timeout;
  limits.h2 = !q.settle;
  limits.settle = q.settle;
  Call call(*this, q);
  http::OriginPool::Replay replay;
  cluster::H2Answer out;
  http::OriginPool::Answer answer = co_await pool_->exchange(call.request, to, q.path, q.host, limits, replay, true);
  if (!answer.ok()) {
    const bool late = call.gone() || answer.failure.error == Errc::timed_out;
    out.why = late ? "no answer in time" : answer.failure.why;
    if (out.why.empty()) out.why = answer.failure.error.message();
    co_return out;
  }
  out.status = answer.response.head->status;
  out.grpc_status = answer.response.head->fields.get("grpc-status").value_or("");
  Result<http::Chunk> chunk = http::Chunk{};
  while (chunk && !chunk->last && answer.response.body) {
    if (!answer.response.body->poll(chunk)) chunk = co_await answer.response.body->fetch();
    if (!chunk) break;
    const std::size_t room = cluster::kMaxContent - std::min(cluster::kMaxContent, out.content.size());
    out.content += chunk->data.substr(0, room);
    if (room == 0) break;
  }
  if (!chunk) {
    out.status = 0;
    out.why = call.gone() ? "no answer in time" : "its content broke: " + chunk.error().message();
  } else if (answer.response.body && answer.response.body->trailers()) {
    const auto status = answer.response.body->trailers()->get("grpc-status");
    if (status) out.grpc_status = *status;
  }
  answer.response.body.reset();
  pool_->close_idle();
  co_return out;
}

}  // namespace genkan::app
