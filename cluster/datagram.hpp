// UDP sockets of the cluster channel: opening them with the right options, and nothing else.
#pragma once

#include <string>

#include "base/address.hpp"
#include "base/fd.hpp"
#include "base/result.hpp"

namespace genkan::cluster {

// Non-blocking. On failure `why` is a sentence that names the address and what to do.
// Hears unicast on `listen`. The port may be shared with others on this host (a proxy and an agent).
Result<base::UniqueFd> open_unicast(const base::Endpoint& listen, std::string& why);
// Hears `group` on `interface` (empty: the one that the routing table names).
Result<base::UniqueFd> open_group(const base::Endpoint& group, const std::string& interface, std::string& why);
// Sends to addresses of the family of `like`; multicast goes out of `interface`, `ttl` hops far, and back to this host.
Result<base::UniqueFd> open_sender(const base::Endpoint& like, const std::string& interface, unsigned ttl,
                                   std::string& why);

// -1 with errno. The whole datagram, or less when the buffer is shorter.
long receive_datagram(int fd, char* data, std::size_t size, base::Endpoint& from) noexcept;
std::uint16_t local_port(int fd) noexcept;                                              // 0 on failure
bool send_datagram(int fd, const base::Endpoint& to, std::string_view bytes) noexcept;  // false with errno

}  // namespace genkan::cluster
