// Messages that do not come by SMTP: the same checks, the same spool. On a worker's loop.
#pragma once

#include <string>

#include "net/task.hpp"
#include "smtp/inbound/front.hpp"
#include "smtp/submission.hpp"

namespace genkan::smtp {

net::Task<Result<std::string>> submit_message(Front& front, Submission submission, std::string* why);

}  // namespace genkan::smtp
