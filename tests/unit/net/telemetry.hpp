// Telemetry for tests, with the log in a file that they can read.
#pragma once

#include <string>

#include "base/telemetry.hpp"
#include "tests/unit/temp_dir.hpp"

namespace genkan::net::test {

using genkan::test::TempDir;

struct Seen {
  TempDir dir;
  base::Log log{base::LogOptions{.level = base::Level::info, .path = dir.path() + "/log"}};
  base::Metrics metrics;
  base::StatusBoard status;
  base::Telemetry telemetry{log, metrics, status};

  std::string logged() {
    log.flush();
    return genkan::test::slurp(dir.path() + "/log");
  }
};

inline std::size_t count(const std::string& text, std::string_view what) {
  std::size_t n = 0;
  for (auto at = text.find(what); at != std::string::npos; at = text.find(what, at + 1)) ++n;
  return n;
}

}  // namespace genkan::net::test
