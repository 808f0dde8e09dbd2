#include "smtp/delivery/local_lane.hpp"

#include "smtp/delivery/dispatcher.hpp"
#include "smtp/offloaded.hpp"

namespace genkan::smtp {
namespace {

constexpr std::size_t kCarriers = 4;

Outcome outcome_of(const Result<void>& result, bool full_is_final) {
  Outcome outcome;
  if (result) {
    outcome.kind = Outcome::Kind::delivered;
    outcome.reply = "250 2.1.5 delivered";
  } else if (result.error() == make_error_code(Errc::not_found)) {
    outcome.kind = Outcome::Kind::failed;
    outcome.reply = "550 5.1.1 no such user";
  } else if (result.error() == make_error_code(Errc::exhausted)) {
    if (full_is_final) outcome.kind = Outcome::Kind::failed;
    outcome.reply = full_is_final ? "552 5.2.2 the mailbox is full" : "452 4.2.2 the mailbox is full";
  } else {
    outcome.reply = "451 4.3.0 cannot write to the mailbox: " + result.error().message();
  }
  return outcome;
}

}  // namespace

LocalLane::LocalLane(Dispatcher& dispatcher, std::string name, bool routed)
    : Lane(dispatcher, std::move(name)), routed_(routed) {}

std::size_t LocalLane::carrier_limit() const { return routed_ ? kCarriers : 1; }

net::Task<Outcome> LocalLane::hand_over(const Work& work, std::size_t index) {
  Outcome outcome;
  auto& shared = dispatcher_.shared();
  if (!routed_ || !shared.hooks.deliver_local) {
    outcome.reply = "451 4.4.4 no route to this domain is configured";
    co_return outcome;
  }
  const auto& address = work.item.meta().recipients[index].address;
  const auto user = local_user(address, dispatcher_.plan()->router);
  const auto id = id_text(work.item.message->meta.id);
  LocalMessage message;
  message.user = user;
  message.recipient = address;
  message.sender = work.item.message->meta.envelope.sender;
  message.id = id;
  message.content = work.content;
  auto& deliver = shared.hooks.deliver_local;
  auto job = [&deliver, message] { return deliver(message); };
  auto result = co_await offloaded<void>(shared.files, loop_, job);
  co_return outcome_of(result, dispatcher_.plan()->smtp().over_quota == "reject");
}

net::Task<void> LocalLane::carry() {
  Work work;
  Carried carried;
  carried.remote = "local";
  carried.local = true;
  for (;;) {
    const bool got = co_await next(work, Duration(0));
    if (!got) break;
    std::vector<Outcome> outcomes;
    for (const auto index : work.indices) {
      auto outcome = co_await hand_over(work, index);
      outcomes.push_back(std::move(outcome));
    }
    co_await settle_attempt(work, outcomes, carried);
    work = Work();
  }
  carrier_ended();
}

}  // namespace genkan::smtp
