// genkan: the command line. Each subcommand is a function in app/commands.hpp.
#include <sysexits.h>
#include <CLI/CLI.hpp>

#include <cstdio>

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
    return cli.exit(e) == 0 ? EX_OK : EX_USAGE;
  }
  return status;
}
