// One order, from the CA's directory to the certificate (RFC 8555 7.1.6), as a state machine: what the CA answered goes
// in, what to do next comes out. Pure: no clock, no keys, no network; whoever drives it signs and sends.
//
//   directory -> [account] -> order -> for each authorization: read -> prove -> tell -> watch
//             -> order ready? -> finalize -> order valid? -> certificate -> done
//
// Before a signed request without a nonce at hand: HEAD newNonce. badNonce: again with the nonce of the error. An
// answer of 5xx, or none: again after a pause, a few times. Anything else ends it with a Failure that says what to do.
// What must stay true: whatever the CA says, the number of requests and the time that is waited are bounded.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "acme/message.hpp"
#include "base/clock.hpp"

namespace genkan::acme {

struct Wanted {
  std::string directory;
  std::vector<std::string> names;     // lower case
  std::string challenge;              // "http-01", "tls-alpn-01"
  std::vector<std::string> contacts;  // URLs
  bool has_external_key = false;
  std::string account;  // its URL, when it is known already
};

struct Answer {
  int status = 0;
  std::string location, nonce, retry_after, content_type;
  std::string body;
};

// A request to send. `account` and `account_with_binding`: signed with the key itself, the latter with
// "externalAccountBinding" put into the payload.
struct Send {
  enum class Form { get, head, signed_by_key, signed_by_account };
  Form form = Form::get;
  std::string url, nonce, payload;
  std::string account;  // for signed_by_account
  bool bind_external = false;
};
// Put the answer to this challenge where the CA will look, then say proved().
struct Prove {
  std::string name, type, token;
};
// Make a key and a request for these names, then say requested(der).
struct MakeRequest {};
struct Pause {
  Duration length{};
};
struct Done {
  std::string chain;  // PEM as the CA sent it
};
struct Failure {
  std::string what, advice;          // for people
  Duration wait = Duration::zero();  // the CA asked not to come back before
  bool limited = false;              // it was a rate limit
};
using Action = std::variant<Send, Prove, MakeRequest, Pause, Done, Failure>;

class Exchange {
 public:
  explicit Exchange(Wanted wanted) : wanted_(std::move(wanted)) {}

  Action begin();
  Action answered(const Answer& answer, WallTime now);
  Action unanswered(std::string_view why);  // no connection, no whole answer, no HTTP
  Action waited();
  Action proved();
  Action requested(std::string_view der);

  // The account's URL, once known: worth keeping. Empty after the CA has said that there is none.
  const std::string& account() const noexcept { return wanted_.account; }
  const std::string& terms() const noexcept { return directory_.terms; }

  static constexpr int kMaxNonceTries = 5, kMaxTries = 4;
  static constexpr Duration kLongestPause = std::chrono::seconds(30);
  static constexpr Duration kMostWaiting = std::chrono::minutes(10);

 private:
  enum class Step { directory, account, order, authorization, challenge, watch, finalize, issued, certificate };

  Action send(Step step, Send::Form form, std::string url, std::string payload = {});
  Action send_pending();
  Action poll(Step step, const std::string& url, const Answer& answer, WallTime now);
  Action pause(Duration length);
  Action again(std::string_view why, std::string_view retry_after, WallTime now);
  Action fail(std::string what, std::string advice) const;
  Action refused(const Answer& answer, WallTime now);

  Action on_directory(const Answer& answer);
  Action on_account(const Answer& answer);
  Action on_order(const Answer& answer);
  Action next_authorization();
  Action on_authorization(const Answer& answer, WallTime now);
  Action on_finished_order(const Answer& answer, WallTime now);
  Action on_certificate(const Answer& answer);
  std::string_view doing() const noexcept;

  Wanted wanted_;
  Directory directory_;
  Step step_ = Step::directory;
  Send pending_;  // to be sent again after a bad nonce or a pause
  bool fetching_nonce_ = false;
  std::string nonce_;
  int nonce_tries_ = 0, tries_ = 0;
  bool registered_again_ = false;
  std::string order_url_, finalize_url_, challenge_url_;
  std::vector<std::string> authorizations_;
  std::size_t at_ = 0;  // in authorizations_
  bool told_ = false;   // the CA knows that the present challenge can be looked at
  int polls_ = 0;
  Duration waited_total_{};
  int requests_ = 0;
};

}  // namespace genkan::acme
