// A small blocking HTTP client for the operator's commands (`genkan status`, `genkan queue`): one request to the admin
// listener of a running genkan on this host.
#pragma once

#include <boost/json.hpp>

#include <optional>
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

// The same for a command: reads the configuration, asks, and gives the answer's JSON object; or nothing, says why on
// standard error, and `status` is what to end with.
std::optional<boost::json::value> fetch(const std::string& file, const std::string& method, const std::string& path,
                                        const std::string& body, int& status);

}  // namespace genkan::app
