#include "smtp/delivery/lane.hpp"

#include <algorithm>

#include "smtp/delivery/dispatcher.hpp"
#include "smtp/offloaded.hpp"

namespace genkan::smtp {
namespace {

constexpr unsigned kFreshTurns = 4;  // of five items four are new while both kinds wait
constexpr std::int64_t kReadAgainMs = 600'000;

}  // namespace

// An idle carrier: resumed by wake() with true, or when its time is over with false.
class Lane::Nap final : private net::Timer {
 public:
  Nap(Lane& lane, Time due) : lane_(lane), due_(due) {}
  bool await_ready() const noexcept { return false; }
  void await_suspend(std::coroutine_handle<> handle) {
    handle_ = handle;
    lane_.idle_.push_back(this);
    lane_.loop_.wheel().arm(*this, due_);
  }
  bool await_resume() const noexcept { return woken_; }
  void wake() {
    woken_ = true;
    lane_.loop_.wheel().cancel(*this);
    leave();
  }

 private:
  void on_timer() noexcept override { leave(); }
  void leave() {
    std::erase(lane_.idle_, this);
    lane_.loop_.defer(handle_);
  }
  Lane& lane_;
  Time due_;
  std::coroutine_handle<> handle_;
  bool woken_ = false;
};

Lane::Lane(Dispatcher& dispatcher, std::string name)
    : dispatcher_(dispatcher), loop_(dispatcher.loop()), name_(std::move(name)) {}

Lane::~Lane() = default;

bool Lane::paused() const noexcept { return paused_until_ > loop_.now(); }

void Lane::push(Ready ready) {
  if (ready.hot) {
    if (!dispatcher_.keep_hot(ready.hot->body.size())) ready.hot.reset();
    fresh_.push_back(std::move(ready));
  } else {
    again_.push_back(std::move(ready));
  }
  pump();
}

void Lane::push_later(std::uint64_t id, std::int64_t next_ms) {
  Later later;
  later.due_s = next_ms / 1000 + 1;
  later.id = id;
  later_.push(later);
}

net::Task<Verdict> Lane::probe(std::string) { co_return Verdict::accept; }

void Lane::tick(std::int64_t wall) {
  idle_ticks_ = depth() == 0 && carriers_ == 0 ? idle_ticks_ + 1 : 0;
  while (!later_.empty() && later_.top().due_s * 1000 <= wall) {
    Ready ready;
    ready.id = later_.top().id;
    again_.push_back(std::move(ready));
    later_.pop();
  }
  pump();
}

void Lane::stop() {
  stopping_ = true;
  while (!idle_.empty()) idle_.back()->wake();
}

// Mail that yields is delivered by fewer at once.
std::size_t Lane::allowed() const { return yield_share(dispatcher_.shared().yield_now.get(), carrier_limit()); }

void Lane::pump() {
  if (stopping_ || pumping_ || paused()) return;
  pumping_ = true;
  auto waiting = fresh_.size() + again_.size();
  while (waiting > 0 && !idle_.empty()) {
    idle_.back()->wake();
    --waiting;
  }
  while (waiting > 0 && carriers_ < allowed() && !paused() && !(fresh_.empty() && again_.empty())) {
    ++carriers_;
    net::spawn(loop_, carry());
    --waiting;
  }
  pumping_ = false;
}

void Lane::carrier_ended() {
  --carriers_;
  pump();
}

bool Lane::take(Ready& ready) {
  const bool old = !again_.empty() && (fresh_.empty() || turn_ >= kFreshTurns);
  auto& queue = old ? again_ : fresh_;
  if (queue.empty()) return false;
  turn_ = old ? 0 : turn_ + 1;
  ready = std::move(queue.front());
  queue.pop_front();
  if (ready.hot) dispatcher_.drop_hot(ready.hot->body.size());
  return true;
}

net::Task<bool> Lane::next(Work& work, Duration idle) {
  for (;;) {
    if (stopping_) co_return false;
    Ready ready;
    if (!paused() && take(ready)) {
      const bool good = co_await prepare(std::move(ready), work);
      if (good) co_return true;
      continue;
    }
    if (idle == Duration(0)) co_return false;
    Nap nap(*this, loop_.now() + idle);
    const bool woken = co_await nap;
    if (!woken) co_return false;
  }
}

// False: the item is not to be tried (finished, held, in other hands, not due, moved to another lane).
net::Task<bool> Lane::prepare(Ready ready, Work& work) {
  auto& shared = dispatcher_.shared();
  const auto id = ready.id;
  ItemInfo info;
  if (!shared.spool.info(id, info) || info.held) co_return false;
  // An entry of the heap that a later one replaced.
  if (!ready.hot && info.next_s * 1000 > wall_ms()) co_return false;
  if (!dispatcher_.claim(id)) co_return false;
  work = Work();
  if (ready.hot && ready.hot->meta.large_size == 0) {
    const auto& items = ready.hot->meta.items;
    const auto same = [id](const ItemMeta& item) { return item.id == id; };
    work.item.item = static_cast<std::size_t>(std::find_if(items.begin(), items.end(), same) - items.begin());
    work.item.message = std::move(ready.hot);
    work.item.state.id = id;
    work.item.state.recipients.resize(work.item.meta().recipients.size());
  } else {
    auto& spool = shared.spool;
    auto job = [&spool, id] { return spool.load(id, true); };
    auto loaded = co_await offloaded<LoadedItem>(shared.files, loop_, job);
    if (!loaded) {
      const auto error = loaded.error();
      dispatcher_.release(id);
      if (error == make_error_code(Errc::not_found)) co_return false;
      shared.telemetry.log.error("a queued message cannot be read", {{"id", id_text(id)}, {"why", error.message()}});
      push_later(id, wall_ms() + kReadAgainMs);
      co_return false;
    }
    work.item = std::move(*loaded);
  }
  if (!work.item.large_path.empty()) {
    const auto& meta = work.item.message->meta;
    auto job = [path = work.item.large_path, size = meta.large_size, crc = meta.large_crc] {
      return MappedFile::open(path, size, crc);
    };
    auto mapped = co_await offloaded<MappedFile>(shared.files, loop_, job);
    if (!mapped) {
      const auto error = mapped.error();
      dispatcher_.release(id);
      shared.telemetry.log.error("the content of a queued message cannot be read",
                                 {{"id", id_text(id)}, {"why", error.message()}});
      push_later(id, wall_ms() + kReadAgainMs);
      co_return false;
    }
    work.large = std::move(*mapped);
  }
  work.content = work.item.large_path.empty() ? std::string_view(work.item.message->body) : work.large.text();
  co_return still_ours(work);
}

// The configuration may have changed since the item came: recipients that now go elsewhere go with their item there.
bool Lane::still_ours(Work& work) {
  std::string other;
  for (const auto index : pending(work.item)) {
    const auto& address = work.item.meta().recipients[index].address;
    const auto route = dispatcher_.plan()->router.route(address, true);
    const auto destination = route.kind == Route::Kind::refuse ? std::string("unrouted") : route.destination;
    if (destination == name_) {
      work.indices.push_back(index);
    } else {
      other = destination;
    }
  }
  if (!work.indices.empty()) return true;
  const auto id = work.item.meta().id;
  dispatcher_.release(id);
  if (other.empty()) {
    dispatcher_.shared().spool.finish(id);
    return false;
  }
  Ready ready;
  ready.id = id;
  dispatcher_.lane(other).push(std::move(ready));
  return false;
}

void Lane::put_back(Work& work) {
  Ready ready;
  ready.id = work.item.meta().id;
  dispatcher_.release(ready.id);
  const auto& message = work.item.message;
  const bool untouched = work.item.state.attempts == 0 && work.item.large_path.empty();
  if (untouched && dispatcher_.keep_hot(message->body.size())) ready.hot = message;
  fresh_.push_front(std::move(ready));
}

net::Task<void> Lane::settle_attempt(Work& work, const std::vector<Outcome>& outcomes, const Carried& carried) {
  auto& shared = dispatcher_.shared();
  auto& log = shared.telemetry.log;
  const auto now = wall_ms();
  const auto id = work.item.meta().id;
  auto result = settle(work.item, work.indices, outcomes, dispatcher_.plan()->retry, now, dispatcher_.random());
  const auto& meta = work.item.message->meta;
  const auto name = id_text(meta.id);
  shared.metrics.delivered.add(static_cast<std::int64_t>(result.delivered.size()));
  shared.metrics.failed.add(static_cast<std::int64_t>(result.failed.size()));
  if (!result.delivered.empty()) {
    shared.metrics.delay.record(std::chrono::milliseconds(std::max<std::int64_t>(0, now - meta.arrival_ms)));
    log.info("mail delivered", {{"id", name},
                                {"from", meta.envelope.sender},
                                {"to", work.item.meta().recipients[result.delivered.front()].address},
                                {"recipients", result.delivered.size()},
                                {"remote", carried.remote},
                                {"ms", now - meta.arrival_ms}});
  }
  for (std::size_t i = 0; i < work.indices.size(); ++i) {
    const auto index = work.indices[i];
    const auto status = result.state.recipients[index].status;
    const auto* event = status == RecipientStatus::delivered ? "delivered"
                        : status == RecipientStatus::failed  ? "failed"
                                                             : "deferred";
    shared.mail_log->write(event, {{"id", name},
                                   {"from", meta.envelope.sender},
                                   {"to", work.item.meta().recipients[index].address},
                                   {"remote", carried.remote},
                                   {"reply", outcomes[i].reply},
                                   {"attempts", result.state.attempts},
                                   {"ms", now - meta.arrival_ms}});
    if (status == RecipientStatus::delivered) continue;
    const bool failed = result.state.recipients[index].status == RecipientStatus::failed;
    if (!failed) shared.metrics.deferred.add();
    log.notice(failed ? "mail failed" : "mail deferred", {{"id", name},
                                                          {"from", meta.envelope.sender},
                                                          {"to", work.item.meta().recipients[index].address},
                                                          {"remote", carried.remote},
                                                          {"reply", outcomes[i].reply},
                                                          {"attempts", result.state.attempts}});
  }
  work.item.state = result.state;
  if (!result.failed.empty()) {
    const bool told = co_await dispatcher_.report(work.item, ReportKind::failed, result.failed, false, work.content);
    if (!told) {  // nobody is given up in silence: they stay pending until the report can be stored
      for (const auto index : result.failed) result.state.recipients[index].status = RecipientStatus::pending;
      result.finished = false;
    }
  }
  if (!result.delivered.empty() && !carried.reports_on) {
    const bool relayed = !carried.local;
    const bool told =
        co_await dispatcher_.report(work.item, ReportKind::delivered, result.delivered, relayed, work.content);
    (void)told;  // a success that is not reported is no loss of mail
  }
  if (result.finished) {
    shared.spool.finish(id);
  } else {
    const auto next = result.state.next_ms;
    ItemInfo now_known;
    if (shared.spool.info(id, now_known)) result.state.held = now_known.held;  // an operator was quicker
    shared.spool.update(std::move(result.state));
    push_later(id, next);
  }
  dispatcher_.release(id);
}

}  // namespace genkan::smtp
