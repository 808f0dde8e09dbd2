#include "smtp/inbound/filter.hpp"

#include "base/text.hpp"

namespace genkan::smtp {
namespace {

FilterResult refusal(std::string reply) {
  FilterResult result;
  result.kind = FilterResult::Kind::refuse;
  result.reply = std::move(reply);
  return result;
}

void remove_recipient(const std::string& address, std::vector<ItemMeta>& items) {
  for (auto& item : items) {
    std::erase_if(item.recipients, [&](const Recipient& r) { return base::iequals(r.address, address); });
  }
  std::erase_if(items, [](const ItemMeta& item) { return item.recipients.empty(); });
}

net::Task<void> apply_envelope(Front& front, const std::vector<MilterChange>& changes, std::string& sender,
                               std::vector<ItemMeta>& items, std::size_t max_items) {
  for (const auto& change : changes) {
    AddressView view;
    const bool good = change.value.empty() || parse_mailbox(change.value, view) == AddressFault::none;
    if (change.kind == MilterChange::Kind::change_sender && good) sender = change.value;
    if (change.kind == MilterChange::Kind::remove_recipient) remove_recipient(change.value, items);
    if (change.kind != MilterChange::Kind::add_recipient || !good || change.value.empty()) continue;
    const auto resolution = co_await front.resolve(change.value, true);
    Recipient recipient;
    recipient.address = change.value;
    recipient.notify = kNotifyNever;
    add_targets(recipient, resolution.targets, items);
    if (items.size() > max_items) items.resize(max_items);
  }
}

bool changes_content(const std::vector<MilterChange>& changes) {
  for (const auto& change : changes) {
    if (change.kind <= MilterChange::Kind::replace_body) return true;
  }
  return false;
}

// One filter's word, or what holds when it has none.
net::Task<Result<MilterOutcome>> ask(Front& front, const conf::SmtpMilter& row, const MilterSubject& subject) {
  std::string why;
  const auto endpoint = base::Endpoint::parse(row.address);
  MilterClient client(front.loop, row.timeout);
  auto outcome = Result<MilterOutcome>(boost::system::in_place_error, make_error_code(Errc::malformed));
  if (endpoint) outcome = co_await client.check(*endpoint, subject, &why);
  if (!outcome) {
    front.shared.telemetry.log.warning(
        "a mail filter cannot be asked",
        {{"filter", row.address}, {"id", subject.id}, {"why", why}, {"then", row.on_error}});
    front.metrics.filter_failures.add();
  }
  co_return outcome;
}

FilterResult verdict_of(const MilterOutcome& outcome) {
  FilterResult result;
  if (outcome.answer == MilterAnswer::reject) return refusal("550 5.7.1 the message is refused by a filter");
  if (outcome.answer == MilterAnswer::tempfail) return refusal("451 4.7.1 a filter asks to try again later");
  if (outcome.answer == MilterAnswer::reply) return refusal(outcome.reply);
  if (outcome.answer == MilterAnswer::discard) result.kind = FilterResult::Kind::discard;
  return result;
}

}  // namespace

net::Task<FilterResult> filter_message(Front& front, MilterSubject subject, Intake& intake, std::string& sender,
                                       std::vector<ItemMeta>& items) {
  const auto plan = front.plan;
  const auto max_items = items.size() + kFilterItems;
  FilterResult result;
  auto taken = co_await intake.take_all();
  if (!taken) co_return refusal("451 4.3.0 could not read the message back, try again later");
  auto header = taken->substr(0, intake.own_header());
  auto content = taken->substr(intake.own_header());
  taken->clear();
  for (const auto& row : plan->smtp().milters) {
    subject.content = content;
    auto outcome = co_await ask(front, row, subject);
    if (!outcome) {
      if (row.on_error == "accept") continue;
      const bool reject = row.on_error == "reject";
      co_return refusal(reject ? "550 5.7.1 a filter does not work, the message is refused"
                               : "451 4.7.1 a filter does not work now, try again later");
    }
    const auto verdict = verdict_of(*outcome);
    if (verdict.kind != FilterResult::Kind::take) co_return verdict;
    result.hold = result.hold || outcome->quarantine;
    if (changes_content(outcome->changes)) {
      content = changed_content(content, outcome->changes, outcome->leading_space);
      result.changed = true;
    }
    co_await apply_envelope(front, outcome->changes, sender, items, max_items);
    subject.sender = sender;
  }
  if (items.empty()) result.kind = FilterResult::Kind::discard;
  header += content;
  co_await intake.put_all(std::move(header));
  co_return result;
}

}  // namespace genkan::smtp
