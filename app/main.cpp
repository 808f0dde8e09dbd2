// genkan: the command line. Each subcommand is a function in app/commands.hpp.
#include <sysexits.h>
#include <CLI/CLI.hpp>

#include <cstdio>
#include <set>
#include <string>

#include "app/commands.hpp"
#include "base/version.hpp"

int main(int argc, char** argv) {
  using namespace genkan::app;
  int status = EX_OK;
  const auto line = command_line(status);
  CLI::App& cli = *line;
  try {
    cli.parse(argc, argv);
  } catch (const CLI::ParseError& e) {
    std::set<std::string> known;
    for (const auto* sub : cli.get_subcommands({})) known.insert(sub->get_name());
    if (argc > 1 && argv[1][0] != '-' && known.count(argv[1]) == 0) {
      std::fprintf(stderr, "genkan: there is no command '%s'; see genkan --help\n", argv[1]);
      return EX_USAGE;
    }
    return cli.exit(e) == 0 ? EX_OK : EX_USAGE;
  }
  return status;
}
