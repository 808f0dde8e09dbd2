// What is left of an HTTP/1.1 connection that has been quiet for a while: its place among the server's sessions, how
// much it was served, and of its transport the descriptor alone (net/quiet.hpp); with TLS all of the transport. When
// bytes come, a session takes it over again; when its time is over, it ends. Ten thousand idle connections cost as much
// as ten thousand of these.
#pragma once

#include <cstdint>
#include <memory>

#include "http/server.hpp"

namespace genkan::http {

// `transport` has its read deadline. `counted`: among those of its address.
void park(Server& server, std::unique_ptr<net::Transport> transport, std::shared_ptr<const Entrance> entrance,
          bool counted, std::uint64_t served);

}  // namespace genkan::http
