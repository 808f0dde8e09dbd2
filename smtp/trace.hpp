// The Received field that we put in front of every message (RFC 5321 4.4, 3848 for "with"). Pure.
#pragma once

#include <string>
#include <string_view>

#include "base/clock.hpp"

namespace genkan::smtp {

struct TraceInput {
  std::string_view helo, ip;  // of the client
  std::string_view hostname;  // ours
  std::string_view protocol, id;
  std::string_view only_recipient;  // named when there is just one, so that none is told of the others
  WallTime now{};
};
void put_received(const TraceInput& input, std::string& out);

}  // namespace genkan::smtp
