#include "app/commands.hpp"

#include <sysexits.h>
#include <CLI/CLI.hpp>

#include <cstdio>
#include <memory>

#include "app/manual.hpp"
#include "base/version.hpp"
#include "conf/reader.hpp"

namespace genkan::app {
namespace {

// What the options of all subcommands write into; lives as long as the parser.
struct Options {
  std::string file = kDefaultFile;
  std::string docs = "directives";
  std::string name, display;
  QueueFilter queue;
  ExplainOptions explain;
  DkimOptions dkim;
  UserSieveOptions user_sieve;
  SieveTestOptions sieve;
  bool json = false, no_wait = false;
};
using OptionsPtr = std::shared_ptr<Options>;

void config_option(CLI::App* command, const OptionsPtr& o) {
  command->add_option("-c,--config", o->file, "Configuration file")->type_name("FILE")->capture_default_str();
}

void add_user_commands(CLI::App& cli, const OptionsPtr& o, int& status) {
  auto* user = cli.add_subcommand("user", "Manage the accounts of webmail and local mail");
  user->require_subcommand(1);
  struct Verb {
    const char* name;
    const char* help;
  };
  for (const Verb& verb : {Verb{"add", "Make an account; asks for the password, or reads it from standard input"},
                           Verb{"passwd", "Give an account a new password; ends its sessions"},
                           Verb{"delete", "Delete an account; its mail stays"}, Verb{"list", "List the accounts"}}) {
    auto* command = user->add_subcommand(verb.name, verb.help);
    config_option(command, o);
    if (std::string(verb.name) != "list") command->add_option("address", o->name, "name or name@domain")->required();
    if (std::string(verb.name) == "add") command->add_option("--name", o->display, "Name shown with the address");
    command->callback(
        [o, &status, name = std::string(verb.name)] { status = command_user(o->file, name, o->name, o->display); });
  }
  auto* sieve =
      user->add_subcommand("sieve", "Set the script that sorts an account's mail, once it is seen to be good");
  config_option(sieve, o);
  sieve->add_option("address", o->user_sieve.name, "name or name@domain")->required();
  auto* script = sieve->add_option("script", o->user_sieve.script, "File with the script; - is standard input");
  auto* show = sieve->add_flag("--show", o->user_sieve.show, "Print the script that is set");
  auto* remove = sieve->add_flag("--delete", o->user_sieve.remove, "Take the script away");
  auto* check = sieve->add_option("--check", o->user_sieve.check, "Only look whether this file is a good script");
  check->type_name("FILE");
  script->excludes(show)->excludes(remove)->excludes(check);
  show->excludes(remove)->excludes(check);
  remove->excludes(check);
  sieve->callback([o, &status] { status = command_user_sieve(o->file, o->user_sieve); });
}

void add_sieve_commands(CLI::App& cli, const OptionsPtr& o, int& status) {
  auto* sieve = cli.add_subcommand("sieve", "Check Sieve scripts, and try them on a message");
  sieve->require_subcommand(1);
  auto* check = sieve->add_subcommand("check", "Say whether a script is good, or what is wrong and where");
  check->add_option("script", o->sieve.script, "File with the script; - is standard input")->required();
  check->callback([o, &status] { status = command_sieve_check(o->sieve.script); });
  auto* test = sieve->add_subcommand("test", "Run a script over a message, and print what would be done with it");
  test->add_option("script", o->sieve.script, "File with the script")->required();
  test->add_option("message", o->sieve.message, "File with the message; - is standard input")->required();
  test->add_option("--from", o->sieve.from, "Sender of the envelope; without it the null sender");
  test->add_option("--to", o->sieve.to, "Recipient of the envelope");
  test->add_option("--mailbox", o->sieve.mailboxes, "A mailbox that there is; any number of them")
      ->allow_extra_args(false);
  test->add_flag("--answer", o->sieve.show_answer, "Print the vacation answer, too");
  test->callback([o, &status] { status = command_sieve_test(o->sieve); });
}

void add_queue_commands(CLI::App& cli, const OptionsPtr& o, int& status) {
  auto* queue = cli.add_subcommand("queue", "Show and change the mail queue of a running genkan");
  queue->require_subcommand(1);
  struct Verb {
    const char* name;
    const char* help;
  };
  for (const Verb& verb : {Verb{"list", "List what waits"}, Verb{"show", "Show one message's envelope and header"},
                           Verb{"retry", "Try to deliver now"}, Verb{"hold", "Keep from being delivered"},
                           Verb{"release", "End a hold"}, Verb{"delete", "Delete without a bounce"},
                           Verb{"bounce", "Give back to the sender"}, Verb{"shape", "Count by destination and age"}}) {
    auto* command = queue->add_subcommand(verb.name, verb.help);
    config_option(command, o);
    const std::string name = verb.name;
    if (name == "shape") {
      command->add_flag("--json", o->json, "Print JSON");
      command->callback([o, &status] { status = command_queue_shape(o->file, o->json); });
      continue;
    }
    auto* id = command->add_option("id", o->queue.id, "Queue id");
    if (name != "show") {
      command->add_option("--sender", o->queue.sender, "Only from this address or @domain; <> is the null sender");
      command->add_option("--recipient", o->queue.recipient, "Only to this address or @domain");
      command->add_option("--state", o->queue.state, "Only new, deferred or held");
      command->add_option("--older", o->queue.older, "Only what came at least so long ago, such as 4h");
    }
    if (name == "show") id->required();
    if (name != "show") command->add_option("--destination", o->queue.destination, "Only what goes there");
    if (name != "show" && name != "list") command->add_flag("--all", o->queue.all, "Everything");
    command->add_flag("--json", o->json, "Print JSON");
    command->callback([o, &status, name] { status = command_queue(o->file, name, o->queue, o->json); });
  }
}

void add_acme_commands(CLI::App& cli, const OptionsPtr& o, int& status) {
  auto* acme = cli.add_subcommand("acme", "Show and order the certificates that come from a CA by ACME");
  acme->require_subcommand(1);
  auto* show = acme->add_subcommand("status", "Show each certificate, its end, and when it is ordered next");
  show->footer("Ends with 0 when all are good, with 75 when one has ended, is missing, or could not be renewed.");
  config_option(show, o);
  show->add_flag("--json", o->json, "Print JSON");
  show->callback([o, &status] { status = command_acme_status(o->file, o->json); });
  auto* renew = acme->add_subcommand("renew", "Order now, whatever the time until the next try");
  renew->footer(
      "Waits for the end of the order and says what became of it: 0 when it was issued, else 75. The CA counts "
      "every order: see its limits first.");
  config_option(renew, o);
  renew->add_option("name", o->name, "A host name of the certificate; without one all are ordered");
  renew->add_flag("--no-wait", o->no_wait, "Only ask for it");
  renew->callback([o, &status] { status = command_acme_renew(o->file, o->name, !o->no_wait); });
}

void add_dkim_commands(CLI::App& cli, const OptionsPtr& o, int& status) {
  auto* dkim = cli.add_subcommand("dkim", "Make keys to sign mail with, and say what belongs into DNS");
  dkim->require_subcommand(1);
  auto* keygen = dkim->add_subcommand("keygen", "Make a key in a new file, and print its record");
  auto* record = dkim->add_subcommand("record", "Print the record of a key that is there");
  for (auto* command : {keygen, record}) {
    command->add_option("file", o->dkim.file, "PEM file with the private key")->required();
    command->add_option("--domain", o->dkim.domain, "Whose mail it signs")->capture_default_str();
    command->add_option("--selector", o->dkim.selector, "Name of the key")->capture_default_str();
  }
  keygen->add_option("--type", o->dkim.type, "rsa, which everybody verifies, or ed25519, which is short")
      ->check(CLI::IsMember({"rsa", "ed25519"}))
      ->capture_default_str();
  keygen->add_option("--bits", o->dkim.bits, "Length of an RSA key")
      ->check(CLI::Range(1024, 4096))
      ->capture_default_str();
  keygen->callback([o, &status] { status = command_dkim_keygen(o->dkim); });
  record->callback([o, &status] { status = command_dkim_record(o->dkim); });
}

void add_explain_command(CLI::App& cli, const OptionsPtr& o, int& status) {
  auto* explain = cli.add_subcommand("explain", "Say which route takes a request, and why the others do not");
  config_option(explain, o);
  explain->add_option("url", o->explain.url, "Such as https://example.org/path?query")->type_name("URL")->required();
  explain->add_option("-H,--header", o->explain.headers, "A field of the request, \"Name: value\"; any number of them")
      ->allow_extra_args(false);
  explain->add_option("--method", o->explain.method, "Its method")->capture_default_str();
  explain->add_option("--from", o->explain.from, "The client's address")->capture_default_str();
  explain->add_option("--tls-version", o->explain.tls_version, "With https: the TLS version")->capture_default_str();
  explain->add_option("--certificate", o->explain.certificate, "With https: the subject of the client's certificate");
  explain->add_option("--server-name", o->explain.server_name,
                      "With https: the name in the TLS handshake, when it is not the host");
  explain
      ->add_option("--at", o->explain.at, "When it comes, in this host's time, such as \"2026-03-29 22:15\"; else now")
      ->type_name("TIME");
  explain->callback([o, &status] { status = command_explain(o->file, o->explain); });
}

}  // namespace

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
  bad = (read.conf && check_site_script(*read.conf) != EX_OK) || bad;
  if (bad) return EX_CONFIG;
  std::printf("%s: good (%zu listeners, %zu routes, %zu pools)\n", file.c_str(), read.conf->listens.size(),
              read.conf->routes.size(), read.conf->pools.size());
  return EX_OK;
}

int command_docs(const std::string& what) {
  int unused = EX_OK;
  const std::string text = what == "man"        ? manual(*command_line(unused))
                           : what == "man-conf" ? conf::directives_man()
                           : what == "example"  ? conf::directives_example()
                                                : conf::directives_markdown();
  std::fputs(text.c_str(), stdout);
  return EX_OK;
}

std::shared_ptr<CLI::App> command_line(int& status) {
  auto made = std::make_shared<CLI::App>(
      "The front door of a web-and-mail site: HTTP, mail, webmail, cache, load balancing, virtual IP.", "genkan");
  CLI::App& cli = *made;
  cli.require_subcommand(1);
  cli.set_help_all_flag("--help-all", "Help for every subcommand");
  auto o = std::make_shared<Options>();
  auto* run = cli.add_subcommand("run", "Serve, in the foreground, until SIGTERM or SIGINT");
  run->footer(
      "Opens its ports first, then becomes the user that the configuration names. Tells the service manager when it is "
      "ready (sd_notify).");
  config_option(run, o);
  run->callback([o, &status] { status = command_run(o->file); });

  auto* upgrade =
      cli.add_subcommand("upgrade", "Replace the running program by the one installed now, without a pause");
  upgrade->footer(
      "The new process takes over the ports, the mail queue and the virtual addresses when it is ready; the old one "
      "serves what it has open (at most [node] upgrade_drain) and ends. When the new one does not start, nothing "
      "changes. The same as SIGUSR2, but says how it went.");
  config_option(upgrade, o);
  upgrade->callback([o, &status] { status = command_upgrade(o->file); });

  auto* agent = cli.add_subcommand("agent", "Only announce this host's load to the cluster");
  agent->footer("For a backend host. Needs the sections [node] and [cluster]; opens no listening port.");
  config_option(agent, o);
  agent->callback([o, &status] { status = command_agent(o->file); });

  auto* check = cli.add_subcommand("check", "Say everything that is wrong with a configuration file");
  check->footer(
      "Each with file, line and column, and where there is one the nearest valid name. Looks at the host too: whether "
      "certificates fit their keys and names, whether folders can be used, whether the user exists. Warnings alone are "
      "no failure.");
  check->add_option("file", o->file, "Configuration file")->capture_default_str();
  check->callback([o, &status] { status = command_check(o->file); });

  auto* show = cli.add_subcommand("status", "Show how a running genkan is");
  show->footer("Asks its admin listener: nodes and their load, pools and backends, the mail queue.");
  config_option(show, o);
  show->add_flag("--json", o->json, "Print JSON");
  show->callback([o, &status] { status = command_status(o->file, o->json); });

  add_explain_command(cli, o, status);
  add_user_commands(cli, o, status);
  add_queue_commands(cli, o, status);
  add_acme_commands(cli, o, status);
  add_dkim_commands(cli, o, status);
  add_sieve_commands(cli, o, status);

  auto* docs = cli.add_subcommand("docs", "Print the reference that ships");
  docs->add_option("what", o->docs,
                   "directives (Markdown), man-conf (genkan.toml(5)), example (full.toml) or man (genkan(8))")
      ->check(CLI::IsMember({"directives", "man-conf", "example", "man"}))
      ->capture_default_str();
  docs->callback([o, &status] { status = command_docs(o->docs); });

  cli.add_subcommand("version", "Print the version")->callback([&status] { status = command_version(); });
  cli.footer("Manual: man genkan, man genkan.toml");  // last: subcommands inherit what is there when they are made
  return made;
}

}  // namespace genkan::app
