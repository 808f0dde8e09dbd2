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
  CLI::App cli{"The front door of a web-and-mail site: HTTP, mail, webmail, cache, load balancing, virtual IP.",
               "genkan"};
  cli.require_subcommand(1);
  cli.set_help_all_flag("--help-all", "Help for every subcommand");
  cli.footer("Manual: man genkan, man genkan.toml");
  int status = EX_OK;
  add_commands(cli, status);
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
