// A small blocking HTTP client for the operator's commands (`genkan status`, `genkan queue`): one request to the admin
// listener of a running genkan on this host.
#pragma once

#include <string>

#include "base/result.hpp"
#include "conf/conf.hpp"

namespace genkan::app {

struct AdminAnswer {
  int status = 0;
  std::string body;
};
// `why` is a sentence when nobody answers.
Result<AdminAnswer> ask_admin(const conf::Admin& admin, const std::string& method, const std::string& path,
                              const std::string& body, std::string& why);

}  // namespace genkan::app
