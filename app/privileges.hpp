// Becoming [node] user and group after the sockets are open. Nothing to do when no user is named or we are it already.
#pragma once

#include <string>

#include "base/result.hpp"
#include "conf/conf.hpp"

namespace genkan::app {

// Also hands state_dir to that user. For good: the saved ids go too. `why` is a sentence.
Result<void> drop_privileges(const conf::Node& node, std::string& why);

}  // namespace genkan::app
