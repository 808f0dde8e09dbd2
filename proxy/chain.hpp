// From the rows of [[route]] to handlers: each row becomes the chain of exactly the layers that it names (layer.hpp has
// their order), when the configuration is read. A route with nothing but a pool is that pool's handler, shared by all
// such routes.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>

#include "base/telemetry.hpp"
#include "cache/cache.hpp"
#include "conf/conf.hpp"
#include "net/offload.hpp"
#include "proxy/layer.hpp"
#include "proxy/limits.hpp"

namespace genkan::proxy {

// What handlers are made of; all of it outlives them.
struct Parts {
  std::function<HandlerPtr(const conf::Pool& pool, const std::string& host)> forward;  // to a pool, with that Host
  base::Telemetry& telemetry;
  net::Offload& files;
  Limits& limits;
  std::shared_ptr<cache::Cache> cache;
  HandlerPtr webmail;  // for pools with webmail = true; may be null
};

// For one configuration. Blocks: reads files. Not thread-safe.
class ChainBuilder {
 public:
  ChainBuilder(Parts parts, const conf::Conf& conf) : parts_(std::move(parts)), conf_(conf) {}
  // `why` says which file of which route can't be used.
  Result<HandlerPtr> make(const conf::Route& route, std::string& why);

 private:
  HandlerPtr action(const conf::Route& route);
  HandlerPtr pool(const std::string& name, const std::string& host);
  HandlerPtr pool_with_split(const conf::Route& route);
  HandlerPtr inner_layers(const conf::Route& route, HandlerPtr handler);
  Result<HandlerPtr> response_layers(const conf::Route& route, HandlerPtr handler, std::string& why);
  Result<HandlerPtr> access_layers(const conf::Route& route, HandlerPtr handler, std::string& why);
  HandlerPtr limit_layer(const conf::Route& route, HandlerPtr handler);

  Parts parts_;
  const conf::Conf& conf_;
  std::map<std::pair<std::string, std::string>, HandlerPtr> pools_;  // by name and Host
};

}  // namespace genkan::proxy
