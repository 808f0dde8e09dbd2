// Checks of how a [[pool]] reaches its backends: TLS, PROXY headers, second requests, and who they are.
#include <algorithm>
#include <utility>

#include "base/address.hpp"
#include "base/text.hpp"
#include "conf/check.hpp"

namespace genkan::conf {
namespace {

void check_tls(Checker& check, const Pool& pool, const std::string& place) {
  if (pool.tls == "off") {
    const std::pair<const char*, bool> rows[] = {{"tls_ca", !pool.tls_ca.empty()},
                                                 {"tls_name", !pool.tls_name.empty()},
                                                 {"tls_cert", !pool.tls_cert.empty()},
                                                 {"tls_key", !pool.tls_key.empty()},
                                                 {"tls_verify", !pool.tls_verify}};
    for (const auto& [name, changed] : rows) {
      if (!changed) continue;
      check.warning(place + "." + name, "`" + std::string(name) + "` has no effect without TLS to the backends",
                    "tls = \"on\"");
    }
    if (pool.protocol == "auto") {
      check.error(place + ".protocol", "without TLS the protocol can't be settled with a backend",
                  "tls = \"on\", or protocol = \"h2\" where the backends are known to speak it");
    }
    return;
  }
  if (!pool.tls_verify) {
    check.warning(place + ".tls_verify",
                  "certificates of the backends are not checked: anybody on the way can read and change what passes",
                  "tls_ca = \"FILE\" with the CA that signed them");
    if (!pool.tls_ca.empty()) check.warning(place + ".tls_ca", "`tls_ca` has no effect with `tls_verify = false`");
  }
  if (pool.tls_cert.empty() != pool.tls_key.empty()) {
    check.error(place + (pool.tls_cert.empty() ? ".tls_key" : ".tls_cert"), "`tls_cert` and `tls_key` need each other");
  }
  if (pool.tls_verify && pool.tls_name.empty()) {
    for (std::size_t i = 0; i < pool.backends.size(); ++i) {
      if (!pool.backends[i].address.starts_with("unix:")) continue;
      check.error(at(place + ".backend", i, "address"), "a Unix socket has no name that its certificate could be for",
                  "tls_name = \"NAME\"");
    }
  }
}

void check_hedge(Checker& check, const Pool& pool, const std::string& place) {
  if (pool.hedge_percentile > 0 && pool.hedge_percentile < 50) {
    check.error(place + ".hedge_percentile", "more than half of the requests would be sent twice",
                "from 50 to 99; 95 is usual");
  }
  if (pool.hedge_percentile == 0 && pool.hedge_after.count() == 0 && pool.hedge_budget != Pool().hedge_budget) {
    check.warning(place + ".hedge_budget", "it has no effect without `hedge_percentile` or `hedge_after`");
  }
}

void check_addresses(Checker& check, const Pool& pool, const std::string& place) {
  for (std::size_t i = 0; i < pool.backends.size(); ++i) {
    const Backend& b = pool.backends[i];
    if (b.addresses == Backend().addresses) continue;
    if (!base::Endpoint::parse(b.address) && !b.address.starts_with("srv:")) continue;
    check.warning(at(place + ".backend", i, "addresses"), "it has no effect: `address` is no name with addresses");
  }
}

}  // namespace

void check_pool_connections(Checker& check, const Pool& pool, const std::string& place) {
  check_tls(check, pool, place);
  check_hedge(check, pool, place);
  check_addresses(check, pool, place);
  if (pool.send_proxy != "off" && pool.warm_connections > 0) {
    check.error(place + ".warm_connections", "a connection that names its client can't be opened before there is one",
                "leave it out, or send_proxy = \"off\"");
  }
  if (pool.warm_connections > pool.idle_connections) {
    check.error(place + ".warm_connections", "more are kept warm than `idle_connections` lets stay");
  }
  if (!pool.from_agents.empty() && pool.webmail) {
    check.error(place + ".from_agents", "the webmail is this pool's only backend");
  } else if (!pool.from_agents.empty() && !check.conf.cluster.enabled) {
    check.error(place + ".from_agents", "agents are not heard without [cluster]", "enabled = true");
  }
  const Health usual;
  if (!pool.health.body.empty() && pool.health.type != "http") {
    check.warning(place + ".health.body", "only checks of type \"http\" look at the content");
  }
  if (pool.health.service != usual.service && pool.health.type != "grpc") {
    check.warning(place + ".health.service", "only checks of type \"grpc\" ask for a service");
  }
  if (pool.health.type == "grpc" && pool.tls != "off" && pool.protocol == "http/1.1") {
    check.error(place + ".health.type", "gRPC needs HTTP/2, which this pool does not offer its backends",
                "protocol = \"h2\"");
  }
  if (pool.health.type == "tls" && pool.tls == "off") {
    check.error(place + ".health.type", "the backends of this pool do not speak TLS",
                "tls = \"on\", or type = \"tcp\"");
  }
}

// "NAME:PORT" or "NAME:ADDRESS:PORT".
void check_serves(Checker& check) {
  std::size_t all = 0;
  for (const auto& text : check.conf.cluster.serves) {
    const auto colon = text.find(':');
    const std::string_view name = std::string_view(text).substr(0, colon);
    const std::string_view rest = colon == std::string::npos ? "" : std::string_view(text).substr(colon + 1);
    const auto port = base::parse_uint(rest);
    const auto endpoint = base::Endpoint::parse(rest);
    const bool place_ok = port ? *port > 0 && *port < 65536 : endpoint && !endpoint->is_unix() && endpoint->port > 0;
    const bool name_ok = !name.empty() && std::all_of(name.begin(), name.end(), [](char c) {
      return c > 0x20 && c < 0x7f && c != ',' && c != ':';
    });
    if (!name_ok || !place_ok) {
      check.error("cluster.serves", "\"" + text + "\" is no name with a port",
                  "write it as \"web:8080\" or \"web:192.0.2.7:8080\"");
    }
    all += text.size() + 1;
  }
  if (all > 512) check.error("cluster.serves", "it is too long to be announced: 512 bytes are the most");
}

}  // namespace genkan::conf
