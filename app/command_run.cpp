// `genkan run`: reads the configuration, starts the site, waits for signals.
//
//   SIGTERM, SIGINT  planned stop: drain, then end (a second one ends at once)
//   SIGHUP           reload the configuration; a bad one changes nothing
//   SIGUSR1          reopen the log files
#include <signal.h>
#include <sysexits.h>
#include <unistd.h>

#include <cstdio>
#include <memory>
#include <system_error>

#include "app/commands.hpp"
#include "app/site.hpp"
#include "conf/reader.hpp"

namespace genkan::app {
namespace {

::sigset_t handled_signals() {
  ::sigset_t set;
  ::sigemptyset(&set);
  for (const int s : {SIGTERM, SIGINT, SIGHUP, SIGUSR1}) ::sigaddset(&set, s);
  return set;
}

conf::ConfPtr read_or_say(const std::string& file) {
  auto read = conf::read_file(file);
  bool bad = !read.conf;
  if (read.conf) conf::check_host(*read.conf, read.problems);
  for (const auto& problem : read.problems) {
    std::fprintf(stderr, "%s\n", problem.text().c_str());
    bad = bad || !problem.warning;
  }
  return bad ? nullptr : read.conf;
}

void reload(Site& site, const std::string& file) {
  auto read = conf::read_file(file);
  bool bad = !read.conf;
  if (read.conf) conf::check_host(*read.conf, read.problems);
  for (const auto& problem : read.problems) {
    bad = bad || !problem.warning;
    site.log().write(problem.warning ? base::Level::warning : base::Level::error, "configuration",
                     {{"problem", problem.text()}});
  }
  std::string why;
  if (!bad) bad = !site.reload(read.conf, why);
  if (bad) {
    site.log().error("the new configuration was not taken: the old one stays in force", {{"file", file}, {"why", why}});
  } else {
    site.log().notice("the configuration was reloaded", {{"file", file}});
  }
}

void wait_for_end(Site& site, const std::string& file, const ::sigset_t& signals) {
  for (;;) {
    int signal = 0;
    if (::sigwait(&signals, &signal) != 0) continue;
    if (signal == SIGHUP) {
      reload(site, file);
    } else if (signal == SIGUSR1) {
      site.reopen_logs();
    } else {
      return;
    }
  }
}

}  // namespace

int command_run(const std::string& file) {
  const conf::ConfPtr conf = read_or_say(file);
  if (!conf) return EX_CONFIG;
  ::signal(SIGPIPE, SIG_IGN);
  std::string why;
  std::unique_ptr<vip::Launched> guardian;
  if (!conf->vips.empty()) {
    auto launched = vip::launch(conf->vips, why);
    if (!launched) {
      std::fprintf(stderr, "genkan: %s\n", why.c_str());
      return EX_NOPERM;
    }
    guardian = std::make_unique<vip::Launched>(std::move(*launched));
  }
  const ::sigset_t signals = handled_signals();
  ::pthread_sigmask(SIG_BLOCK, &signals, nullptr);  // before any thread: all of them inherit it
  std::unique_ptr<Site> made;
  try {
    made = std::make_unique<Site>(conf, std::move(guardian));
  } catch (const std::system_error& e) {  // the log file can't be opened
    std::fprintf(stderr, "genkan: %s\n", e.what());
    return EX_CANTCREAT;
  }
  Site& site = *made;
  if (const int status = site.start(why); status != EX_OK) {
    std::fprintf(stderr, "genkan: %s\n", why.c_str());
    site.log().error("genkan did not start", {{"why", why}});
    site.log().flush();
    ::_exit(status);
  }
  wait_for_end(site, file, signals);
  // A second signal must end a drain that takes too long.
  ::signal(SIGTERM, [](int) { ::_exit(EX_TEMPFAIL); });
  ::signal(SIGINT, [](int) { ::_exit(EX_TEMPFAIL); });
  ::pthread_sigmask(SIG_UNBLOCK, &signals, nullptr);
  site.stop();
  return EX_OK;
}

}  // namespace genkan::app
