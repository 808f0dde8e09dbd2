// Checks of [[listen]], [[certificate]], [[pool]], [[route]].
#include <algorithm>
#include <optional>
#include <set>
#include <string>

#include "base/pattern.hpp"
#include "base/text.hpp"
#include "conf/chain.hpp"
#include "conf/check.hpp"

namespace genkan::conf {
namespace {

// tchar of RFC 9110 5.6.2: what a method and a field name are made of.
bool is_token(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= '0' && c <= '9') || (base::lower(c) >= 'a' && base::lower(c) <= 'z') ||
           std::string_view("!#$%&'*+-.^_`|~").find(c) != std::string_view::npos;
  });
}

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

void check_route_hosts(Checker& check, const Route& route, const std::string& place) {
  for (const auto& host : route.hosts) {
    std::string why;
    if (host.starts_with('~')) {
      if (!base::Pattern::compile(std::string_view(host).substr(1), why, true)) {
        check.error(place + ".hosts", "\"" + host + "\" is not a regular expression: " + why);
      }
    } else if (host.find('*') != std::string::npos && (!host.starts_with("*.") || host.rfind('*') != 0)) {
      check.error(place + ".hosts", "in \"" + host + "\" the * must be the whole first label",
                  "\"*.example.org\", or a regular expression \"~...\"");
    } else if (host.find_first_of("/:") != std::string::npos && !host.starts_with('[')) {
      check.error(place + ".hosts", "\"" + host + "\" is not a host name", "without scheme, port and path");
    }
  }
}

void check_route_conditions(Checker& check, const Route& route, const std::string& place) {
  check_route_hosts(check, route, place);
  if (!route.path.empty() && !route.path.starts_with('/')) check.error(place + ".path", "`path` must begin with /");
  if (!route.path_prefix.empty() && !route.path_prefix.starts_with('/')) {
    check.error(place + ".path_prefix", "`path_prefix` must begin with /");
  }
  if (!route.path.empty() + !route.path_prefix.empty() + !route.path_pattern.empty() > 1) {
    check.error(place, "a route can have only one of `path`, `path_prefix` and `path_pattern`");
  }
  for (const auto& method : route.methods) {
    if (!is_token(method)) check.error(place + ".methods", "\"" + method + "\" is not a method");
  }
  for (const auto& field : route.headers) {
    const auto colon = field.find(':');
    std::string why;
    if (colon == std::string::npos || !is_token(std::string_view(field).substr(0, colon))) {
      check.error(place + ".headers", "\"" + field + "\" must be a field name, a colon and a pattern",
                  "\"X-Beta: ^yes$\"");
    } else if (!base::Pattern::compile(base::trim(std::string_view(field).substr(colon + 1)), why)) {
      check.error(place + ".headers", "\"" + field + "\" has no regular expression behind the colon: " + why);
    }
  }
}

// {host} and its like in a redirect.
void check_placeholders(Checker& check, const Route& route, const std::string& place) {
  static const std::vector<std::string_view> known = {"scheme", "host", "path", "query", "target"};
  const std::string& text = route.redirect;
  for (auto open = text.find('{'); open != std::string::npos; open = text.find('{', open + 1)) {
    const auto close = text.find('}', open);
    const std::string name = close == std::string::npos ? std::string() : text.substr(open + 1, close - open - 1);
    if (std::find(known.begin(), known.end(), name) != known.end()) continue;
    check.error(place + ".redirect", "`redirect` knows no placeholder {" + name + "}",
                "there are {scheme}, {host}, {path}, {query}, {target}");
  }
}

void check_route_action(Checker& check, const Route& route, const std::string& place) {
  std::vector<std::string> actions;
  if (!route.pool.empty()) actions.push_back("pool");
  if (!route.redirect.empty()) actions.push_back("redirect");
  if (!route.root.empty()) actions.push_back("root");
  if (route.status != 0 && route.redirect.empty()) actions.push_back("status");
  if (actions.empty()) {
    check.error(place, "the route has no action", "give it one of `pool`, `redirect`, `root`, `status`");
  }
  if (actions.size() > 1) {
    check.error(place + "." + actions[1], "the route has two actions, `" + actions[0] + "` and `" + actions[1] + "`");
  }
  if (!route.pool.empty() && check.conf.find_pool(route.pool) == nullptr) {
    std::vector<std::string_view> names;
    for (const auto& pool : check.conf.pools) names.push_back(pool.name);
    check.error(place + ".pool", "there is no pool `" + route.pool + "`", nearest_hint(route.pool, names));
  }
  if (!route.redirect.empty()) {
    static const std::set<std::uint32_t> codes = {0, 301, 302, 303, 307, 308};
    check_placeholders(check, route, place);
    if (!codes.contains(route.status)) {
      check.error(place + ".status", "a redirect can't have the status " + std::to_string(route.status),
                  "301, 302, 303, 307 or 308");
    }
  } else if (route.status != 0 && route.status < 200) {
    check.error(place + ".status", "`status` must be from 200 to 599, not " + std::to_string(route.status));
  }
  if (!route.body.empty() && (route.status == 0 || !route.redirect.empty())) {
    check.error(place + ".body", "`body` needs `status`, and no other action");
  }
  if (route.pool.empty() && (route.cache || !route.host_to_backend.empty())) {
    check.error(place + (route.cache ? ".cache" : ".host_to_backend"),
                std::string(route.cache ? "`cache`" : "`host_to_backend`") + " needs `pool`");
  }
}

bool takes_everything(const Route& route) {
  return route.hosts.empty() && route.path.empty() && (route.path_prefix.empty() || route.path_prefix == "/") &&
         route.path_pattern.empty() && route.methods.empty() && route.user_agent.empty() && route.headers.empty();
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
    check_health(check, pool.health, place + ".health");
  }
}

void check_routes(Checker& check) {
  const auto& routes = check.conf.routes;
  const Conf& conf = check.conf;
  std::optional<std::size_t> last;
  Names names(check, "route");
  for (std::size_t i = 0; i < routes.size(); ++i) {
    const std::string place = at("route", i);
    names.add(routes[i].name, place + ".name");
    if (last) {
      check.warning(place, "this route is never reached",
                    "the one at " + conf.where(at("route", *last)) + " takes every request");
    } else if (takes_everything(routes[i])) {
      last = i;
    }
    check_route_conditions(check, routes[i], place);
    check_route_action(check, routes[i], place);
  }
}

}  // namespace genkan::conf
