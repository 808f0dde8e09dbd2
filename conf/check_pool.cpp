// Checks of how a [[pool]] chooses, retries and waits.
#include <algorithm>

#include "base/text.hpp"
#include "conf/check.hpp"
#include "conf/check_route.hpp"
#include "conf/placeholders.hpp"

namespace genkan::conf {
namespace {

bool is_hash_key(std::string_view key) {
  if (key == "client" || key == "path" || key == "uri") return true;
  for (const std::string_view kind : {"header:", "cookie:", "query:"}) {
    if (key.starts_with(kind)) return is_token(key.substr(kind.size()));
  }
  return false;
}

void check_retry_on(Checker& check, const Pool& pool, const std::string& place) {
  for (const auto& what : pool.retry_on) {
    const auto status = base::parse_uint(what);
    if (status ? *status >= 500 && *status <= 599 : what == "connect" || what == "broken" || what == "timeout")
      continue;
    check.error(place + ".retry_on", "\"" + what + "\" is nothing that can be retried",
                "\"connect\", \"broken\", \"timeout\", or a status from \"500\" to \"599\"");
  }
}

// The pools that stand in for each other must come to an end.
bool falls_in_a_ring(const Conf& conf, const Pool& pool) {
  const Pool* at = &pool;
  for (std::size_t i = 0; i <= conf.pools.size(); ++i) {
    if (at->fallback.empty()) return false;
    at = conf.find_pool(at->fallback);
    if (!at) return false;
  }
  return true;
}

}  // namespace

void check_pool_choice(Checker& check, const Pool& pool, const std::string& place) {
  if (!is_hash_key(pool.hash_key)) {
    check.error(place + ".hash_key", "\"" + pool.hash_key + "\" is nothing that can be hashed",
                "\"client\", \"path\", \"uri\", \"header:NAME\", \"cookie:NAME\" or \"query:NAME\"");
  }
  if (pool.hash_balance > 0 && pool.hash_balance <= 100) {
    check.error(place + ".hash_balance", "with 100 per cent or less not every request finds room",
                "125 is usual; 0 means no limit");
  }
  const Pool usual;
  const bool tuned = pool.hash_key != usual.hash_key || pool.hash_balance != usual.hash_balance;
  if (pool.scheduler != "hash" && tuned) {
    check.warning(place + (pool.hash_key != usual.hash_key ? ".hash_key" : ".hash_balance"),
                  "it has no effect with the scheduler \"" + pool.scheduler + "\"", "scheduler = \"hash\"");
  }
  check_retry_on(check, pool, place);
  if (!pool.sticky_cookie.empty() && !is_token(pool.sticky_cookie)) {
    check.error(place + ".sticky_cookie", "\"" + pool.sticky_cookie + "\" is no name for a cookie");
  }
  if (pool.sticky_cookie.empty() && !pool.sticky_key.empty()) {
    check.warning(place + ".sticky_key", "`sticky_key` has no effect without `sticky_cookie`");
  }
  if (!pool.fallback.empty()) {
    const Pool* other = check.conf.find_pool(pool.fallback);
    if (!other) {
      check_pool_name(check, pool.fallback, place + ".fallback");
    } else if (other->webmail) {
      check.error(place + ".fallback", "the webmail can't stand in for another pool");
    } else if (falls_in_a_ring(check.conf, pool)) {
      check.error(place + ".fallback", "the fallbacks of this pool lead back to it");
    }
  }
  const bool limited =
      std::any_of(pool.backends.begin(), pool.backends.end(), [](const Backend& b) { return b.max_connections > 0; });
  if (pool.queue > 0 && !limited) {
    check.warning(place + ".queue", "nobody will ever wait: no backend of this pool has `max_connections`");
  }
}

}  // namespace genkan::conf
