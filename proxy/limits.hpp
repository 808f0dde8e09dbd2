// [[limit]]: the tables of all limits, which live on over reloads, and the layer that asks them. What is over a limit
// is 429 with Retry-After (RFC 6585 4).
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/telemetry.hpp"
#include "conf/conf.hpp"
#include "proxy/layer.hpp"
#include "proxy/limit_table.hpp"
#include "proxy/text.hpp"

namespace genkan::proxy {

LimitSettings limit_settings(const conf::Limit& limit);  // pure

// One limit, as its layer uses it.
struct LimitUse {
  std::shared_ptr<LimitTable> table;
  Text key;
  bool concurrent = false;
  base::Counter* refused = nullptr;
};

// Main thread. Lives as long as the program.
class Limits {
 public:
  explicit Limits(base::Telemetry& telemetry) : telemetry_(telemetry) {}
  // A limit of the same name and key goes on with its buckets.
  LimitUse use(const conf::Limit& limit);

 private:
  base::Telemetry& telemetry_;
  std::map<std::pair<std::string, std::string>, std::shared_ptr<LimitTable>> tables_;
};

class LimitLayer final : public Layer {
 public:
  LimitLayer(HandlerPtr next, std::vector<LimitUse> uses);
  net::Task<Result<http::Response>> handle(http::Request& request) override;

 private:
  // Places among the requests in work, given back at the end.
  struct Places {
    std::vector<std::pair<LimitTable*, std::uint64_t>> taken;
    Places() = default;
    Places(Places&& other) noexcept : taken(std::exchange(other.taken, {})) {}
    Places& operator=(Places&&) = delete;
    ~Places() {
      for (auto& [table, key] : taken) table->leave(key);
    }
  };
  bool enter(http::Request& request, Places& places, Duration& retry_after) const;
  static net::Task<Result<http::Response>> refuse(http::Request& request, Duration retry_after);
  net::Task<Result<http::Response>> hold(http::Request& request, Places places);

  std::vector<LimitUse> uses_;
};

}  // namespace genkan::proxy
