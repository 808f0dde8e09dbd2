// `genkan run`: reads the configuration, starts the site, waits for signals.
//
//   SIGTERM, SIGINT  planned stop: drain, then end (a second one ends at once)
//   SIGHUP           reload the configuration; a bad one changes nothing
//   SIGUSR1          reopen the log files
//   SIGUSR2          upgrade: start the program anew and hand everything over (`genkan upgrade`)
#include <signal.h>
#include <sys/resource.h>
#include <sysexits.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <filesystem>
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
  for (const int s : {SIGTERM, SIGINT, SIGHUP, SIGUSR1, SIGUSR2}) ::sigaddset(&set, s);
  return set;
}

// `why`: the first thing that is wrong.
conf::ConfPtr read_or_say(const std::string& file, std::string& why) {
  auto read = conf::read_file(file);
  bool bad = !read.conf;
  if (read.conf) conf::check_host(*read.conf, read.problems);
  for (const auto& problem : read.problems) {
    std::fprintf(stderr, "%s\n", problem.text().c_str());
    bad = bad || !problem.warning;
    if (why.empty() && !problem.warning) why = problem.text();
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

// The program's file as it was started: what lies there now is what an upgrade starts.
std::string own_program() {
  std::error_code error;
  return std::filesystem::read_symlink("/proc/self/exe", error).string();
}

bool stop_is_pending() {
  ::sigset_t pending;
  return ::sigpending(&pending) == 0 && (::sigismember(&pending, SIGTERM) == 1 || ::sigismember(&pending, SIGINT) == 1);
}

enum class End { stop, replaced };

End wait_for_end(Site& site, const std::string& file, const std::string& program, const ::sigset_t& signals) {
  for (;;) {
    int signal = 0;
    if (::sigwait(&signals, &signal) != 0) continue;
    if (signal == SIGHUP) {
      reload(site, file);
    } else if (signal == SIGUSR1) {
      site.reopen_logs();
    } else if (signal == SIGUSR2) {
      std::string why;
      if (site.upgrade(program, file, stop_is_pending, why)) return End::replaced;
    } else {
      return End::stop;
    }
  }
}

volatile std::sig_atomic_t stops = 0;

// The guardian: of the process that is replaced, or a new one, forked before there is a thread. Null: none is wanted.
Result<std::unique_ptr<vip::Launched>> find_guardian(const conf::Conf& conf, Heritage* heritage, std::string& why) {
  if (heritage &&
      (heritage->guardian ? heritage->vip_fingerprint : vip::fingerprint({})) != vip::fingerprint(conf.vips)) {
    why = "[[vip]] is not what it was, or the guardian is of another version: that needs a restart";
    return Errc::refused;
  }
  if (conf.vips.empty()) return std::unique_ptr<vip::Launched>();
  auto launched = heritage ? vip::adopt(conf.vips, std::move(heritage->guardian), heritage->guardian_pid, why)
                           : vip::launch(conf.vips, why);
  if (!launched) return launched.error();
  return std::make_unique<vip::Launched>(std::move(*launched));
}

// As many files as the system lets us have.
void raise_file_limit() {
  ::rlimit files{};
  if (::getrlimit(RLIMIT_NOFILE, &files) != 0 || files.rlim_cur == files.rlim_max) return;
  files.rlim_cur = files.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &files);
}

}  // namespace

int command_run(const std::string& file) {
  const std::string program = own_program();
  std::string why;
  std::unique_ptr<Heritage> heritage = receive_heritage(why);
  Handover* const talk = heritage ? &heritage->talk : nullptr;
  const auto fail = [&](int status) {
    std::fprintf(stderr, "genkan: %s\n", why.c_str());
    if (talk) static_cast<void>(talk->send("failed", why));
    return status;
  };
  if (!heritage && !why.empty()) return fail(EX_PROTOCOL);
  const conf::ConfPtr conf = read_or_say(file, why);
  if (!conf) return talk ? fail(EX_CONFIG) : EX_CONFIG;
  ::signal(SIGPIPE, SIG_IGN);
  raise_file_limit();
  auto guardian = find_guardian(*conf, heritage.get(), why);
  if (!guardian) return fail(EX_NOPERM);
  const ::sigset_t signals = handled_signals();
  ::pthread_sigmask(SIG_BLOCK, &signals, nullptr);  // before any thread: all of them inherit it
  std::unique_ptr<Site> made;
  try {
    made = std::make_unique<Site>(conf, std::move(*guardian), std::move(heritage));
  } catch (const std::system_error& e) {  // the log file can't be opened
    why = e.what();
    return fail(EX_CANTCREAT);
  }
  Site& site = *made;
  if (const int status = site.start(why); status != EX_OK) {
    fail(status);
    site.log().error("genkan did not start", {{"why", why}});
    site.log().flush();
    ::_exit(status);
  }
  const End end = wait_for_end(site, file, program, signals);
  // A second signal must end a drain that takes too long.
  const auto count = [](int) {
    stops = stops + 1;
    if (stops > 1) ::_exit(EX_TEMPFAIL);
  };
  if (end == End::stop) stops = 1;
  ::signal(SIGTERM, count);
  ::signal(SIGINT, count);
  ::sigset_t stop_signals;
  ::sigemptyset(&stop_signals);
  ::sigaddset(&stop_signals, SIGTERM);
  ::sigaddset(&stop_signals, SIGINT);
  ::pthread_sigmask(SIG_UNBLOCK, &stop_signals, nullptr);
  if (end == End::stop) {
    site.stop();
  } else {
    site.retire([] { return stops > 0; });
  }
  return EX_OK;
}

}  // namespace genkan::app
