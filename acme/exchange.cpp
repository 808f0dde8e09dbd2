#include "acme/exchange.hpp"

#include <algorithm>

#include "base/text.hpp"

namespace genkan::acme {
namespace {

using namespace std::chrono_literals;

constexpr int kMaxRequests = 1000;
constexpr std::size_t kMaxNonce = 512;
constexpr std::string_view kJson = "application/json";
constexpr const char* kClosed =
    "the CA has closed the account: remove its key (`account_key`, else acme/account.key in `state_dir`) and restart "
    "to "
    "make a new one";

bool is_type(std::string_view field, std::string_view type) {
  return base::iequals(base::trim(field.substr(0, field.find(';'))), type);
}

std::string list_of(const std::vector<std::string>& texts, std::string_view before, std::string_view after) {
  std::string out = "[";
  for (const auto& text : texts) {
    out += (out.size() > 1 ? "," : "") + std::string(before) + base::json_quote(text) + std::string(after);
  }
  return out + "]";
}

std::string said(const Problem& problem, int status) {
  if (problem.type.empty() && problem.detail.empty()) return "HTTP status " + std::to_string(status);
  return problem.type.empty() ? problem.detail : problem.type + ": " + problem.detail;
}

// What an operator can do about a refusal (RFC 8555 6.7).
std::string advice_for(const Problem& problem, const Wanted& wanted) {
  const std::string_view type = problem.type;
  const bool http = wanted.challenge == "http-01";
  if (type == "rateLimited") {
    return "wait; a restart does not help. For tries use the CA's staging directory, whose limits are wider";
  }
  if (type == "externalAccountRequired") return "ask the CA for a key and set `eab_key_id` and `eab_key` in [acme]";
  if (type == "caa") return "the CAA record of the name forbids this CA: change it";
  if (type == "dns" || type == "unknownHost") return "the CA can't look the name up: check its A and AAAA records";
  if (type == "rejectedIdentifier" || type == "unsupportedIdentifier") {
    return "the CA gives no certificate for one of `names`: take it out";
  }
  if (type == "invalidContact" || type == "unsupportedContact") return "correct `contact` in [acme]";
  if (type == "userActionRequired") return "the CA's terms have changed: read them, at the address in the message";
  if (type == "accountDoesNotExist") return "the CA does not know the account: see `account_key`";
  if (type == "unauthorized" || type == "connection" || type == "tls" || type == "incorrectResponse") {
    return http ? "each name must lead to this node on port 80, and nothing in front may answer for "
                  "/.well-known/acme-challenge/"
                : "each name must lead to this node on port 443, with TLS ended here and nowhere before";
  }
  return "see what the CA says";
}

}  // namespace

std::string_view Exchange::doing() const noexcept {
  switch (step_) {
    case Step::directory:
      return "reading the directory";
    case Step::account:
      return "making the account";
    case Step::order:
      return "ordering";
    case Step::authorization:
    case Step::challenge:
    case Step::watch:
      return "proving that the names are ours";
    case Step::finalize:
    case Step::issued:
      return "finishing the order";
    case Step::certificate:
      break;
  }
  return "fetching the certificate";
}

Action Exchange::fail(std::string what, std::string advice) const {
  Failure failure;
  failure.what = std::string(doing()) + ": " + std::move(what);
  failure.advice = std::move(advice);
  return failure;
}

Action Exchange::send(Step step, Send::Form form, std::string url, std::string payload) {
  step_ = step;
  nonce_tries_ = tries_ = 0;
  pending_ = Send();
  pending_.form = form;
  pending_.url = std::move(url);
  pending_.payload = std::move(payload);
  pending_.bind_external = step == Step::account && wanted_.has_external_key;
  return send_pending();
}

Action Exchange::send_pending() {
  if (++requests_ > kMaxRequests) return fail("the CA let us ask and ask", "ask the CA's operators");
  fetching_nonce_ = false;
  Send out = pending_;
  if (out.form == Send::Form::get) return out;
  if (nonce_.empty()) {
    fetching_nonce_ = true;
    out = Send();
    out.form = Send::Form::head;
    out.url = directory_.new_nonce;
    return out;
  }
  out.nonce = std::exchange(nonce_, {});
  if (out.form == Send::Form::signed_by_account) out.account = wanted_.account;
  return out;
}

Action Exchange::pause(Duration length) {
  waited_total_ += length;
  if (waited_total_ > kMostWaiting) {
    return fail("the CA has not finished after " +
                    std::to_string(std::chrono::duration_cast<std::chrono::minutes>(kMostWaiting).count()) + " minutes",
                "it may be busy: it will be tried again");
  }
  return Pause{length};
}

// The same request again, unless that was tried often enough or is not wanted for long.
Action Exchange::again(std::string_view why, std::string_view retry_after, WallTime now) {
  const auto asked = read_retry_after(retry_after, now);
  if (++tries_ < kMaxTries && asked.value_or(0s) <= kLongestPause) {
    return pause(std::max<Duration>(asked.value_or(0s), 500ms * (1 << (tries_ - 1))));
  }
  Action action = fail(std::string(why), "the CA can't be used now: it will be tried again");
  if (asked) std::get<Failure>(action).wait = *asked;
  return action;
}

// Asks an order or an authorization again, after what the CA proposes, else after a time that grows.
Action Exchange::poll(Step step, const std::string& url, const Answer& answer, WallTime now) {
  step_ = step;
  nonce_tries_ = tries_ = 0;
  pending_ = Send();
  pending_.form = Send::Form::signed_by_account;
  pending_.url = url;
  const Duration grown = std::min<Duration>(250ms * (1 << std::min(polls_, 7)), kLongestPause);
  ++polls_;
  const auto asked = read_retry_after(answer.retry_after, now);
  return pause(asked ? std::clamp<Duration>(*asked, grown, kMostWaiting) : grown);
}

Action Exchange::begin() { return send(Step::directory, Send::Form::get, wanted_.directory); }

Action Exchange::waited() { return send_pending(); }

Action Exchange::unanswered(std::string_view why) { return again(why, {}, {}); }

Action Exchange::refused(const Answer& answer, WallTime now) {
  const Problem problem =
      is_type(answer.content_type, "application/problem+json") || is_type(answer.content_type, kJson)
          ? read_problem(answer.body)
          : Problem();
  if (problem.type == "badNonce" && !fetching_nonce_) {
    if (++nonce_tries_ < kMaxNonceTries) return send_pending();
    return fail("the CA takes none of its own nonces", "ask the CA's operators");
  }
  const bool limited = problem.type == "rateLimited" || answer.status == 429;
  const bool early = problem.type == "orderNotReady" && step_ == Step::finalize;  // it will be in a moment
  if ((answer.status >= 500 && !limited) || early) return again(said(problem, answer.status), answer.retry_after, now);
  if (problem.type == "accountDoesNotExist" && step_ != Step::account && !wanted_.account.empty() &&
      !registered_again_) {
    registered_again_ = true;  // the CA has forgotten it, or it was another CA's: made again, once
    wanted_.account.clear();
    return begin();
  }
  Action action = fail(said(problem, answer.status), advice_for(problem, wanted_));
  auto& failure = std::get<Failure>(action);
  failure.limited = limited;
  if (const auto asked = read_retry_after(answer.retry_after, now)) failure.wait = *asked;
  if (limited) failure.advice = advice_for({"rateLimited", {}}, wanted_);
  if (problem.type == "unauthorized" && step_ == Step::account && wanted_.has_external_key) {
    failure.advice = "check `eab_key_id` and `eab_key` in [acme]";
  } else if (problem.type == "unauthorized" && (step_ == Step::order || step_ == Step::account)) {
    failure.advice = kClosed;
  }
  return action;
}

Action Exchange::answered(const Answer& answer, WallTime now) {
  const auto printable = [](char c) { return c > 0x20 && c < 0x7f; };
  if (!answer.nonce.empty() && answer.nonce.size() <= kMaxNonce &&
      std::all_of(answer.nonce.begin(), answer.nonce.end(), printable)) {
    nonce_ = answer.nonce;
  }
  if (answer.status < 200 || answer.status > 299) return refused(answer, now);
  if (fetching_nonce_) {
    if (nonce_.empty()) return again("the CA gave no nonce", {}, now);
    return send_pending();
  }
  const bool is_chain = step_ == Step::certificate;
  if (!is_chain && !is_type(answer.content_type, kJson)) {
    return fail("an answer is no JSON but `" + for_people(answer.content_type, 60) + "`",
                "is `directory` in [acme] the address of an ACME directory?");
  }
  switch (step_) {
    case Step::directory:
      return on_directory(answer);
    case Step::account:
      return on_account(answer);
    case Step::order:
      return on_order(answer);
    case Step::authorization:
    case Step::watch:
      return on_authorization(answer, now);
    case Step::challenge:  // what counts is the authorization
      told_ = true;
      return poll(Step::watch, authorizations_[at_], answer, now);
    case Step::finalize:
    case Step::issued:
      return on_finished_order(answer, now);
    case Step::certificate:
      break;
  }
  return on_certificate(answer);
}

Action Exchange::on_directory(const Answer& answer) {
  auto directory = read_directory(answer.body);
  if (!directory) {
    return fail("what the CA sent is no directory", "is `directory` in [acme] the address of an ACME directory?");
  }
  directory_ = std::move(*directory);
  if (wanted_.account.empty()) {
    if (directory_.external_account_required && !wanted_.has_external_key) {
      return fail("the CA wants an account of its own to be named (external account binding)",
                  advice_for({"externalAccountRequired", {}}, wanted_));
    }
    std::string payload = R"({"termsOfServiceAgreed":true)";
    if (!wanted_.contacts.empty()) payload += R"(,"contact":)" + list_of(wanted_.contacts, "", "");
    return send(Step::account, Send::Form::signed_by_key, directory_.new_account, payload + "}");
  }
  return send(Step::order, Send::Form::signed_by_account, directory_.new_order,
              R"({"identifiers":)" + list_of(wanted_.names, R"({"type":"dns","value":)", "}") + "}");
}

Action Exchange::on_account(const Answer& answer) {
  const std::string status = read_account_status(answer.body);
  if (!Url::parse(answer.location)) return fail("the CA gave the account no address", "ask the CA's operators");
  if (!status.empty() && status != "valid") {
    return fail("the account is " + status, kClosed);
  }
  wanted_.account = answer.location;
  return send(Step::order, Send::Form::signed_by_account, directory_.new_order,
              R"({"identifiers":)" + list_of(wanted_.names, R"({"type":"dns","value":)", "}") + "}");
}

Action Exchange::on_order(const Answer& answer) {
  auto order = read_order(answer.body);
  if (!order || !Url::parse(answer.location) || order->finalize.empty()) {
    return fail("the CA's order can't be read", "ask the CA's operators");
  }
  order_url_ = answer.location;
  finalize_url_ = order->finalize;
  if (order->status == Order::Status::invalid) {
    return fail(said(order->error, answer.status), advice_for(order->error, wanted_));
  }
  authorizations_ = std::move(order->authorizations);
  if (authorizations_.size() > wanted_.names.size()) {
    return fail("the CA wants more proofs than there are names", "ask the CA's operators");
  }
  at_ = 0;
  if (order->status == Order::Status::ready) at_ = authorizations_.size();
  return next_authorization();
}

Action Exchange::next_authorization() {
  told_ = false;
  polls_ = 0;
  if (at_ == authorizations_.size()) return MakeRequest{};
  return send(Step::authorization, Send::Form::signed_by_account, authorizations_[at_]);
}

Action Exchange::on_authorization(const Answer& answer, WallTime now) {
  const auto authorization = read_authorization(answer.body);
  if (!authorization ||
      std::find(wanted_.names.begin(), wanted_.names.end(), authorization->name) == wanted_.names.end()) {
    return fail("the CA's authorization can't be read", "ask the CA's operators");
  }
  const Challenge* challenge = authorization->find(wanted_.challenge);
  using S = Authorization::Status;
  if (authorization->status == S::valid) {
    ++at_;
    return next_authorization();
  }
  if (authorization->status != S::pending) {
    const Problem why = challenge ? challenge->error : Problem();
    return fail("the CA did not accept the proof for " + authorization->name +
                    (why.type.empty() && why.detail.empty() ? "" : ": " + said(why, 0)),
                advice_for(why.type.empty() ? Problem{"unauthorized", {}} : why, wanted_));
  }
  if (!challenge) {
    return fail("the CA offers no " + wanted_.challenge + " for " + authorization->name,
                "set another `challenge` in [acme]");
  }
  if (told_) return poll(Step::watch, authorizations_[at_], answer, now);
  challenge_url_ = challenge->url;
  return Prove{authorization->name, challenge->type, challenge->token};
}

Action Exchange::proved() { return send(Step::challenge, Send::Form::signed_by_account, challenge_url_, "{}"); }

Action Exchange::requested(std::string_view der) {
  polls_ = 0;
  return send(Step::finalize, Send::Form::signed_by_account, finalize_url_,
              R"({"csr":")" + base::base64url(der) + "\"}");
}

Action Exchange::on_finished_order(const Answer& answer, WallTime now) {
  const auto order = read_order(answer.body);
  if (!order) return fail("the CA's order can't be read", "ask the CA's operators");
  using S = Order::Status;
  switch (order->status) {
    case S::valid:
      if (order->certificate.empty())
        return fail("the order is valid but has no certificate", "ask the CA's operators");
      return send(Step::certificate, Send::Form::signed_by_account, order->certificate);
    case S::invalid:
      return fail(said(order->error, answer.status), advice_for(order->error, wanted_));
    case S::pending:
    case S::ready:
    case S::processing:
      break;
  }
  return poll(Step::issued, order_url_, answer, now);
}

Action Exchange::on_certificate(const Answer& answer) {
  if (!is_type(answer.content_type, "application/pem-certificate-chain")) {
    return fail("the certificate came as `" + for_people(answer.content_type, 60) + "`", "ask the CA's operators");
  }
  return Done{answer.body};
}

}  // namespace genkan::acme
