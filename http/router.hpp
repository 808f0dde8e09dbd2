// The router: an ordered table, the first row that matches wins. Immutable; thread-safe.
#pragma once

#include <array>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/pattern.hpp"
#include "conf/conf.hpp"
#include "http/handler.hpp"

namespace genkan::http {

class Router final : public Handler {
 public:
  // One handler for each route, in the same order. The reader has checked every pattern.
  static Result<std::shared_ptr<Router>> make(const std::vector<conf::Route>& routes,
                                              std::vector<std::shared_ptr<Handler>> handlers, std::string& why);

  net::Task<Result<Response>> handle(Request& request) override;

  // The row for a request, or -1. Pure: also what `genkan explain` shows.
  int match(const Request& request) const;
  std::string_view name(int row) const { return rows_[static_cast<std::size_t>(row)].name; }

 private:
  struct HeaderRule {
    std::string name;
    base::Pattern pattern;
  };
  struct Row {
    std::string name;
    std::vector<std::string> hosts;     // exact, lower case
    std::vector<std::string> suffixes;  // ".example.org" of "*.example.org"
    std::vector<base::Pattern> host_patterns;
    bool any_host = true;
    std::string path, prefix;
    int path_pattern = -1, agent_pattern = -1;  // indices into the sets
    std::vector<std::string> methods;
    std::vector<HeaderRule> headers;
    std::shared_ptr<Handler> handler;
  };
  static net::Task<Result<Response>> answer_none(Request& request);
  struct Matched;  // of the pattern sets, found out at most once a request
  bool row_matches(const Row& row, const Request& request, Matched& matched) const;
  static bool host_matches(const Row& row, std::string_view host);

  std::vector<Row> rows_;
  base::PatternSet paths_, agents_;
};

}  // namespace genkan::http
