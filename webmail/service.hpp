// Everything that the webmail answers, as a function of values (webmail/ask.hpp): login, JMAP, blobs, bodies. Runs on
// pool threads; knows no HTTP connection.
#pragma once

#include <map>
#include <mutex>
#include <optional>
#include <string>

#include "base/telemetry.hpp"
#include "conf/conf.hpp"
#include "webmail/accounts.hpp"
#include "webmail/ask.hpp"
#include "webmail/auth/throttle.hpp"
#include "webmail/jmap/jmap.hpp"

namespace genkan::webmail {

struct Identity {
  User user;
  std::string token;  // of the session; empty: Basic
  std::int64_t expires = 0;
  bool by_cookie() const { return !token.empty(); }
};

class Service {
 public:
  struct Options {
    std::string state_dir;
    conf::Webmail conf;
    Submit submit;  // null: nothing can be sent
  };
  // `users` outlives this.
  Service(Options options, Users& users, base::Telemetry& telemetry);

  const jmap::Limits& limits() const { return limits_; }
  std::string_view cookie_name() const {
    return options_.conf.secure_cookie ? "__Host-genkan_session" : "genkan_session";
  }

  // POST /webmail/auth/login. Argon2: on the pool for passwords.
  Answer login(const Ask& ask, std::int64_t now);
  // Argon2 when it is Basic and not known from before; `costly` says so beforehand.
  bool costly(const Ask& ask, std::int64_t now);
  // Who asks. An answer instead: 401, 429, 500.
  std::optional<Identity> authenticate(const Ask& ask, std::int64_t now, Answer& refusal);
  // Everything else below /webmail/ that is no file.
  Answer serve(const Ask& ask, const Identity& who, std::int64_t now);

  // For server-sent events: the StateChange object, or none when the session is over.
  std::optional<std::string> states(const Identity& who, std::string_view types, std::int64_t now);
  Accounts::Share take(const User& user, Accounts::Use use);
  void note_delivery(const User& user) { accounts_.note_delivery(user); }

 private:
  Answer logout(const Identity& who);
  Answer me(const Identity& who);
  Answer session(const Ask& ask, const Identity& who);
  Answer api(const Ask& ask, const Identity& who, std::int64_t now);
  Answer upload(const Ask& ask, const Identity& who, std::int64_t now);
  Answer download(const Ask& ask, const Identity& who);
  Answer body(const Ask& ask, const Identity& who);
  Answer unreadable(const User& user, const Error& error);
  std::optional<Identity> by_cookie(const Ask& ask, std::int64_t now, Answer& refusal);
  std::optional<Identity> by_password(const Ask& ask, std::int64_t now, Answer& refusal);
  std::optional<User> known(const std::string& key, const std::string& name, std::int64_t now);
  std::optional<User> check(const std::string& name, std::string_view password, const Ask& ask, std::int64_t now,
                            Answer& refusal);
  std::string full_name(std::string_view name) const;
  std::string credential_key(std::string_view name, std::string_view password) const;
  Answer unauthorized(const Ask& ask) const;

  const Options options_;
  Users& users_;
  base::Telemetry& telemetry_;
  jmap::Limits limits_;
  Accounts accounts_;
  Uploads uploads_;
  base::Counter &logins_, &failures_, &requests_;
  const std::string secret_;  // of this process, for credential_key()

  struct Verified {
    User user;
    std::string stamp;
    std::int64_t until = 0;
  };
  std::mutex mutex_;  // guards throttle_ and verified_; held for a look-up
  LoginThrottle throttle_;
  std::map<std::string, Verified> verified_;  // Basic credentials that were right a minute ago
};

}  // namespace genkan::webmail
