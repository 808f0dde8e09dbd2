// Two clocks: Time for deadlines and durations (monotonic), WallTime for what people and protocols read.
#pragma once

#include <chrono>

namespace genkan {

using Clock = std::chrono::steady_clock;
using Time = Clock::time_point;
using Duration = Clock::duration;

using WallClock = std::chrono::system_clock;
using WallTime = WallClock::time_point;

using namespace std::chrono_literals;

}  // namespace genkan
