// `genkan user add|list|passwd|delete`: the accounts of webmail and local mail. Works on the files, so a running genkan
// sees a change at once and none needs to run.
#include <pwd.h>
#include <sysexits.h>
#include <termios.h>
#include <unistd.h>

#include <cstdio>
#include <iostream>

#include "app/accounts.hpp"
#include "app/commands.hpp"
#include "base/file.hpp"
#include "conf/reader.hpp"
#include "webmail/users/users.hpp"

namespace genkan::app {
namespace {

// Asked for without an echo on a terminal, twice; else the first line of standard input.
bool read_password(std::string& password) {
  if (!::isatty(STDIN_FILENO)) return static_cast<bool>(std::getline(std::cin, password));
  ::termios before{};
  ::tcgetattr(STDIN_FILENO, &before);
  ::termios silent = before;
  silent.c_lflag &= ~static_cast<::tcflag_t>(ECHO);
  std::string again;
  ::tcsetattr(STDIN_FILENO, TCSAFLUSH, &silent);
  std::fputs("Password: ", stderr);
  bool ok = static_cast<bool>(std::getline(std::cin, password));
  std::fputs("\nAgain: ", stderr);
  ok = ok && static_cast<bool>(std::getline(std::cin, again));
  ::tcsetattr(STDIN_FILENO, TCSAFLUSH, &before);
  std::fputs("\n", stderr);
  if (ok && password != again) {
    std::fputs("genkan: the two passwords differ\n", stderr);
    return false;
  }
  return ok;
}

int fail(int status, const std::string& why) {
  std::fprintf(stderr, "genkan: %s\n", why.c_str());
  return status;
}

int status_of(Error error, const std::string& address) {
  if (error == Errc::malformed)
    return fail(
        EX_DATAERR,
        "'" + address + "' can not be an account: letters, digits and ._+=- before the @, a host name after it");
  if (error == Errc::conflict) return fail(EX_DATAERR, "the account " + address + " exists already");
  if (error == Errc::not_found) return fail(EX_NOUSER, "there is no account " + address);
  if (error == Errc::refused) return fail(EX_DATAERR, "the password is empty or longer than 1024 bytes");
  return fail(EX_IOERR, error.message());
}

}  // namespace

Result<std::unique_ptr<webmail::Users>> open_users(const conf::Conf& conf, int& status) {
  auto made = base::make_dirs(conf.node.state_dir, 0750);
  auto users = made ? webmail::Users::open(conf.node.state_dir) : Result<std::unique_ptr<webmail::Users>>(made.error());
  if (!users) {
    status = fail(EX_CANTCREAT, "cannot open " + conf.node.state_dir + "/users.db: " + users.error().message());
    return users.error();
  }
  // Made by root, used by the user that the server becomes.
  if (::geteuid() == 0 && !conf.node.user.empty()) {
    if (const ::passwd* owner = ::getpwnam(conf.node.user.c_str())) {
      for (const char* name : {"", "/users.db", "/users.db-wal", "/users.db-shm"}) {
        [[maybe_unused]] const int r = ::chown((conf.node.state_dir + name).c_str(), owner->pw_uid, owner->pw_gid);
      }
    }
  }
  return users;
}

int command_user(const std::string& file, const std::string& verb, const std::string& name,
                 const std::string& display) {
  const auto read = conf::read_file(file);
  if (!read.conf) {
    for (const auto& problem : read.problems) std::fprintf(stderr, "%s\n", problem.text().c_str());
    return EX_CONFIG;
  }
  int status = EX_OK;
  auto users = open_users(*read.conf, status);
  if (!users) return status;
  if (verb == "list") {
    const auto all = (*users)->list();
    if (!all) return status_of(all.error(), "");
    for (const auto& user : *all) std::printf("%s\t%s\n", user.address.c_str(), user.name.c_str());
    return EX_OK;
  }
  std::string address = name;
  if (address.find('@') == std::string::npos && !read.conf->webmail.domains.empty()) {
    address += "@" + read.conf->webmail.domains.front();
  }
  if (verb == "delete") {
    const auto done = (*users)->remove(address);
    if (!done) return status_of(done.error(), address);
    std::printf("%s is deleted; its mail stays below %s/mail\n", address.c_str(), read.conf->node.state_dir.c_str());
    return EX_OK;
  }
  std::string password;
  if (!read_password(password)) return EX_NOINPUT;
  if (verb == "add") {
    const auto user = (*users)->add(address, display, password);
    if (!user) return status_of(user.error(), address);
    std::printf("%s can log in now\n", user->address.c_str());
    return EX_OK;
  }
  const auto done = (*users)->set_password(address, password);
  if (!done) return status_of(done.error(), address);
  std::printf("%s has a new password; its sessions have ended\n", address.c_str());
  return EX_OK;
}

}  // namespace genkan::app
