#include "http/origin.hpp"

#include "base/prefetch.hpp"
#include "http/h1/origin_connection.hpp"
#include "http/h2/origin_session.hpp"
#include "http/h2/origin_stream.hpp"

namespace genkan::http {
namespace {

// While a connection was made nobody listened for the client's end.
bool client_left(const Request& request, OriginFailure& failure) noexcept {
  if (!request.informer || !request.informer->gone()) return false;
  failure.error = Errc::cancelled;
  failure.clients_fault = true;
  return true;
}

}  // namespace

struct OriginPool::Sweeper final : net::Timer {
  explicit Sweeper(OriginPool& p) : pool(p) {}
  void on_timer() noexcept override { pool.sweep(); }
  OriginPool& pool;
};

namespace {

constexpr std::size_t kMaxPrivate = 4096;  // unused connections that serve one client each
constexpr std::size_t kMaxHeads = 256;     // kept for the next answers

}  // namespace

// The parts that seldom differ are left to the comparison.
std::size_t OriginPool::Hash::operator()(const OriginTo& to) const noexcept {
  const base::Endpoint& e = to.address;
  if (!to.preface.empty()) return std::hash<std::string>()(to.preface);
  if (e.is_unix()) return std::hash<std::string>()(e.unix_path);
  std::uint64_t high = 0, low = 0;
  std::memcpy(&high, e.ip.bytes.data(), 8);
  std::memcpy(&low, e.ip.bytes.data() + 8, 8);
  return static_cast<std::size_t>((low ^ (high * 0x9e3779b97f4a7c15ull) ^ e.port) * 0xff51afd7ed558ccdull);
}

OriginPool::OriginPool(net::Loop& loop) : loop_(loop), sweeper_(std::make_unique<Sweeper>(*this)) {}

OriginPool::~OriginPool() = default;

net::Task<OriginPool::Answer> OriginPool::exchange(Request& request, const OriginTo& to, std::string_view target,
                                                   std::string_view host, const OriginLimits& limits, Replay& replay,
                                                   bool fresh) {
  return limits.h2 || limits.settle ? exchange_h2(request, to, target, host, limits, replay, fresh)
                                    : exchange_h1(nullptr, request, to, target, host, limits, replay, fresh);
}

// Over `connection`, or without one over a kept or a new one.
net::Task<OriginPool::Answer> OriginPool::exchange_h1(std::unique_ptr<OriginConnection> connection, Request& request,
                                                      const OriginTo& to, std::string_view target,
                                                      std::string_view host, const OriginLimits& limits, Replay& replay,
                                                      bool fresh) {
  Answer answer;
  if (!connection && !fresh) connection = take_idle(to, !is_idempotent(request.method));
  answer.failure.reused = connection != nullptr && !fresh;
  if (!connection) {
    const Time began = loop_.now();
    auto transport = co_await open(to, limits, answer.failure);
    request.connect_time += loop_.now() - began;
    if (!transport || client_left(request, answer.failure)) co_return std::move(answer);
    connection = std::make_unique<OriginConnection>(*this, shelf(to), std::move(transport));
  }
  connection->begin(request, limits);
  bool ok = false;
  if (const std::string_view whole = connection->whole_request(target, host); !whole.empty()) {
    const auto written = co_await connection->transport().write(whole);
    ok = connection->sent(written, answer.failure);
  } else {
    ok = co_await connection->send(target, host, replay, answer.failure);
  }
  // A connection that broke while sending may hold an early answer (413 and close).
  if (!ok && answer.failure.stage == OriginFailure::Stage::send && !answer.failure.clients_fault &&
      !answer.failure.reused) {
    ok = true;
  }
  if (ok) ok = co_await connection->receive(answer.failure);
  OriginConnection* raw = connection.release();
  if (ok) {
    answer.response.head = raw->head();
    answer.short_and_cut = raw->short_and_cut();
    answer.response.body.reset(raw);
  } else {
    raw->abandon();
  }
  co_return std::move(answer);
}

// A connection to a backend that is being opened, and who waits for it.
struct OriginPool::Opening {
  Opening(OriginPool& p, const OriginTo& t) : pool(p), to(t) { pool.openings_.push_back(this); }
  ~Opening() {
    std::erase(pool.openings_, this);
    for (net::Event* event : waiting) event->notify();
  }
  OriginPool& pool;
  const OriginTo to;
  std::vector<net::Event*> waiting;
};

OriginPool::Opening* OriginPool::find_opening(const OriginTo& to) const {
  for (Opening* opening : openings_) {
    if (opening->to == to) return opening;
  }
  return nullptr;
}

// As exchange(), over a connection that many requests share, where the backend speaks HTTP/2.
net::Task<OriginPool::Answer> OriginPool::exchange_h2(Request& request, OriginTo to, std::string_view target,
                                                      std::string_view host, const OriginLimits& limits, Replay& replay,
                                                      bool fresh) {
  Answer answer;
  h2::OriginSession* session = fresh ? nullptr : find_h2(to);
  answer.failure.reused = session != nullptr;
  std::unique_ptr<OriginConnection> single;  // HTTP/1.1 was settled
  while (!session && !fresh) {               // one opens, the others wait for it
    if (limits.settle) {
      single = take_idle(to, !is_idempotent(request.method));
      const Known& settled = known(to);
      if (single || (settled.spoken && !settled.h2)) break;
    }
    Opening* opening = find_opening(to);
    if (!opening) break;
    net::Event done(loop_);
    opening->waiting.push_back(&done);
    co_await done;
    session = find_h2(to);
    if (!session && loop_.now() > request.started + 2 * limits.connect_timeout) break;
  }
  bool opened = false;
  if (!session && !single) {
    Opening opening{*this, to};
    const Time began = loop_.now();
    auto transport = co_await open(to, limits, answer.failure);
    request.connect_time += loop_.now() - began;
    if (!transport || client_left(request, answer.failure)) co_return std::move(answer);
    opened = true;
    const bool h2 = !limits.settle || transport->tls()->alpn() == "h2";
    if (limits.settle) {
      Known& settled = known(to);
      settled.spoken = true;
      settled.h2 = h2;
    }
    if (h2) {
      session = add_h2(std::move(transport), to, limits);
    } else {
      single = std::make_unique<OriginConnection>(*this, shelf(to), std::move(transport));
    }
  }
  if (single) {
    Answer alone = co_await exchange_h1(std::move(single), request, to, target, host, limits, replay, opened);
    co_return std::move(alone);
  }
  auto* stream = new h2::OriginStream(*session, request, limits);  // ends with release()
  if (retired_) session->retire();                                 // not before: without a stream it would end at once
  const bool ok = co_await stream->exchange(target, host, replay, answer.failure);
  if (ok) {
    answer.response.head = stream->head();
    answer.short_and_cut = stream->short_and_cut();
    answer.response.body.reset(stream);
  } else {
    stream->abandon();
  }
  co_return std::move(answer);
}

h2::OriginSession* OriginPool::find_h2(const OriginTo& to) const {
  for (h2::OriginSession* session : h2_) {
    if (session->to() == to && session->takes_streams()) return session;
  }
  return nullptr;
}

h2::OriginSession* OriginPool::add_h2(std::unique_ptr<net::Transport> transport, OriginTo to,
                                      const OriginLimits& limits) {
  auto made = std::make_unique<h2::OriginSession>(std::move(transport), std::move(to), limits);
  h2::OriginSession* session = made.get();
  h2_.push_back(session);
  std::function<void(h2::OriginSession&)> ended = [this](h2::OriginSession& gone) { forget(gone); };
  net::spawn(loop_, h2::OriginSession::run(std::move(made), std::move(ended)));
  return session;
}

void OriginPool::forget(h2::OriginSession& session) { std::erase(h2_, &session); }

void OriginPool::retire() {
  retired_ = true;
  for (h2::OriginSession* session : h2_) session->retire();
}

OriginPool::Shelf::~Shelf() {
  while (top) take_top(*this);
}

OriginPool::Shelf& OriginPool::shelf(const OriginTo& to) {
  auto found = shelves_.find(to);
  if (found == shelves_.end()) found = shelves_.insert(std::make_unique<Shelf>(to)).first;
  if (!sweeper_->armed()) loop_.wheel().arm(*sweeper_, loop_.now() + std::chrono::seconds(1));
  return **found;
}

std::unique_ptr<OriginConnection> OriginPool::take_top(Shelf& shelf) noexcept {
  std::unique_ptr<OriginConnection> connection(shelf.top);
  shelf.top = std::exchange(connection->below, nullptr);
  --shelf.unused;
  return connection;
}

void OriginPool::clear(Shelf& shelf, Time now) noexcept {
  for (OriginConnection** at = &shelf.top; *at;) {
    if ((*at)->reusable() && now - (*at)->idle_since < (*at)->idle_timeout) {
      at = &(*at)->below;
      continue;
    }
    const std::unique_ptr<OriginConnection> gone(*at);
    *at = gone->below;
    --shelf.unused;
  }
}

std::unique_ptr<ResponseHead> OriginPool::take_head() {
  if (heads_.empty()) return std::make_unique<ResponseHead>();
  auto head = std::move(heads_.back());
  heads_.pop_back();
  return head;
}

void OriginPool::give_head(std::unique_ptr<ResponseHead> head) {
  if (heads_.size() < kMaxHeads) heads_.push_back(std::move(head));
}

// The last used first: the others may idle out. `sure`: what can't be repeated asks the kernel first whether the origin
// has closed meanwhile.
std::unique_ptr<OriginConnection> OriginPool::take_idle(const OriginTo& to, bool sure) {
  const auto found = shelves_.find(to);
  if (found == shelves_.end()) return nullptr;
  Shelf& shelf = **found;
  while (shelf.top) {
    base::prefetch_all(*shelf.top);
    auto connection = take_top(shelf);
    // The next one is wanted soon, where many requests come at once, and it may have idled for long.
    if (shelf.top) __builtin_prefetch(&shelf.top->transport(), 1);
    if (!to.preface.empty()) --private_idle_;
    if (connection->reusable() && (!sure || connection->still_open())) return connection;
  }
  return nullptr;
}

void OriginPool::give_back(std::unique_ptr<OriginConnection> connection) {
  Shelf& shelf = connection->shelf();
  const bool of_one_client = !shelf.to.preface.empty();
  if (of_one_client && private_idle_ >= kMaxPrivate) return;
  if (shelf.unused >= connection->idle_limit) return;
  if (of_one_client) ++private_idle_;
  connection->idle_since = loop_.now();
  connection->below = shelf.top;
  shelf.top = connection.release();
  ++shelf.unused;
}

void OriginPool::dispose(OriginConnection& connection) noexcept { std::unique_ptr<OriginConnection> gone(&connection); }

void OriginPool::sweep() {
  const Time now = loop_.now();
  private_idle_ = 0;
  for (const auto& shelf : shelves_) {
    clear(*shelf, now);
    if (!shelf->to.preface.empty()) private_idle_ += shelf->unused;
  }
  boost::unordered::erase_if(shelves_, [](const auto& shelf) { return shelf->connections == 0; });
  if (!shelves_.empty()) loop_.wheel().arm(*sweeper_, now + std::chrono::seconds(1));
}

std::size_t OriginPool::idle() const noexcept {
  std::size_t n = 0;
  for (const auto& shelf : shelves_) n += shelf->unused;
  return n;
}

void OriginPool::close_idle() {
  for (const auto& shelf : shelves_) {
    while (shelf->top) take_top(*shelf);
  }
  private_idle_ = 0;
}

}  // namespace genkan::http
