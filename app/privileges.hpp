// Becoming [node] user and group after the sockets are open. Nothing to do when no user is named or we are it already.
#pragma once

#include <string>

#include "base/result.hpp"
#include "conf/conf.hpp"

namespace genkan::app {

// Also hands state_dir, run_dir and the log file, as far as they are there, to that user. For good: the saved ids and
// all capabilities go too. `why` is a sentence.
Result<void> drop_privileges(const conf::Conf& conf, std::string& why);

}  // namespace genkan::app
