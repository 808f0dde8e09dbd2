// How a log line looks, as text and as JSON. Pure: appends one line, with its line end, to `out`.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "base/clock.hpp"
#include "base/log.hpp"

namespace genkan::base {

struct LogLine {
  WallTime time;
  Level level = Level::info;
  std::string_view message;
  std::span<const Field> fields;
  std::uint64_t repeated = 0;  // not 0: this line stands for so many swallowed ones
};

std::string_view level_name(Level level) noexcept;

// 2026-05-01T12:00:00.123Z warning backend is down backend=web1 error="connection refused"
void format_text(const LogLine& line, bool colour, std::string& out);
// {"time":"2026-05-01T12:00:00.123Z","level":"warning","message":"backend is down","backend":"web1"}
void format_json(const LogLine& line, std::string& out);

}  // namespace genkan::base
