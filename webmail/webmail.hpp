// The front door: webmail and JMAP as one http::Handler. docs/webmail-api.md says what it answers.
//
//   worker: classify -> copy (Ask) -> [pool: who is it?] -> read the body -> [pool: Service] -> answer
// SQLite, the Maildir and Argon2 run on the two pools only. Argon2 has its own, so that a flood of logins doesn't hold
// up people who read their mail.
#pragma once

#include <atomic>
#include <memory>
#include <string>

#include "base/telemetry.hpp"
#include "conf/conf.hpp"
#include "http/handler.hpp"
#include "net/offload.hpp"
#include "webmail/assets.hpp"
#include "webmail/service.hpp"

namespace genkan::webmail {

class Webmail final : public http::Handler {
 public:
  struct Options {
    std::string state_dir;
    conf::Webmail conf;
    std::string ui_folder;  // empty: the files built into the program
    Submit submit;          // called on a pool thread
    int threads = 4;
  };
  // `users` and `telemetry` outlive this. Destroy it after the last request has ended.
  Webmail(Options options, Users& users, base::Telemetry& telemetry);

  net::Task<Result<http::Response>> handle(http::Request& request) override;
  // Local delivery brought mail: open event streams look at once. Any thread.
  void note_delivery(const User& user) { service_.note_delivery(user); }

 private:
  struct Who {
    std::optional<Identity> identity;
    Answer refusal;
  };
  net::Task<Result<http::Response>> dynamic(http::Request& request, Ask ask);
  net::Task<Result<http::Response>> with_body(http::Request& request, Ask ask, Identity who);
  net::Task<Who> identify(http::Request& request, const Ask& ask);
  http::Response events(http::Request& request, const Ask& ask, Identity who);
  std::uint64_t body_limit(std::string_view path) const;

  base::Telemetry& telemetry_;
  Assets assets_;
  std::atomic<std::uint64_t> buffered_{0};  // bytes of request bodies in memory
  net::Offload pool_, password_pool_;
  Service service_;
};

}  // namespace genkan::webmail
