#include "app/commands.hpp"

#include <sysexits.h>
#include <CLI/CLI.hpp>

#include <cstdio>
#include <memory>

#include "base/version.hpp"
#include "conf/reader.hpp"

namespace genkan::app {

int command_version() {
  std::printf("genkan %s\n", std::string(base::kVersion).c_str());
  return EX_OK;
}

int command_check(const std::string& file) {
  auto read = conf::read_file(file);
  if (read.conf) conf::check_host(*read.conf, read.problems);
  bool bad = !read.conf;
  for (const auto& problem : read.problems) {
    std::fprintf(stderr, "%s\n", problem.text().c_str());
    bad = bad || !problem.warning;
  }
  if (bad) return EX_CONFIG;
  std::printf("%s: good (%zu listeners, %zu routes, %zu pools)\n", file.c_str(), read.conf->listens.size(),
              read.conf->routes.size(), read.conf->pools.size());
  return EX_OK;
}

int command_docs(const std::string& what) {
  std::fputs((what == "man" ? conf::directives_man() : conf::directives_markdown()).c_str(), stdout);
  return EX_OK;
}

void add_commands(CLI::App& cli, int& status) {
  auto file = std::make_shared<std::string>(kDefaultFile);
  auto conf_option = [file](CLI::App* command) {
    command->add_option("-c,--config", *file, "Configuration file")->capture_default_str();
  };
  auto* run = cli.add_subcommand("run", "Serve, in the foreground, until SIGTERM or SIGINT");
  conf_option(run);
  run->callback([file, &status] { status = command_run(*file); });

  auto* check = cli.add_subcommand("check", "Say everything that is wrong with a configuration file");
  check->add_option("file", *file, "Configuration file")->capture_default_str();
  check->callback([file, &status] { status = command_check(*file); });

  auto what = std::make_shared<std::string>("markdown");
  auto* docs = cli.add_subcommand("docs", "Print the reference of all directives");
  docs->add_option("format", *what, "markdown or man")
      ->check(CLI::IsMember({"markdown", "man"}))
      ->capture_default_str();
  docs->callback([what, &status] { status = command_docs(*what); });

  cli.add_subcommand("version", "Print the version")->callback([&status] { status = command_version(); });
}

}  // namespace genkan::app
