// ACME (RFC 8555): orders the certificates of every [[certificate]] with `acme = true`, proves that the names are ours,
// renews in time. One coroutine on the control loop, one order after the other; keys, signatures and files on a thread
// of its own. Nothing here ever stops what is served: without a CA the certificate at hand goes on.
//
//   Acme acme(control, resolver, telemetry, hooks);
//   acme.open(conf, why);                        // at start and on reload; not on a loop
//   handler = acme.guard(*conf, handler);        // answers HTTP-01 in front of the routes
//   workers.on_control([&] { acme.start(); });   // or refresh(), on reload: the conf of the last open() holds from now
//   on workers.on_control([&] { acme.stop(); });    // then wait until the loop has no live coroutines
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "base/telemetry.hpp"
#include "conf/conf.hpp"
#include "http/handler.hpp"
#include "net/loop.hpp"
#include "net/resolver.hpp"

namespace genkan::acme {

// Where certificates go. Called on a thread that may block, one call at a time. `name`: the certificate's first name,
// lower case. `why` is a sentence.
struct Hooks {
  std::function<Result<void>(const std::string& name, std::string chain, std::string key, std::string& why)> install;
  // TLS-ALPN-01: for clients that ask for `name` with "acme-tls/1" alone.
  std::function<Result<void>(const std::string& name, std::string chain, std::string key, std::string& why)> show;
  std::function<void(const std::string& name)> hide;
};

class Acme {
 public:
  Acme(net::Loop& control, net::Resolver& resolver, base::Telemetry& telemetry, Hooks hooks);
  ~Acme();

  // Reads what is on the disk (makes the account key when there is none) and installs the certificates at hand. On an
  // error nothing has changed.
  Result<void> open(conf::ConfPtr conf, std::string& why);
  std::shared_ptr<http::Handler> guard(const conf::Conf& conf, std::shared_ptr<http::Handler> next) const;

  // On the control loop.
  void start();
  void refresh();
  void stop();

 private:
  class Keeper;
  std::shared_ptr<Keeper> keeper_;
};

}  // namespace genkan::acme
