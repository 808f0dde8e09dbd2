// Opening connections. Names are resolved by net/resolver.hpp first.
#pragma once

#include <memory>

#include "net/task.hpp"
#include "net/transport.hpp"

namespace genkan::net {

// A connected, non-blocking stream (TCP_NODELAY) or why not (ECONNREFUSED, Errc::timed_out, ...).
Task<Result<std::unique_ptr<Transport>>> connect(Loop& loop, base::Endpoint to, Time deadline);

}  // namespace genkan::net
