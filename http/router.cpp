#include "http/router.hpp"

#include <algorithm>

#include "base/text.hpp"

namespace genkan::http {

struct Router::Matched {
  bool paths_known = false, agents_known = false;
  std::vector<int> paths, agents;
};

Result<std::shared_ptr<Router>> Router::make(const std::vector<conf::Route>& routes,
                                             std::vector<std::shared_ptr<Handler>> handlers, std::string& why) {
  auto router = std::make_shared<Router>();
  for (std::size_t i = 0; i < routes.size(); ++i) {
    const conf::Route& route = routes[i];
    Row row;
    row.name = route.name;
    row.any_host = route.hosts.empty();
    for (const auto& host : route.hosts) {
      if (host == "*") {
        row.any_host = true;
      } else if (host.starts_with("~")) {
        auto pattern = base::Pattern::compile(host.substr(1), why, true);
        if (!pattern) return pattern.error();
        row.host_patterns.push_back(std::move(*pattern));
      } else if (host.starts_with("*.")) {
        row.suffixes.push_back(base::to_lower(host.substr(1)));
      } else {
        row.hosts.push_back(base::to_lower(host));
      }
    }
    row.path = route.path;
    row.prefix = route.path_prefix;
    if (!route.path_pattern.empty()) {
      const auto index = router->paths_.add(route.path_pattern, why);
      if (!index) return index.error();
      row.path_pattern = *index;
    }
    if (!route.user_agent.empty()) {
      const auto index = router->agents_.add("(?i)" + route.user_agent, why);
      if (!index) return index.error();
      row.agent_pattern = *index;
    }
    row.methods = route.methods;
    for (const auto& header : route.headers) {
      const std::size_t colon = header.find(':');
      auto pattern = base::Pattern::compile(base::trim(std::string_view(header).substr(colon + 1)), why);
      if (!pattern) return pattern.error();
      row.headers.push_back({std::string(base::trim(header.substr(0, colon))), std::move(*pattern)});
    }
    row.handler = std::move(handlers[i]);
    router->rows_.push_back(std::move(row));
  }
  router->paths_.compile();
  router->agents_.compile();
  return router;
}

bool Router::host_matches(const Row& row, std::string_view host) {
  if (row.any_host) return true;
  if (std::find(row.hosts.begin(), row.hosts.end(), host) != row.hosts.end()) return true;
  for (const auto& suffix : row.suffixes) {
    if (host.size() > suffix.size() && host.ends_with(suffix)) return true;
  }
  return std::any_of(row.host_patterns.begin(), row.host_patterns.end(),
                     [&](const base::Pattern& p) { return p.matches(host); });
}

bool Router::row_matches(const Row& row, const Request& r, Matched& matched) const {
  if (!row.path.empty() && r.path != row.path) return false;
  if (!row.prefix.empty() && !r.path.starts_with(row.prefix)) return false;
  if (!host_matches(row, r.host)) return false;
  if (!row.methods.empty() && std::find(row.methods.begin(), row.methods.end(), r.method_text) == row.methods.end()) {
    return false;
  }
  if (row.path_pattern >= 0) {
    if (!std::exchange(matched.paths_known, true)) paths_.match(r.path, matched.paths);
    if (!std::binary_search(matched.paths.begin(), matched.paths.end(), row.path_pattern)) return false;
  }
  if (row.agent_pattern >= 0) {
    if (!std::exchange(matched.agents_known, true)) {
      agents_.match(r.fields.get(FieldId::user_agent).value_or(""), matched.agents);
    }
    if (!std::binary_search(matched.agents.begin(), matched.agents.end(), row.agent_pattern)) return false;
  }
  for (const auto& rule : row.headers) {
    const auto value = r.fields.get(rule.name);
    if (!value || !rule.pattern.matches(*value)) return false;
  }
  return true;
}

int Router::match(const Request& request) const {
  Matched matched;
  for (std::size_t i = 0; i < rows_.size(); ++i) {
    if (row_matches(rows_[i], request, matched)) return static_cast<int>(i);
  }
  return -1;
}

net::Task<Result<Response>> Router::handle(Request& request) {
  const int row = match(request);
  if (row < 0) return answer_none(request);
  request.route = rows_[static_cast<std::size_t>(row)].name;
  return rows_[static_cast<std::size_t>(row)].handler->handle(request);  // no frame of its own
}

net::Task<Result<Response>> Router::answer_none(Request& request) {
  co_return error_page(request, 404, "Nothing is configured for this address.");
}

}  // namespace genkan::http
