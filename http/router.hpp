// The router: an ordered table, the first row that matches wins. Immutable; thread-safe. A few rows are asked one after
// the other; for more an index says which rows could match at all, so that 10,000 rows cost as 10.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "conf/conf.hpp"
#include "http/handler.hpp"
#include "http/route_index.hpp"
#include "http/route_match.hpp"

namespace genkan::http {

class Router final : public Handler {
 public:
  // One handler for each route, in the same order. The reader has checked every pattern.
  static Result<std::shared_ptr<Router>> make(const std::vector<conf::Route>& routes,
                                              std::vector<std::shared_ptr<Handler>> handlers, std::string& why);

  net::Task<Result<Response>> handle(Request& request) override;

  // The row for a request, or -1. Pure.
  int match(const Request& request) const;
  int match_in_order(const Request& request) const;  // the same, without the index: what it must agree with
  // Why a row does not take the request; Condition::none: it would.
  Condition first_miss(int row, const Request& request) const;
  std::string_view name(int row) const { return rows_[static_cast<std::size_t>(row)].name; }

 private:
  static constexpr std::size_t kFew = 8;  // rows that are asked one by one
  struct Row {
    std::string name;
    RowMatcher matcher;
    std::shared_ptr<Handler> handler;
  };
  static net::Task<Result<Response>> answer_none(Request& request);
  bool matches(int row, const Request& request, Facts& facts) const {
    return rows_[static_cast<std::size_t>(row)].matcher.first_miss(request, sets_, facts) == Condition::none;
  }
  int match_by_index(const Request& request) const;

  std::vector<Row> rows_;
  PatternSets sets_;
  RouteIndex index_;
};

}  // namespace genkan::http
