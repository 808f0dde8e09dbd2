// Checks of [[route]]'s conditions and actions. What stands around an action: check_route_layers.cpp.
#include "conf/check_route.hpp"

#include <algorithm>
#include <optional>
#include <set>
#include <string>

#include "base/pattern.hpp"
#include "base/text.hpp"
#include "conf/placeholders.hpp"

namespace genkan::conf {
namespace {

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

// "Name: pattern" of headers, cookies and arguments.
void check_named_patterns(Checker& check, const std::vector<std::string>& rules, const std::string& place,
                          std::string_view what, std::string_view example) {
  for (const auto& rule : rules) {
    const auto split = split_field_rule(rule);
    std::string why;
    if (!split) {
      check.error(place, "\"" + rule + "\" must be a " + std::string(what) + " name, a colon and a pattern",
                  std::string(example));
    } else if (!base::Pattern::compile(split->text, why)) {
      check.error(place, "\"" + rule + "\" has no regular expression behind the colon: " + why);
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
  check_named_patterns(check, route.headers, place + ".headers", "field", "\"X-Beta: ^yes$\"");
  check_named_patterns(check, route.cookies, place + ".cookies", "cookie", "\"beta: ^1$\"");
  check_named_patterns(check, route.args, place + ".args", "argument", "\"version: ^2$\"");
  for (const auto& name : route.server_names) {
    if (name.find('*') != std::string::npos && (!name.starts_with("*.") || name.rfind('*') != 0)) {
      check.error(place + ".server_names", "in \"" + name + "\" the * must be the whole first label");
    }
  }
  for (const auto& time : route.times) {
    if (!parse_week_time(time)) {
      check.error(place + ".times", "\"" + time + "\" is not a time of the week",
                  "\"Mon-Fri 08:00-18:00\", \"Sat,Sun\", \"22:00-06:00\"");
    }
  }
}

void check_redirect(Checker& check, const Route& route, const std::string& place) {
  static const std::set<std::uint32_t> codes = {0, 301, 302, 303, 307, 308};
  std::string why;
  if (!parse_placeholders(route.redirect, {}, why)) {
    check.error(place + ".redirect", "`redirect` " + why, "such as {scheme}, {host}, {path}, {query}, {target}");
  }
  if (!codes.contains(route.status)) {
    check.error(place + ".status", "a redirect can't have the status " + std::to_string(route.status),
                "301, 302, 303, 307 or 308");
  }
}

void check_split(Checker& check, const Route& route, const std::string& place) {
  std::uint32_t weights = 0;
  for (std::size_t i = 0; i < route.splits.size(); ++i) {
    const RouteSplit& split = route.splits[i];
    const std::string here = at(place + ".split", i);
    check_pool_name(check, split.pool, here + ".pool");
    weights += split.weight;
    if (!split.header.empty()) {
      check_named_patterns(check, {split.header}, here + ".header", "field", "\"X-Canary: ^1$\"");
    }
    if (!split.cookie.empty()) {
      check_named_patterns(check, {split.cookie}, here + ".cookie", "cookie", "\"canary: ^1$\"");
    }
  }
  if (weights > 100) check.error(place, "the weights of this route's [[route.split]] are more than 100 per cent");
  if (!route.splits.empty() && route.pool.empty()) check.error(place, "[[route.split]] needs `pool`");
  const std::string& by = route.split_by;
  const bool named = (by.starts_with("header:") || by.starts_with("cookie:")) && is_token(by.substr(7));
  if (by != "random" && by != "client" && !named) {
    check.error(place + ".split_by", "`split_by` must be \"random\", \"client\", \"header:NAME\" or \"cookie:NAME\"");
  }
}

void check_files(Checker& check, const Route& route, const std::string& place) {
  for (const auto& name : route.index) {
    if (name.empty() || name.find('/') != std::string::npos) {
      check.error(place + ".index", "\"" + name + "\" is not the name of a file in a folder");
    }
  }
  for (const auto& text : route.try_files) {
    std::string why;
    if (!parse_placeholders(text, {}, why)) check.error(place + ".try_files", "`try_files` " + why);
  }
  if (!route.try_files.empty() && route.root.empty()) check.error(place + ".try_files", "`try_files` needs `root`");
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
  if (!route.pool.empty()) check_pool_name(check, route.pool, place + ".pool");
  if (!route.redirect.empty()) {
    check_redirect(check, route, place);
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
  check_files(check, route, place);
  check_split(check, route, place);
}

bool takes_everything(const Route& r) {
  return r.hosts.empty() && r.path.empty() && (r.path_prefix.empty() || r.path_prefix == "/") &&
         r.path_pattern.empty() && r.methods.empty() && r.user_agent.empty() && r.agents.empty() && r.headers.empty() &&
         r.cookies.empty() && r.args.empty() && r.from.empty() && r.scheme.empty() && r.tls_versions.empty() &&
         r.server_names.empty() && r.client_certificate.empty() && r.times.empty();
}

}  // namespace

void check_pool_name(Checker& check, const std::string& name, const std::string& place) {
  if (check.conf.find_pool(name) != nullptr) return;
  std::vector<std::string_view> names;
  for (const auto& pool : check.conf.pools) names.push_back(pool.name);
  check.error(place, "there is no pool `" + name + "`", nearest_hint(name, names));
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
    check_route_layers(check, routes[i], place);
  }
  check_limits(check);
}

}  // namespace genkan::conf
