// The subcommands of genkan. Each returns an exit code of sysexits.h.
#pragma once

#include <string>
#include <vector>

namespace CLI {
class App;
}

namespace genkan::app {

void add_commands(CLI::App& cli, int& status);

int command_run(const std::string& file);
int command_check(const std::string& file);
int command_docs(const std::string& what);
int command_version();

constexpr const char* kDefaultFile = "/etc/genkan/genkan.toml";

}  // namespace genkan::app
