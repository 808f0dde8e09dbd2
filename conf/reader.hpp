// Reads configuration files into a Conf, or says everything that is wrong with them.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "conf/conf.hpp"

namespace genkan::conf {

struct Problem {
  std::string file;
  unsigned line = 0, column = 0;  // 0: the whole file
  std::string what;               // one sentence, no secret values
  std::string hint;               // "did you mean `address`?"; may be empty
  bool warning = false;
  std::string text() const;  // file:line:column: error: what (hint)
};

struct ReadResult {
  ConfPtr conf;  // null when there was an error
  std::vector<Problem> problems;
};

// `include = ["conf.d/*.toml"]` at the top is followed relative to the file; ${NAME} is replaced from the environment;
// a value "file:/path" of a secret directive is replaced by the file's first line.
ReadResult read_file(const std::string& path);
ReadResult read_text(std::string_view toml, const std::string& name);

// Checks what needs the host: files exist and can be read, user exists, addresses are not given twice.
void check_host(const Conf& conf, std::vector<Problem>& problems);

// From the same table: docs/directives.md and the body of genkan.toml(5).
std::string directives_markdown();
std::string directives_man();

}  // namespace genkan::conf
