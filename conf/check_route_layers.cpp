// Checks of what stands around a route's action, of [[limit]] and of [compression].
#include <algorithm>
#include <string>

#include "base/pattern.hpp"
#include "base/text.hpp"
#include "conf/check_route.hpp"
#include "conf/placeholders.hpp"

namespace genkan::conf {
namespace {

// What a connection is made of is not for rules to change (RFC 9110 7.6.1, RFC 9112 6).
bool framing_field(std::string_view name) {
  for (const std::string_view bad : {"Connection", "Content-Length", "Transfer-Encoding", "Keep-Alive", "Upgrade", "TE",
                                     "Trailer", "Proxy-Connection"}) {
    if (base::iequals(bad, name)) return true;
  }
  return false;
}

void check_fields(Checker& check, const RouteFields& fields, const std::string& place, bool response) {
  const auto check_rules = [&](const std::vector<std::string>& rules, const std::string& here) {
    for (const auto& rule : rules) {
      const auto split = split_field_rule(rule);
      std::string why;
      if (!split) {
        check.error(here, "\"" + rule + "\" must be a field name, a colon and a text", "\"X-Client: {client}\"");
      } else if (framing_field(split->name)) {
        check.error(here, "the field " + std::string(split->name) + " belongs to the connection and can't be changed");
      } else if (!parse_placeholders(split->text, {.status = response}, why)) {
        check.error(here, "\"" + rule + "\" " + why);
      }
    }
  };
  check_rules(fields.set, place + ".set");
  check_rules(fields.add, place + ".add");
  for (const auto& name : fields.remove) {
    if (!is_token(name)) check.error(place + ".remove", "\"" + name + "\" is not a field name");
    if (framing_field(name)) check.error(place + ".remove", "the field " + name + " belongs to the connection");
  }
}

void check_rewrite(Checker& check, const Route& route, const std::string& place) {
  for (const auto& rule : route.rewrite) {
    const auto split = parse_rewrite(rule);
    std::string why;
    if (!split) {
      check.error(place + ".rewrite", "\"" + rule + "\" must be a pattern, an arrow and a path",
                  "\"^/old/(.*) -> /new/{1}\"");
    } else if (!base::Pattern::compile(split->pattern, why)) {
      check.error(place + ".rewrite", "\"" + rule + "\" has no regular expression before the arrow: " + why);
    } else if (!parse_placeholders(split->text, {.groups = true}, why)) {
      check.error(place + ".rewrite", "\"" + rule + "\" " + why);
    } else if (!split->text.starts_with('/') && !split->text.starts_with('{')) {
      check.error(place + ".rewrite", "\"" + rule + "\": the new path must begin with /");
    }
  }
  std::string why;
  if (!parse_placeholders(route.rewrite_query, {}, why)) {
    check.error(place + ".rewrite_query", "`rewrite_query` " + why);
  }
}

void check_access(Checker& check, const Route& route, const std::string& place) {
  if (!route.auth.pool.empty()) {
    std::string why;
    check_pool_name(check, route.auth.pool, place + ".auth.pool");
    if (!route.auth.path.starts_with('/')) check.error(place + ".auth.path", "`path` must begin with /");
    if (!parse_placeholders(route.auth.path, {}, why)) check.error(place + ".auth.path", "`path` " + why);
    for (const auto& name : route.auth.copy) {
      if (!is_token(name) || framing_field(name)) {
        check.error(place + ".auth.copy", "\"" + name + "\" is not a field that can be copied");
      }
    }
  }
  if (!route.mirror.pool.empty()) {
    check_pool_name(check, route.mirror.pool, place + ".mirror.pool");
    if (route.pool.empty()) check.error(place + ".mirror", "[route.mirror] needs `pool`");
  }
}

void check_cors(Checker& check, const RouteCors& cors, const std::string& place) {
  for (const auto& origin : cors.origins) {
    if (origin == "*") {
      if (cors.credentials) {
        check.error(place + ".credentials", "`credentials` can't be given to every origin", "name the origins");
      }
      continue;
    }
    const std::size_t scheme = origin.find("://");
    const bool tail = scheme != std::string::npos && origin.find('/', scheme + 3) != std::string::npos;
    if (scheme == std::string::npos || tail || scheme + 3 == origin.size()) {
      check.error(place + ".origins", "\"" + origin + "\" is not an origin", "\"https://app.example\", without a path");
    }
  }
  for (const auto* names : {&cors.methods, &cors.headers, &cors.expose}) {
    for (const auto& name : *names) {
      if (!is_token(name)) check.error(place, "\"" + name + "\" is not a name of a method or field");
    }
  }
}

void check_limit_names(Checker& check, const std::vector<std::string>& limits, const std::string& place) {
  std::vector<std::string_view> names;
  for (const auto& limit : check.conf.limits) names.push_back(limit.name);
  for (const auto& name : limits) {
    if (std::find(names.begin(), names.end(), name) == names.end()) {
      check.error(place, "there is no limit `" + name + "`", nearest_hint(name, names));
    }
  }
}

}  // namespace

void check_route_layers(Checker& check, const Route& route, const std::string& place) {
  check_rewrite(check, route, place);
  check_fields(check, route.request, place + ".request", false);
  check_fields(check, route.response, place + ".response", true);
  check_access(check, route, place);
  check_cors(check, route.cors, place + ".cors");
  check_limit_names(check, route.limits, place + ".limits");
  for (const auto& page : route.error_pages) {
    if (!parse_error_page(page)) {
      check.error(place + ".error_pages", "\"" + page + "\" must be a status, a colon and a file",
                  "\"404: /etc/genkan/404.html\" or \"5xx: /etc/genkan/sorry.html\"");
    }
  }
  if (!route.maintenance_except.empty() && !route.maintenance) {
    check.warning(place + ".maintenance_except", "`maintenance_except` has no effect without `maintenance`");
  }
}

void check_limits(Checker& check) {
  Names names(check, "limit");
  const auto& limits = check.conf.limits;
  for (std::size_t i = 0; i < limits.size(); ++i) {
    const Limit& limit = limits[i];
    const std::string place = at("limit", i);
    std::string why;
    names.add(limit.name, place + ".name");
    if (!parse_placeholders(limit.key, {}, why)) check.error(place + ".key", "`key` " + why);
    if (!limit.rate.empty() && !parse_rate(limit.rate)) {
      check.error(place + ".rate", "\"" + limit.rate + "\" is not a rate", "\"10/s\", \"600/m\" or \"5000/h\"");
    }
    if (limit.rate.empty() && limit.concurrent == 0) {
      check.error(place, "the limit `" + limit.name + "` limits nothing", "give it `rate` or `concurrent`");
    }
    if (limit.rate.empty() && limit.burst != 0) check.error(place + ".burst", "`burst` needs `rate`");
  }
  check_limit_names(check, check.conf.http.limits, "http.limits");
}

}  // namespace genkan::conf
