// The PROXY protocol, versions 1 and 2, both sides (haproxy.org proxy-protocol.txt). Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/address.hpp"

namespace genkan::net {

struct ProxyHeader {
  enum class State { more, complete, malformed };
  State state = State::more;
  std::size_t size = 0;                  // bytes of the header, when complete
  std::optional<base::Endpoint> source;  // none: LOCAL or UNKNOWN, the connection speaks for itself
  std::optional<base::Endpoint> destination;
};

// At most this many bytes are a header: more without an end is malformed.
constexpr std::size_t kMaxProxyHeader = 16 + 65535;
ProxyHeader parse_proxy_header(std::string_view data);

// The header of `version` (1 or 2) for a connection from `source` to `destination`. Null or a Unix socket: UNKNOWN or
// LOCAL, as for a health check. An IPv4 address beside an IPv6 one is written in its mapped form.
std::string write_proxy_header(int version, const base::Endpoint* source, const base::Endpoint* destination);

}  // namespace genkan::net
