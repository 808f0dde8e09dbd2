// Checks of [[listen]], [[certificate]], [[pool]]. Routes: check_route.cpp.
#include <algorithm>
#include <optional>
#include <string>

#include "base/text.hpp"
#include "conf/chain.hpp"
#include "conf/check.hpp"

namespace genkan::conf {
namespace {

// "200", "200-299,401"
bool is_code_list(std::string_view text) {
  const auto code = [](std::string_view part) -> std::optional<std::uint64_t> {
    const auto n = base::parse_uint(base::trim(part));
    return n && *n >= 100 && *n <= 599 ? n : std::nullopt;
  };
  const auto parts = base::split(text, ',');
  return std::all_of(parts.begin(), parts.end(), [&](std::string_view part) {
    const auto dash = part.find('-');
    const auto first = code(part.substr(0, dash));
    const auto last = dash == std::string_view::npos ? first : code(part.substr(dash + 1));
    return first && last && *first <= *last;
  });
}

void check_certificates(Checker& check) {
  for (std::size_t i = 0; i < check.conf.certificates.size(); ++i) {
    const Certificate& cert = check.conf.certificates[i];
    const std::string place = at("certificate", i);
    if (cert.acme) continue;  // check_acme
    if (cert.self_signed) {
      if (cert.names.empty())
        check.error(place, "a self-signed certificate needs `names`", "names = [\"example.org\"]");
      if (!cert.cert.empty() || !cert.key.empty()) {
        check.error(place + ".self_signed", "`self_signed` makes its own files; leave `cert` and `key` out");
      }
    } else if (cert.cert.empty() || cert.key.empty()) {
      check.error(place, cert.cert.empty() ? "[[certificate]] needs `cert`" : "[[certificate]] needs `key`",
                  "both are PEM files; or self_signed = true for a try");
    }
  }
}

void check_backends(Checker& check, const Pool& pool, const std::string& place) {
  Names names(check, "backend");
  bool any_weight = false;
  for (std::size_t i = 0; i < pool.backends.size(); ++i) {
    const Backend& backend = pool.backends[i];
    names.add(backend.name, at(place + ".backend", i));
    any_weight = any_weight || backend.weight > 0;
  }
  if (pool.webmail && !pool.backends.empty()) {
    check.error(place + ".webmail", "a pool with `webmail = true` can have no [[pool.backend]]");
  } else if (!pool.webmail && pool.backends.empty()) {
    check.error(place, "the pool `" + pool.name + "` has no backend", "add a [[pool.backend]] below it");
  } else if (!pool.webmail && !any_weight) {
    check.warning(place, "all backends of the pool `" + pool.name + "` have weight 0: none is in service");
  }
}

constexpr std::size_t kMaxChain = 16;

void check_chain(Checker& check, const Pool& pool, const std::string& place) {
  for (const auto& function : pool.chain) {
    std::string why, hint;
    if (!check_candidacy(function, why, hint)) check.error(place + ".chain", why, hint);
  }
  if (pool.chain.size() > kMaxChain) {
    check.error(place + ".chain", "a chain has at most " + std::to_string(kMaxChain) + " functions");
  }
  if (pool.scheduler == "chain" && pool.chain.empty()) {
    check.error(place + ".scheduler", "the scheduler \"chain\" needs `chain`",
                "chain = [\"byAge 5s\", \"byRandom\", \"byLogWindow\", \"byLoad\"]");
  } else if (pool.scheduler != "chain" && !pool.chain.empty()) {
    check.warning(place + ".chain", "`chain` has no effect with the scheduler \"" + pool.scheduler + "\"",
                  "scheduler = \"chain\"");
  } else if (pool.scheduler == "chain" && !check.conf.cluster.enabled) {
    check.warning(place + ".scheduler", "without [cluster] the load of backends is not known");
  }
}

void check_health(Checker& check, const Health& health, const std::string& place) {
  if (!is_code_list(health.expect)) {
    check.error(place + ".expect", "`expect` must be status codes from 100 to 599", "such as \"200-299,401\"");
  }
  if (!health.path.starts_with('/')) check.error(place + ".path", "`path` must begin with /");
  if (health.timeout > health.interval) {
    check.warning(place + ".timeout",
                  "`timeout` is longer than `interval`: checks of one backend will wait for each other");
  }
}

}  // namespace

void check_listeners(Checker& check) {
  const Conf& conf = check.conf;
  Names names(check, "listener");
  for (std::size_t i = 0; i < conf.listens.size(); ++i) {
    names.add(conf.listens[i].name, at("listen", i, "name"));
    if (conf.listens[i].tls && conf.certificates.empty()) {
      check.error(at("listen", i, "tls"), "this port speaks TLS, but there is no [[certificate]]");
    }
  }
  check_certificates(check);
  if (!conf.listens.empty() && conf.routes.empty()) {
    check.warning("listen[0]", "there is no [[route]]: every request will be answered 404");
  }
}

void check_pools(Checker& check) {
  Names names(check, "pool");
  for (std::size_t i = 0; i < check.conf.pools.size(); ++i) {
    const Pool& pool = check.conf.pools[i];
    const std::string place = at("pool", i);
    names.add(pool.name, place + ".name");
    check_backends(check, pool, place);
    check_chain(check, pool, place);
    check_pool_choice(check, pool, place);
    check_health(check, pool.health, place + ".health");
  }
}

}  // namespace genkan::conf
