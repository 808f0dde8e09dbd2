// Sends the TLS reports that lie in state_dir/tls-reports, one mail for each domain that wants them; what was sent, or
// nobody wants, is deleted. The files are the queue: a stop, or DNS that does not answer, leaves them for the next
// time.
#pragma once

#include "net/task.hpp"
#include "smtp/delivery/dispatcher.hpp"

namespace genkan::smtp {

// On the dispatcher's loop; ends early when it stops.
net::Task<void> send_tls_reports(Dispatcher& dispatcher);

}  // namespace genkan::smtp
