// Helpers for tests of the reader.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "conf/reader.hpp"
#include "tests/unit/temp_dir.hpp"

namespace genkan::conf {

using test::TempDir;

inline ReadResult read(std::string_view toml) { return read_text(toml, "test.toml"); }

inline std::vector<std::string> texts(const ReadResult& result) {
  std::vector<std::string> out;
  for (const auto& problem : result.problems) out.push_back(problem.text());
  return out;
}

// Every problem of the text, as an operator sees it.
inline std::vector<std::string> complaints(std::string_view toml) { return texts(read(toml)); }

// A text that must be good, without a warning.
inline ConfPtr good(std::string_view toml) {
  auto result = read(toml);
  EXPECT_THAT(texts(result), testing::IsEmpty());
  return result.conf ? result.conf : std::make_shared<const Conf>();
}

// An environment variable for the time of a test.
class Variable {
 public:
  Variable(std::string name, const std::string& value) : name_(std::move(name)) {
    ::setenv(name_.c_str(), value.c_str(), 1);
  }
  ~Variable() { ::unsetenv(name_.c_str()); }
  Variable(const Variable&) = delete;
  Variable& operator=(const Variable&) = delete;

 private:
  std::string name_;
};

// The project's root, from where this file was compiled; the tests also run from there.
inline std::string project_file(const std::string& name) {
  const auto root = std::filesystem::path(__FILE__).parent_path().parent_path().parent_path().parent_path();
  const auto path = root / name;
  return std::filesystem::exists(root / "conf") ? path.string() : name;
}

}  // namespace genkan::conf
