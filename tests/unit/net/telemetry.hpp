// Telemetry for tests, with the log in a file that they can read.
#pragma once

#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <string>

#include "base/file.hpp"
#include "base/telemetry.hpp"

namespace genkan::net::test {

class TempDir {
 public:
  TempDir() {
    char name[] = "/tmp/genkan-net-XXXXXX";
    path_ = ::mkdtemp(name);
  }
  ~TempDir() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  TempDir(const TempDir&) = delete;
  TempDir& operator=(const TempDir&) = delete;
  const std::string& path() const noexcept { return path_; }

 private:
  std::string path_;
};

inline std::string text_of(const std::string& path) {
  const auto text = base::read_file(path);
  return text ? *text : "(cannot be read)";
}

struct Seen {
  TempDir dir;
  base::Log log{base::LogOptions{.level = base::Level::info, .path = dir.path() + "/log"}};
  base::Metrics metrics;
  base::StatusBoard status;
  base::Telemetry telemetry{log, metrics, status};

  std::string logged() {
    log.flush();
    return text_of(dir.path() + "/log");
  }
};

inline std::size_t count(const std::string& text, std::string_view what) {
  std::size_t n = 0;
  for (auto at = text.find(what); at != std::string::npos; at = text.find(what, at + 1)) ++n;
  return n;
}

}  // namespace genkan::net::test
