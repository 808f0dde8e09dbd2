// One SMTP port: what its clients must speak and may do. Immutable, shared by its listeners and their sessions.
#pragma once

#include "base/result.hpp"
#include "conf/conf.hpp"
#include "net/address_set.hpp"
#include "net/task.hpp"
#include "net/transport.hpp"

namespace genkan::smtp {

struct Entrance {
  explicit Entrance(const conf::SmtpListen& row)
      : implicit_tls(row.implicit_tls), submission(row.submission), proxy_from(row.proxy_protocol_from) {}
  bool implicit_tls, submission;
  net::AddressSet proxy_from;  // who must begin with a PROXY header
};

// Reads the PROXY header that must be the first thing on this connection and makes its source the transport's peer.
// What had come behind it is given back to the transport; true: there was something.
net::Task<Result<bool>> take_proxy_header(net::Transport& transport, Duration timeout);

}  // namespace genkan::smtp
