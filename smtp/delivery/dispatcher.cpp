#include "smtp/delivery/dispatcher.hpp"

#include "base/crypto.hpp"
#include "smtp/delivery/local_lane.hpp"
#include "smtp/delivery/mx_lane.hpp"
#include "smtp/delivery/relay_lane.hpp"
#include "smtp/delivery/report_signing.hpp"
#include "smtp/offloaded.hpp"

namespace genkan::smtp {
namespace {

constexpr Duration kTick = std::chrono::milliseconds(100);
constexpr std::size_t kHotOctets = 32u << 20;  // content kept in memory for a first try, per worker

}  // namespace

std::int64_t wall_ms() noexcept {
  return std::chrono::duration_cast<std::chrono::milliseconds>(WallClock::now().time_since_epoch()).count();
}

DeliveryMetrics::DeliveryMetrics(base::Metrics& metrics)
    : delivered(metrics.counter("genkan_smtp_delivered_total", "Recipients delivered to")),
      deferred(metrics.counter("genkan_smtp_deferred_total", "Attempts for a recipient that will be made again")),
      failed(metrics.counter("genkan_smtp_failed_total", "Recipients given up")),
      reports(metrics.counter("genkan_smtp_reports_total", "Delivery status notifications sent")),
      connections(metrics.counter("genkan_smtp_client_connections_total", "Connections begun to next hops")),
      connection_failures(metrics.counter("genkan_smtp_client_failures_total", "Connections to next hops that failed")),
      delay(metrics.histogram("genkan_smtp_delivery_seconds", "Time from acceptance to delivery")) {}

Dispatcher::Dispatcher(net::Loop& loop, Shared& shared, PlanPtr plan)
    : loop_(loop), shared_(shared), plan_(std::move(plan)), random_state_(base::random_u64() | 1) {}

Dispatcher::~Dispatcher() = default;

// xorshift64*: for spreading retries, nothing that must be hard to guess.
double Dispatcher::random() {
  random_state_ ^= random_state_ >> 12;
  random_state_ ^= random_state_ << 25;
  random_state_ ^= random_state_ >> 27;
  return static_cast<double>((random_state_ * 2685821657736338717ull) >> 11) / 9007199254740992.0;
}

bool Dispatcher::keep_hot(std::size_t octets) noexcept {
  if (hot_octets_ + octets > kHotOctets) return false;
  hot_octets_ += octets;
  return true;
}

net::Resolver& Dispatcher::resolver() {
  if (!resolver_) resolver_ = std::make_unique<net::Resolver>(loop_, plan_->conf->node.name_servers);
  return *resolver_;
}

void Dispatcher::submit(Shared& shared, const StoredMessagePtr& message) {
  for (const auto& item : message->meta.items) {
    auto* dispatcher = shared.dispatchers[owner(item.id, shared)];
    if (dispatcher->loop_.on_thread()) {
      dispatcher->add(item.id, item.destination, message);
      continue;
    }
    dispatcher->loop_.post([dispatcher, message, id = item.id, destination = item.destination] {
      dispatcher->add(id, destination, message);
    });
  }
}

void Dispatcher::reschedule(Shared& shared, std::uint64_t id, const std::string& destination, std::int64_t next_ms) {
  auto* dispatcher = shared.dispatchers[owner(id, shared)];
  dispatcher->loop_.post([dispatcher, id, destination, next_ms] { dispatcher->add_later(id, destination, next_ms); });
}

void Dispatcher::start() {
  running_ = true;
  net::spawn(loop_, run());
}

void Dispatcher::configure(PlanPtr plan) {
  plan_ = std::move(plan);
  for (auto& [name, lane] : lanes_) lane->configure(plan_);
}

void Dispatcher::stop() {
  stopping_ = true;
  for (auto& [name, lane] : lanes_) lane->stop();
}

void Dispatcher::cancel() {
  stop();
  for (auto& [name, lane] : lanes_) lane->cancel();
  if (resolver_) resolver_->cancel();
}

bool Dispatcher::idle() const noexcept {
  if (running_ || helpers_ != 0) return false;
  for (const auto& [name, lane] : lanes_) {
    if (lane->carriers() != 0) return false;
  }
  return true;
}

Lane& Dispatcher::lane(const std::string& destination) {
  auto& slot = lanes_[destination];
  if (!slot) {
    if (destination.starts_with(kRelayPrefix)) {
      slot = std::make_unique<RelayLane>(*this, destination);
    } else if (destination.starts_with(kMxPrefix)) {
      slot = std::make_unique<MxLane>(*this, destination);
    } else {
      slot = std::make_unique<LocalLane>(*this, destination, destination == kLocal);
    }
    if (stopping_) slot->stop();
  }
  return *slot;
}

void Dispatcher::add(std::uint64_t id, const std::string& destination, const StoredMessagePtr& hot) {
  Ready ready;
  ready.id = id;
  ready.hot = hot;
  lane(destination).push(std::move(ready));
}

void Dispatcher::add_later(std::uint64_t id, const std::string& destination, std::int64_t next_ms) {
  if (next_ms > wall_ms()) {
    lane(destination).push_later(id, next_ms);
    return;
  }
  Ready ready;
  ready.id = id;
  lane(destination).push(std::move(ready));
}

net::Task<void> Dispatcher::run() {
  while (!stopping_) {
    co_await net::sleep_for(loop_, kTick);
    const auto now = wall_ms();
    std::vector<LaneStatus> rows;
    for (auto& [name, lane] : lanes_) {
      lane->tick(now);
      LaneStatus row;
      row.name = name;
      row.last_error = lane->last_error();
      row.depth = lane->depth();
      row.carriers = lane->carriers();
      row.paused = lane->paused();
      rows.push_back(std::move(row));
    }
    // One for each domain in the world would be too many.
    std::erase_if(lanes_,
                  [](const auto& row) { return row.first.starts_with(kMxPrefix) && row.second->forgettable(); });
    std::lock_guard lock(status_mutex_);
    status_ = std::move(rows);
  }
  running_ = false;
}

std::vector<LaneStatus> Dispatcher::status() const {
  std::lock_guard lock(status_mutex_);
  return status_;
}

std::shared_ptr<StoredMessage> Dispatcher::make_report(const LoadedItem& item, ReportKind kind,
                                                       const std::vector<std::size_t>& about, bool relayed,
                                                       std::string_view content) {
  const auto& meta = item.message->meta;
  ReportInput input;
  input.kind = kind;
  for (const auto index : about) {
    const auto& recipient = item.meta().recipients[index];
    if (!wants_report(meta.envelope, recipient, kind)) continue;
    ReportRecipient row;
    row.recipient = recipient;
    row.reply = item.state.recipients[index].reply;
    input.recipients.push_back(std::move(row));
  }
  if (input.recipients.empty()) return nullptr;
  const auto route = plan_->router.route(meta.envelope.sender, true);
  if (route.kind == Route::Kind::refuse) {
    shared_.telemetry.log.warning("a report cannot be sent: no route to the sender",
                                  {{"id", id_text(meta.id)}, {"sender", meta.envelope.sender}});
    return nullptr;
  }
  input.hostname = plan_->hostname();
  input.token = base::random_token();
  input.message_id = id_text(meta.id);
  input.envelope = &meta.envelope;
  input.arrival = WallTime(std::chrono::milliseconds(meta.arrival_ms));
  input.now = WallClock::now();
  input.retry_until = input.arrival + std::chrono::duration_cast<std::chrono::seconds>(plan_->retry.expire);
  input.relayed = relayed;
  input.content = content;
  auto report = std::make_shared<StoredMessage>();
  report->body = build_report(input);
  report->meta.id = shared_.spool.reserve_ids(1);
  report->meta.arrival_ms = wall_ms();
  report->meta.envelope.utf8 = meta.envelope.utf8;
  report->meta.envelope.body = BodyType::eight_bit;
  report->meta.eight_bit = true;
  report->meta.dot_lines = true;
  ItemMeta to;
  to.id = report->meta.id;
  to.destination = route.destination;
  Recipient recipient;
  recipient.address = meta.envelope.sender;
  recipient.notify = kNotifyNever;
  to.recipients.push_back(std::move(recipient));
  report->meta.items.push_back(std::move(to));
  return report;
}

// A failure is logged, and the report goes unsigned.
net::Task<void> Dispatcher::sign_report(StoredMessage& report) {
  const auto plan = plan_;  // holds the keys
  const auto keys = report_keys(plan->auth->keys, plan->hostname());
  if (keys.empty()) co_return;
  auto job = [&keys, &report] { return report_signatures(keys, report.body, wall_ms() / 1000); };
  auto fields = co_await offloaded<std::string>(shared_.files, loop_, job);
  if (fields) {
    report.body.insert(0, *fields);
    co_return;
  }
  shared_.telemetry.log.error("a report could not be signed",
                              {{"id", id_text(report.meta.id)}, {"why", fields.error().message()}});
}

net::Task<bool> Dispatcher::report(const LoadedItem& item, ReportKind kind, std::vector<std::size_t> about,
                                   bool relayed, std::string_view content) {
  const auto& meta = item.message->meta;
  if (kind == ReportKind::failed && meta.envelope.sender.empty()) {
    // A bounce that cannot be delivered (RFC 5321 6.1): nobody is left to tell but the postmaster, who reads the log.
    for (const auto index : about) {
      shared_.telemetry.log.warning("undeliverable mail from the null sender is dropped",
                                    {{"id", id_text(meta.id)},
                                     {"to", item.meta().recipients[index].address},
                                     {"reply", item.state.recipients[index].reply}});
    }
    co_return true;
  }
  const auto message = make_report(item, kind, about, relayed, content);
  if (!message) co_return true;
  co_await sign_report(*message);
  const auto stored = co_await shared_.spool.append(loop_, message);
  if (!stored) co_return false;
  shared_.metrics.reports.add();
  const auto own = id_text(message->meta.id), about_id = id_text(meta.id);
  const auto* what = kind == ReportKind::failed ? "failure" : kind == ReportKind::delayed ? "delay" : "success";
  shared_.mail_log->write("report", {{"id", own}, {"about", about_id}, {"kind", what}, {"to", meta.envelope.sender}});
  submit(shared_, message);
  co_return true;
}

void Dispatcher::run_beside(std::function<net::Task<void>(Dispatcher&)> what) {
  if (stopping_) return;
  ++helpers_;
  net::spawn(loop_, beside(std::move(what)));
}

net::Task<void> Dispatcher::beside(std::function<net::Task<void>(Dispatcher&)> what) {
  co_await what(*this);
  --helpers_;
}

void Dispatcher::expire_item(std::uint64_t id) {
  if (stopping_ || !claim(id)) return;
  ++helpers_;
  net::spawn(loop_, give_up(id, "554 5.4.7 delivery time expired; last: "));
}

void Dispatcher::bounce_item(std::uint64_t id) {
  if (stopping_ || !claim(id)) return;
  ++helpers_;
  net::spawn(loop_, give_up(id, "554 5.7.0 returned by an operator; last: "));
}

void Dispatcher::delay_notice(std::uint64_t id) {
  if (stopping_ || !claim(id)) return;
  ++helpers_;
  net::spawn(loop_, notice_now(id));
}

net::Task<Result<Work>> Dispatcher::load_work(std::uint64_t id) {
  auto& spool = shared_.spool;
  auto job = [&spool, id] { return spool.load(id, true); };
  auto loaded = co_await offloaded<LoadedItem>(shared_.files, loop_, job);
  if (!loaded) co_return Result<Work>(boost::system::in_place_error, loaded.error());
  Work work;
  work.item = std::move(*loaded);
  if (!work.item.large_path.empty()) {
    const auto& meta = work.item.message->meta;
    auto map = [path = work.item.large_path, size = meta.large_size, crc = meta.large_crc] {
      return MappedFile::open(path, size, crc);
    };
    auto mapped = co_await offloaded<MappedFile>(shared_.files, loop_, map);
    if (!mapped) co_return Result<Work>(boost::system::in_place_error, mapped.error());
    work.large = std::move(*mapped);
  }
  work.content = work.item.large_path.empty() ? std::string_view(work.item.message->body) : work.large.text();
  co_return std::move(work);
}

// Whoever still waits fails, and the sender is told `why` with the last reply behind it.
net::Task<void> Dispatcher::give_up(std::uint64_t id, std::string why) {
  auto loaded = co_await load_work(id);
  if (loaded) {
    auto& item = loaded->item;
    auto result = expire(item);
    item.state = result.state;
    for (const auto index : result.failed) {
      auto& reply = item.state.recipients[index].reply;
      shared_.mail_log->write("failed", {{"id", id_text(item.message->meta.id)},
                                         {"from", item.message->meta.envelope.sender},
                                         {"to", item.meta().recipients[index].address},
                                         {"remote", ""},
                                         {"reply", why + reply},
                                         {"attempts", item.state.attempts}});
      reply = why + (reply.empty() ? std::string("it was never tried") : reply);
    }
    shared_.metrics.failed.add(static_cast<std::int64_t>(result.failed.size()));
    shared_.telemetry.log.notice("mail given up",
                                 {{"id", id_text(id)}, {"why", why}, {"recipients", result.failed.size()}});
    const bool told = co_await report(item, ReportKind::failed, result.failed, false, loaded->content);
    if (told) shared_.spool.finish(id);
  }
  release(id);
  --helpers_;
}

net::Task<void> Dispatcher::notice_now(std::uint64_t id) {
  auto loaded = co_await load_work(id);
  if (loaded) {
    auto& item = loaded->item;
    const bool told = co_await report(item, ReportKind::delayed, pending(item), false, loaded->content);
    if (told) {
      item.state.delay_notice_sent = true;
      shared_.spool.update(item.state);
    }
  }
  release(id);
  --helpers_;
}

}  // namespace genkan::smtp
