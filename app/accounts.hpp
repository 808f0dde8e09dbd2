// The accounts' file, for commands that run beside a server or without one.
#pragma once

#include <memory>

#include "base/result.hpp"
#include "conf/conf.hpp"
#include "webmail/users/users.hpp"

namespace genkan::app {

// Made when it is missing, and given to the user that the server becomes. On failure `status` is set, and it was said
// why.
Result<std::unique_ptr<webmail::Users>> open_users(const conf::Conf& conf, int& status);

}  // namespace genkan::app
