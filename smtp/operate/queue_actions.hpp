// What operators see of the queue and do with it, by the status board: the section "queue" and the actions queue_list,
// queue_show, queue_retry, queue_hold, queue_release, queue_delete and queue_bounce (docs/smtp.md says what they take
// and give).
#pragma once

#include "base/status.hpp"
#include "smtp/delivery/dispatcher.hpp"

namespace genkan::smtp {

void register_queue(base::StatusBoard& board, Shared& shared);
void unregister_queue(base::StatusBoard& board);

}  // namespace genkan::smtp
