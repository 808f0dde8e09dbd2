// What every room needs to be seen: handed down from app by reference, outlives every room.
#pragma once

#include "base/log.hpp"
#include "base/metrics.hpp"
#include "base/status.hpp"

namespace genkan::base {

struct Telemetry {
  Log& log;
  Metrics& metrics;
  StatusBoard& status;
};

}  // namespace genkan::base
