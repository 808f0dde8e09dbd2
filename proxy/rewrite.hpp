// Rules on what passes: header fields of the request and of the response, the path and the query that the backend gets.
#pragma once

#include <string>
#include <vector>

#include "base/pattern.hpp"
#include "conf/route.hpp"
#include "proxy/layer.hpp"
#include "proxy/text.hpp"

namespace genkan::proxy {

// set, add and remove of one direction, compiled.
class FieldRules {
 public:
  explicit FieldRules(const conf::RouteFields& fields);
  bool empty() const noexcept { return rules_.empty() && remove_.empty(); }
  // Texts are filled from the request before any of them changes it. `status`: of the response.
  void apply(http::Request& request, http::Fields& fields, int status = 0) const;

 private:
  struct Rule {
    std::string name;
    Text text;
    bool add;
  };
  std::vector<Rule> rules_;
  std::vector<std::string> remove_;
};

// Changes path and query for everything further in, and puts them back. The access log keeps the target as received.
class RewriteLayer final : public Layer {
 public:
  RewriteLayer(HandlerPtr next, const conf::Route& route);
  net::Task<Result<http::Response>> handle(http::Request& request) override;
  static bool wanted(const conf::Route& route) noexcept;

 private:
  struct Rule {
    base::Pattern pattern;
    Text text;
  };
  enum class NewPath { same, changed, bad };
  // The new path, normalised again.
  NewPath new_path(http::Request& request, std::string& out) const;

  FieldRules fields_;
  std::vector<Rule> rules_;
  Text query_;
  bool has_query_;
};

class ResponseFieldsLayer final : public Layer {
 public:
  ResponseFieldsLayer(HandlerPtr next, const conf::RouteFields& fields) : Layer(std::move(next)), rules_(fields) {}
  net::Task<Result<http::Response>> handle(http::Request& request) override;

 private:
  FieldRules rules_;
};

}  // namespace genkan::proxy
