#include "smtp/delivery/settle.hpp"

#include <algorithm>

#include "smtp/relay.hpp"

namespace genkan::smtp {
namespace {

std::int64_t milliseconds_of(Duration d) { return std::chrono::duration_cast<std::chrono::milliseconds>(d).count(); }

bool anyone_pending(const ItemState& state) {
  return std::any_of(state.recipients.begin(), state.recipients.end(),
                     [](const RecipientState& r) { return r.status == RecipientStatus::pending; });
}

}  // namespace

std::vector<std::size_t> pending(const LoadedItem& item) {
  std::vector<std::size_t> indices;
  for (std::size_t i = 0; i < item.state.recipients.size(); ++i) {
    if (item.state.recipients[i].status == RecipientStatus::pending) indices.push_back(i);
  }
  return indices;
}

Settlement settle(const LoadedItem& item, const std::vector<std::size_t>& indices, const std::vector<Outcome>& outcomes,
                  const RetryRules& rules, std::int64_t now_ms, double random) {
  Settlement result;
  result.state = item.state;
  result.state.recipients.resize(item.meta().recipients.size());
  const bool expired = now_ms - item.message->meta.arrival_ms > milliseconds_of(rules.expire);
  for (std::size_t i = 0; i < indices.size(); ++i) {
    auto& recipient = result.state.recipients[indices[i]];
    recipient.reply = outcomes[i].reply;
    if (outcomes[i].kind == Outcome::Kind::delivered) {
      recipient.status = RecipientStatus::delivered;
      result.delivered.push_back(indices[i]);
    } else if (outcomes[i].kind == Outcome::Kind::failed || expired) {
      recipient.status = RecipientStatus::failed;
      result.failed.push_back(indices[i]);
    }
  }
  result.finished = !anyone_pending(result.state);
  ++result.state.attempts;
  result.state.next_ms = now_ms + milliseconds_of(retry_after(result.state.attempts, rules.first, rules.max, random));
  return result;
}

Settlement expire(const LoadedItem& item) {
  Settlement result;
  result.state = item.state;
  for (const auto index : pending(item)) {
    result.state.recipients[index].status = RecipientStatus::failed;
    result.failed.push_back(index);
  }
  result.finished = true;
  return result;
}

bool wants_report(const Envelope& envelope, const Recipient& recipient, ReportKind kind) noexcept {
  if (envelope.sender.empty() || (recipient.notify & kNotifyNever) != 0) return false;
  const bool unset = recipient.notify == kNotifyUnset;
  switch (kind) {
    case ReportKind::failed:
      return unset || (recipient.notify & kNotifyFailure) != 0;
    case ReportKind::delayed:
      return unset || (recipient.notify & kNotifyDelay) != 0;
    case ReportKind::delivered:
      return (recipient.notify & kNotifySuccess) != 0;
  }
  return false;
}

}  // namespace genkan::smtp
