#include "http/router.hpp"

namespace genkan::http {
namespace {

// Keeps its room from request to request. Not held over a suspension.
Facts& fresh_facts() {
  thread_local Facts facts;
  facts.begin();
  return facts;
}

}  // namespace

Result<std::shared_ptr<Router>> Router::make(const std::vector<conf::Route>& routes,
                                             std::vector<std::shared_ptr<Handler>> handlers, std::string& why) {
  auto router = std::make_shared<Router>();
  for (std::size_t i = 0; i < routes.size(); ++i) {
    auto matcher = RowMatcher::make(routes[i], router->sets_, why);
    if (!matcher) return matcher.error();
    router->index_.add(static_cast<int>(i), *matcher);
    router->rows_.push_back({routes[i].name, std::move(*matcher), std::move(handlers[i])});
  }
  router->sets_.paths.compile();
  router->sets_.agents.compile();
  router->sets_.hosts.compile();
  return router;
}

int Router::match_in_order(const Request& request) const {
  Facts& facts = fresh_facts();
  for (std::size_t i = 0; i < rows_.size(); ++i) {
    if (matches(static_cast<int>(i), request, facts)) return static_cast<int>(i);
  }
  return -1;
}

int Router::match(const Request& request) const {
  return rows_.size() <= kFew ? match_in_order(request) : match_by_index(request);
}

int Router::match_by_index(const Request& request) const {
  Facts& facts = fresh_facts();
  thread_local Rows store;
  RouteIndex::Ways ways;
  index_.plain_ways(request, ways);
  bool patterns_due = index_.has_patterns();
  for (;;) {
    int row = ways.next();
    if (patterns_due && (row < 0 || row > index_.first_pattern_row())) {
      patterns_due = false;
      index_.pattern_ways(request, sets_, facts, store, ways);
      row = ways.next();
    }
    if (ways.too_many) return match_in_order(request);
    if (row < 0 || matches(row, request, facts)) return row;
    ways.drop(row);
  }
}

Condition Router::first_miss(int row, const Request& request) const {
  return rows_[static_cast<std::size_t>(row)].matcher.first_miss(request, sets_, fresh_facts());
}

net::Task<Result<Response>> Router::handle(Request& request) {
  const int row = match(request);
  if (row < 0) return answer_none(request);
  request.route = rows_[static_cast<std::size_t>(row)].name;
  request.route_row = row;
  return rows_[static_cast<std::size_t>(row)].handler->handle(request);  // no frame of its own
}

net::Task<Result<Response>> Router::answer_none(Request& request) {
  co_return error_page(request, 404, "Nothing is configured for this address.");
}

}  // namespace genkan::http
