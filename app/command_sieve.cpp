// genkan user sieve: sets, shows and takes away a user's script. genkan sieve check|test: looks at a script, runs it
// over a message without doing anything.
#include <pwd.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <iostream>

#include "app/accounts.hpp"
#include "app/commands.hpp"
#include "base/file.hpp"
#include "base/text.hpp"
#include "conf/reader.hpp"
#include "webmail/sieve/mail_view.hpp"
#include "webmail/sieve/mailbox.hpp"
#include "webmail/sieve/sorting.hpp"
#include "webmail/sieve/vacation.hpp"

namespace genkan::app {
namespace {

namespace sieve = webmail::sieve;

constexpr std::uint64_t kMaxMessage = 256u << 20;

int fail(int status, const std::string& why) {
  std::fprintf(stderr, "genkan: %s\n", why.c_str());
  return status;
}

// "-" is standard input.
Result<std::string> read_text(const std::string& file, std::uint64_t limit) {
  if (file != "-") return base::read_file(file, limit);
  std::string text;
  for (char buffer[4096]; std::cin.read(buffer, sizeof(buffer)) || std::cin.gcount() > 0;) {
    text.append(buffer, static_cast<std::size_t>(std::cin.gcount()));
    if (text.size() > limit) return Errc::too_large;
  }
  return Result<std::string>(std::move(text));
}

std::string shown(const std::string& file) { return file == "-" ? "standard input" : file; }

// EX_OK: it compiles.
int check_text(const std::string& file, const std::string& text) {
  const auto compiled = sieve::compile(text);
  if (compiled.program) return EX_OK;
  std::fprintf(stderr, "%s:%s\n", shown(file).c_str(), compiled.problem.where().c_str());
  return EX_DATAERR;
}

int read_script(const std::string& file, std::uint64_t limit, std::string& out) {
  auto text = read_text(file, limit);
  if (!text && text.error() == Errc::too_large)
    return fail(EX_DATAERR, shown(file) + ": a script may have " + base::format_size(limit) + " (`max_script`)");
  if (!text) return fail(EX_NOINPUT, shown(file) + ": " + text.error().message());
  out = std::move(*text);
  return EX_OK;
}

// Written by root, read by the user that the server becomes.
void give_away(const conf::Conf& conf, const std::string& path) {
  if (::geteuid() != 0 || conf.node.user.empty()) return;
  const ::passwd* owner = ::getpwnam(conf.node.user.c_str());
  if (!owner) return;
  const auto folder = std::filesystem::path(path).parent_path();
  for (const auto& one : {folder.parent_path().string(), folder.string(), path}) {
    [[maybe_unused]] const int r = ::chown(one.c_str(), owner->pw_uid, owner->pw_gid);
  }
}

// The account, and where its script is. Not EX_OK: said why.
int find_script(const conf::Conf& conf, const std::string& name, std::string& address, std::string& path) {
  int status = EX_OK;
  auto users = open_users(conf, status);
  if (!users) return status;
  address = name;
  if (address.find('@') == std::string::npos && !conf.webmail.domains.empty())
    address += "@" + conf.webmail.domains.front();
  const auto user = (*users)->find(address);
  if (!user && user.error() != Errc::not_found && user.error() != Errc::malformed)
    return fail(EX_IOERR, user.error().message());
  if (!user) return fail(EX_NOUSER, "there is no account " + address);
  address = user->address;
  path = sieve::script_path(conf.node.state_dir, address);
  return EX_OK;
}

int set_script(const conf::Conf& conf, const std::string& file, const std::string& address, const std::string& path) {
  std::string text;
  if (const int status = read_script(file, conf.smtp.sieve.max_script, text); status != EX_OK) return status;
  if (const int status = check_text(file, text); status != EX_OK) return status;
  const auto folder = std::filesystem::path(path).parent_path().string();
  auto written = base::make_dirs(folder, 0750);
  if (written) written = base::write_file_durable(path, text, 0600);
  if (!written) return fail(EX_CANTCREAT, path + ": " + written.error().message());
  give_away(conf, path);
  std::printf("the script of %s is set; it holds from the next mail on\n", address.c_str());
  if (!conf.smtp.sieve.enabled) std::printf("Sieve is switched off in the configuration ([smtp.sieve] enabled)\n");
  return EX_OK;
}

std::string list_of(const std::vector<std::string>& words) {
  std::string out;
  for (const auto& word : words) out += " " + word;
  return out;
}

std::string with_crlf(const std::string& text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\n' && (i == 0 || text[i - 1] != '\r')) out += '\r';
    out += text[i];
  }
  return out;
}

void print_vacation(const sieve::Outcome& outcome, const sieve::Input& input, const SieveTestOptions& options) {
  const sieve::MailView mail(input.content);
  sieve::VacationFacts facts;
  facts.user = facts.recipient = input.recipient;
  facts.sender = input.sender;
  const auto why = sieve::vacation_refusal(*outcome.vacation, facts, mail);
  if (!why.empty()) {
    std::printf("no vacation answer: %s\n", std::string(why).c_str());
    return;
  }
  std::printf("vacation answer to: %s\n", options.from.c_str());
  if (options.show_answer)
    std::printf("%s", sieve::vacation_message(*outcome.vacation, facts, mail, WallClock::now()).c_str());
}

void print_outcome(const sieve::Outcome& outcome, const sieve::Input& input, const SieveTestOptions& options) {
  for (const auto& store : outcome.stores) {
    std::printf("file into: %s%s\n", store.mailbox.c_str(), store.create ? " (made when it is missing)" : "");
    if (!store.flags.empty()) std::printf("  flags:%s\n", list_of(store.flags).c_str());
  }
  for (const auto& to : outcome.redirects) std::printf("redirect to: %s\n", to.c_str());
  if (outcome.reject) std::printf("reject: %s\n", outcome.reject->c_str());
  if (outcome.vacation) print_vacation(outcome, input, options);
  if (outcome.keeps()) {
    std::printf("%s\n", outcome.explicit_keep ? "keep" : "keep (implicit)");
    if (!outcome.keep_flags.empty()) std::printf("  flags:%s\n", list_of(outcome.keep_flags).c_str());
  } else if (outcome.stores.empty() && outcome.redirects.empty() && !outcome.reject) {
    std::printf("discard\n");
  }
}

}  // namespace

int command_user_sieve(const std::string& file, const UserSieveOptions& options) {
  const auto read = conf::read_file(file);
  if (!read.conf) {
    for (const auto& problem : read.problems) std::fprintf(stderr, "%s\n", problem.text().c_str());
    return EX_CONFIG;
  }
  const auto& conf = *read.conf;
  std::string address, path;
  if (const int status = find_script(conf, options.name, address, path); status != EX_OK) return status;
  if (!options.check.empty()) {
    std::string text;
    if (const int status = read_script(options.check, conf.smtp.sieve.max_script, text); status != EX_OK) return status;
    return check_text(options.check, text);
  }
  if (options.remove) {
    if (::unlink(path.c_str()) != 0 && errno != ENOENT) return fail(EX_IOERR, path + ": " + std::strerror(errno));
    std::printf("%s has no script; mail goes to the inbox\n", address.c_str());
    return EX_OK;
  }
  if (options.show) {
    const auto text = base::read_file(path, kMaxMessage);
    if (!text) return fail(EX_NOINPUT, address + " has no script");
    std::fwrite(text->data(), 1, text->size(), stdout);
    return EX_OK;
  }
  if (options.script.empty()) return fail(EX_USAGE, "a file with the script, -, --show, --delete or --check is needed");
  return set_script(conf, options.script, address, path);
}

int check_site_script(const conf::Conf& conf) {
  const auto& file = conf.smtp.sieve.before;
  if (file.empty() || !conf.smtp.sieve.enabled) return EX_OK;
  std::string text;
  if (const int status = read_script(file, conf.smtp.sieve.max_script, text); status != EX_OK) return status;
  return check_text(file, text);
}

int command_sieve_check(const std::string& script) {
  std::string text;
  if (const int status = read_script(script, kMaxMessage, text); status != EX_OK) return status;
  if (const int status = check_text(script, text); status != EX_OK) return status;
  std::printf("%s: good\n", shown(script).c_str());
  return EX_OK;
}

int command_sieve_test(const SieveTestOptions& options) {
  std::string text;
  if (const int status = read_script(options.script, kMaxMessage, text); status != EX_OK) return status;
  const auto compiled = sieve::compile(text);
  if (!compiled.program) return check_text(options.script, text);
  const auto message = read_text(options.message, kMaxMessage);
  if (!message) return fail(EX_NOINPUT, shown(options.message) + ": " + message.error().message());
  const auto content = with_crlf(*message);
  sieve::Input input;
  input.content = content;
  input.sender = options.from;
  input.recipient = options.to;
  input.mailbox_exists = [&options](const std::string& name) {
    const auto folder = sieve::mailbox_folder(name);
    return folder.empty() || std::any_of(options.mailboxes.begin(), options.mailboxes.end(),
                                         [&](const auto& other) { return sieve::mailbox_folder(other) == folder; });
  };
  const auto outcome = sieve::run(*compiled.program, input, {});
  print_outcome(outcome, input, options);
  if (!outcome.error) return EX_OK;
  std::fprintf(stderr, "%s:%s\n", shown(options.script).c_str(), outcome.error->where().c_str());
  return EX_DATAERR;
}

}  // namespace genkan::app
