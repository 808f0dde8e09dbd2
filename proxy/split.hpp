// [[route.split]]: a share of a route's requests goes to other pools. By chance, or so that the same visitor keeps its
// part: a keyed hash of the address, of a cookie or of a field, which all workers and reloads agree on.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/pattern.hpp"
#include "conf/route.hpp"
#include "proxy/layer.hpp"

namespace genkan::proxy {

class Split final : public http::Handler {
 public:
  // One handler for each split, in order, and the one for the rest.
  Split(const conf::Route& route, std::vector<HandlerPtr> parts, HandlerPtr rest);
  net::Task<Result<http::Response>> handle(http::Request& request) override;

  // Which part; -1: the rest. `draw` is in [0, 100).
  int choose(const http::Request& request, double draw) const;
  // What the visitor keeps, in [0, 100); nothing: by chance.
  std::optional<double> kept_draw(const http::Request& request) const;

 private:
  struct Rule {
    std::string name;
    base::Pattern pattern;
  };
  struct Part {
    HandlerPtr handler;
    std::uint32_t weight;
    std::optional<Rule> header, cookie;
  };
  std::vector<Part> parts_;
  HandlerPtr rest_;
  enum class By { random, client, header, cookie } by_ = By::random;
  std::string name_, salt_;
};

}  // namespace genkan::proxy
