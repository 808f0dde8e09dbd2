// Each subcommand's description and footer, and its options with theirs, come from app/commands.cpp. What no command
// line knows (signals, exit codes, files) stands here.
#include "app/manual.hpp"

#include <CLI/CLI.hpp>

#include <vector>

#include "conf/roff.hpp"

namespace genkan::app {
namespace {

using conf::roff;
using conf::roff_line;

std::vector<const CLI::App*> children(const CLI::App& app) {
  return app.get_subcommands([](const CLI::App* sub) { return !sub->get_name().empty(); });
}

// The options of a command without --help, which every one has.
std::vector<const CLI::Option*> options(const CLI::App& app) {
  std::vector<const CLI::Option*> out;
  for (const CLI::Option* option : app.get_options()) {
    if (option != app.get_help_ptr() && option != app.get_help_all_ptr()) out.push_back(option);
  }
  return out;
}

std::string upper(std::string text) {
  for (char& c : text) c = static_cast<char>(c >= 'a' && c <= 'z' ? c - 'a' + 'A' : c);
  return text;
}

bool takes_value(const CLI::Option& option) { return option.get_items_expected_max() > 0; }

// What stands for the value of an option.
std::string value_of(const CLI::Option& option) {
  std::string type = option.get_type_name();
  if (type != "TEXT" && !type.empty()) return type;
  return upper(option.get_lnames().empty() ? "value" : option.get_lnames()[0]);
}

// "\fB-c\fR, \fB--config\fR \fIVALUE\fR" or "\fIFILE\fR"
std::string named(const CLI::Option& option) {
  if (option.get_positional()) return "\\fI" + roff(upper(option.get_name(true))) + "\\fR";
  std::string out;
  for (const auto& name : option.get_snames()) out += (out.empty() ? "" : ", ") + ("\\fB\\-" + roff(name)) + "\\fR";
  for (const auto& name : option.get_lnames()) out += (out.empty() ? "" : ", ") + ("\\fB\\-\\-" + roff(name)) + "\\fR";
  if (takes_value(option)) out += " \\fI" + roff(value_of(option)) + "\\fR";
  return out;
}

std::string synopsis_of(const std::string& path, const CLI::App& command) {
  std::string line = "\\fB" + roff(path) + "\\fR";
  for (const CLI::Option* option : options(command)) {
    if (option->get_positional()) continue;
    std::string name =
        option->get_snames().empty() ? "\\-\\-" + roff(option->get_lnames()[0]) : "\\-" + roff(option->get_snames()[0]);
    line += " [\\fB" + name + "\\fR";
    if (takes_value(*option)) line += " \\fI" + roff(value_of(*option)) + "\\fR";
    line += "]";
  }
  for (const CLI::Option* option : options(command)) {
    if (!option->get_positional()) continue;
    line += option->get_required() ? " " + named(*option) : " [" + named(*option) + "]";
  }
  return line;
}

// Calls visit(path, command) for each command that can be run.
template <class F>
void each_command(const std::string& path, const CLI::App& app, F visit) {
  const auto subs = children(app);
  if (subs.empty()) return visit(path, app);
  for (const CLI::App* sub : subs) each_command(path + " " + sub->get_name(), *sub, visit);
}

std::string sentence(std::string text) {
  if (!text.empty() && text.back() != '.') text += '.';
  return text;
}

void write_command(std::string& out, const std::string& path, const CLI::App& command) {
  out += ".TP\n" + synopsis_of(path, command) + "\n" + roff_line(sentence(command.get_description()));
  if (!command.get_footer().empty()) out += roff_line(command.get_footer());
  for (const CLI::Option* option : options(command)) {
    out += ".RS\n.TP\n" + named(*option) + "\n" + roff_line(sentence(option->get_description()));
    if (!option->get_default_str().empty()) out += roff_line("Default: " + option->get_default_str() + ".");
    out += ".RE\n";
  }
}

constexpr std::string_view kHead =
    R"(.\" Made from the definitions of the command line by `./dev docs`; not to be edited by hand.
.TH GENKAN 8 "" "Genkan" "System administration"
.SH NAME
genkan \- front door of a web\-and\-mail site
.SH SYNOPSIS
)";

constexpr std::string_view kDescription = R"(.SH DESCRIPTION
Genkan stands in front of everything that a site runs.
It takes HTTP and HTTPS requests and sends them to the backends that are well and least loaded, keeps a cache, takes in
mail into a durable queue and delivers or relays it, serves a webmail, moves an address between two nodes, and shows
all of this on one status page.
.PP
Everything is set in one configuration file, genkan.toml(5).
.SH COMMANDS
Every command knows
.BR \-h ", " \-\-help .
)";

struct Item {
  std::string_view name, text;
};

constexpr Item kSignals[] = {
    {"SIGTERM, SIGINT",
     "Stops: gives its moving addresses away, takes no new connections, lets requests and mail sessions that are under "
     "way finish for at most drain_timeout of [node], then ends. A second one ends it at once."},
    {"SIGHUP",
     "Reads the configuration again. A file with an error changes nothing, and the log says why; a good one is taken "
     "over "
     "without dropping a connection. The agent only opens its log again."},
    {"SIGUSR1", "Opens the log files again, after they were rotated."},
};

constexpr Item kExitCodes[] = {
    {"0", "It did what it should."},
    {"64", "(EX_USAGE) The command line is wrong."},
    {"65", "(EX_DATAERR) An address or password is not allowed, or the running Genkan refused the action."},
    {"66", "(EX_NOINPUT) There was no password to read, no such message in the queue, or no such certificate."},
    {"67", "(EX_NOUSER) There is no such account."},
    {"69", "(EX_UNAVAILABLE) A port is in use, or no running Genkan answers (status, queue, acme)."},
    {"73", "(EX_CANTCREAT) A file or folder can't be made."},
    {"74", "(EX_IOERR) The mail queue or the accounts can't be read or written."},
    {"75",
     "(EX_TEMPFAIL) A second signal ended it before it had stopped in order; acme: a certificate is missing, has "
     "ended, or could not be ordered."},
    {"76", "(EX_PROTOCOL) What answers on the admin listener is not Genkan."},
    {"77", "(EX_NOPERM) A right is missing, such as becoming another user without being root."},
    {"78", "(EX_CONFIG) The configuration can't be read or has an error."},
};

constexpr std::string_view kTail = R"(.SH ENVIRONMENT
.TP
.B NOTIFY_SOCKET
Where the service manager waits for the word that the start is done (sd_notify).
.PP
Any variable can stand in the configuration as ${NAME} or ${NAME:\-default}.
.SH FILES
.TP
.I /etc/genkan/genkan.toml
The configuration that is read when no other is named.
.TP
.I /var/lib/genkan/
State, unless
.B state_dir
says otherwise: the mail queue, the mailboxes (Maildir), the accounts, keys and certificates that Genkan made itself.
.TP
.I /usr/share/doc/genkan/examples/
Configurations to begin with: small\-site.toml, two\-node\-vip.toml, mail\-relay\-dovecot.toml, and full.toml with every directive.
.SH EXAMPLES
Check a configuration, then let the running Genkan take it over:
.PP
.nf
    genkan check /etc/genkan/genkan.toml && systemctl reload genkan
.fi
.SH SEE ALSO
.BR genkan.toml (5)
)";

template <std::size_t N>
void write_items(std::string& out, const Item (&items)[N]) {
  for (const Item& item : items) out += ".TP\n.B " + roff(item.name) + "\n" + roff_line(item.text);
}

}  // namespace

std::string manual(const CLI::App& cli) {
  std::string out(kHead);
  bool first = true;
  each_command(cli.get_name(), cli, [&](const std::string& path, const CLI::App& command) {
    if (!first) out += ".br\n";
    first = false;
    out += synopsis_of(path, command) + "\n";
  });
  out += kDescription;
  each_command(cli.get_name(), cli,
               [&](const std::string& path, const CLI::App& command) { write_command(out, path, command); });
  out += ".SH SIGNALS\n";
  write_items(out, kSignals);
  out += ".SH EXIT STATUS\nThe codes are those of\n.BR sysexits (3).\n";
  write_items(out, kExitCodes);
  out += kTail;
  return out;
}

}  // namespace genkan::app
