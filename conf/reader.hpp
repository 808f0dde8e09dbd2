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

// `include = ["conf.d/*.toml"]` at the top is followed relative to the file; ${NAME} and ${NAME:-default} are replaced
// from the environment; a value "file:/path" of a secret directive is replaced by what the file holds, without its last
// newline. Relative paths start at the folder of the file they stand in. Every problem is found in one run, in the
// order of the files. Blocks on the disk; thread-safe as long as nobody changes the environment.
ReadResult read_file(const std::string& path);
ReadResult read_text(std::string_view toml, const std::string& name);

// Checks what needs the host: certificates and keys fit, folders can be read or written, user and interfaces exist.
// Errors among what it adds mean that `conf` can't run here.
void check_host(const Conf& conf, std::vector<Problem>& problems);

// From the same table: docs/directives.md, the man page genkan.toml(5), and conf/full.toml (every directive at its
// default).
std::string directives_markdown();
std::string directives_man();
std::string directives_example();

}  // namespace genkan::conf
