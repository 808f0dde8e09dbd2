// Tells the service manager how far we are (sd_notify(3), without libsystemd). Does nothing when $NOTIFY_SOCKET is not
// set, that is when nobody asked.
#pragma once

#include <string_view>

#include "base/result.hpp"

namespace genkan::base {

// Sends `state` as one datagram, e.g. "READY=1\nSTATUS=2 listeners".
Result<> sd_notify(std::string_view state);

inline Result<> sd_notify_ready() { return sd_notify("READY=1"); }
inline Result<> sd_notify_stopping() { return sd_notify("STOPPING=1"); }
Result<> sd_notify_reloading();  // with MONOTONIC_USEC, as Type=notify-reload wants; READY=1 ends it
Result<> sd_notify_status(std::string_view sentence);

}  // namespace genkan::base
