#include "smtp/delivery/local_lane.hpp"

#include "smtp/delivery/dispatcher.hpp"
#include "smtp/offloaded.hpp"

namespace genkan::smtp {
namespace {

constexpr std::size_t kCarriers = 4;

Outcome outcome_of(const Result<void>& result, const LocalPlan& plan, bool full_is_final) {
  Outcome outcome;
  if (result && !plan.refusal.empty()) {
    outcome.kind = Outcome::Kind::failed;
    outcome.reply = plan.refusal;
  } else if (result) {
    outcome.kind = Outcome::Kind::delivered;
    outcome.reply = plan.reply.empty() ? "250 2.1.5 delivered" : plan.reply;
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

// What nobody here can take for the sender: another try may be better.
bool is_temporary(const Error& error) {
  return error != make_error_code(Errc::refused) && error != make_error_code(Errc::malformed) &&
         error != make_error_code(Errc::too_large);
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
  LocalPlan plan;
  auto* deliver = &shared.hooks.deliver_local;
  auto job = [deliver, message, &plan] { return (*deliver)(message, plan); };
  auto result = co_await offloaded<void>(shared.files, loop_, job);
  if (result && !plan.redirects.empty()) {
    auto sent = co_await send_on(work, message, plan);
    if (!sent) {
      outcome.reply = "451 4.3.0 cannot send it on: " + sent.error().message();
      co_return outcome;
    }
    plan.asked = true;
    result = co_await offloaded<void>(shared.files, loop_, job);
  }
  for (const auto& note : plan.notes) {
    shared.telemetry.log.warning("a Sieve script did not go as it should", {{"user", user}, {"id", id}, {"why", note}});
  }
  if (result && !plan.answer.empty()) co_await send_answer(plan, user);
  co_return outcome_of(result, plan, dispatcher_.plan()->smtp().over_quota == "reject");
}

// All of them in one message, so that a second try never repeats a part. When one can not be had, one by one: those
// that nobody takes are noted. An error: try again later; then nothing was sent.
net::Task<Result<void>> LocalLane::send_on(const Work& work, const LocalMessage& message, LocalPlan& plan) {
  auto all = co_await submit_redirect(work, message, plan, plan.redirects);
  if (all) co_return Result<void>();
  if (is_temporary(all.error())) co_return all.error();
  for (const auto& to : plan.redirects) {
    const std::vector<std::string> one{to};
    auto sent = co_await submit_redirect(work, message, plan, one);
    if (!sent) plan.not_redirected.push_back(to);
  }
  co_return Result<void>();
}

net::Task<Result<void>> LocalLane::submit_redirect(const Work& work, const LocalMessage& message, LocalPlan& plan,
                                                   std::vector<std::string> to) {
  const auto& envelope = work.item.message->meta.envelope;
  Submission submission;
  submission.kind = Submission::Kind::redirect;
  submission.envelope.sender = envelope.sender;
  submission.envelope.body = envelope.body;
  submission.envelope.utf8 = envelope.utf8;
  submission.envelope.require_tls = envelope.require_tls;
  for (auto& address : to) {
    Recipient recipient;
    recipient.address = std::move(address);
    submission.envelope.recipients.push_back(std::move(recipient));
  }
  submission.user = message.user;
  submission.content.reserve(plan.redirect_fields.size() + work.content.size());
  submission.content += plan.redirect_fields;
  submission.content += work.content;
  std::string why;
  const auto sent = co_await dispatcher_.shared().submit(loop_, std::move(submission), &why);
  if (sent) co_return Result<void>();
  plan.notes.push_back("cannot redirect: " + why);
  co_return sent.error();
}

// Its loss is no reason to deliver the mail again.
net::Task<void> LocalLane::send_answer(LocalPlan& plan, std::string user) {
  Submission submission;
  submission.kind = Submission::Kind::answer;
  Recipient recipient;
  recipient.address = plan.answer_to;
  recipient.notify = kNotifyNever;
  submission.envelope.recipients.push_back(std::move(recipient));
  submission.content = std::move(plan.answer);
  submission.user = user;
  std::string why;
  const auto sent = co_await dispatcher_.shared().submit(loop_, std::move(submission), &why);
  if (sent) co_return;
  dispatcher_.shared().telemetry.log.warning("an answer could not be sent",
                                             {{"user", user}, {"to", plan.answer_to}, {"why", why}});
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
