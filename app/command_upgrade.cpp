// `genkan upgrade`: tells the running genkan to hand over to the program that lies at its place now (SIGUSR2), and
// waits for how that went: a line in run_dir/genkan.upgrade, "<number> done <pid>" or "<number> failed <why>".
#include <signal.h>
#include <sysexits.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <thread>

#include "app/commands.hpp"
#include "base/clock.hpp"
#include "base/file.hpp"
#include "base/text.hpp"
#include "conf/reader.hpp"

namespace genkan::app {
namespace {

using namespace std::chrono_literals;

constexpr Duration kPatience = 5min;

std::string first_line(const std::string& path) {
  const auto text = base::read_file(path, 64 * 1024);
  return text ? text->substr(0, text->find('\n')) : std::string();
}

}  // namespace

int command_upgrade(const std::string& file) {
  auto read = conf::read_file(file);
  bool bad = !read.conf;
  if (read.conf) conf::check_host(*read.conf, read.problems);
  for (const auto& problem : read.problems) {
    std::fprintf(stderr, "%s\n", problem.text().c_str());
    bad = bad || !problem.warning;
  }
  if (bad) {
    std::fprintf(stderr, "genkan: the configuration is not good: nothing was changed\n");
    return EX_CONFIG;
  }
  const std::string run_dir = read.conf->node.run_dir;
  const auto pid = base::parse_uint(first_line(run_dir + "/genkan.pid"));
  if (!pid || *pid < 2 || *pid > 4'194'304 || ::kill(static_cast<::pid_t>(*pid), 0) != 0) {
    std::fprintf(stderr, "genkan: no genkan runs that belongs to %s (%s/genkan.pid)%s%s\n", file.c_str(),
                 run_dir.c_str(), pid && errno != 0 ? ": " : "", pid && errno != 0 ? std::strerror(errno) : "");
    return EX_UNAVAILABLE;
  }
  const std::string outcome_file = run_dir + "/genkan.upgrade";
  const std::string before = first_line(outcome_file);
  if (::kill(static_cast<::pid_t>(*pid), SIGUSR2) != 0) {
    std::fprintf(stderr, "genkan: cannot signal %llu: %s\n", static_cast<unsigned long long>(*pid),
                 std::strerror(errno));
    return EX_NOPERM;
  }
  const Time deadline = Clock::now() + kPatience;
  while (Clock::now() < deadline) {
    const std::string now = first_line(outcome_file);
    if (now != before && now.find(' ') != std::string::npos) {
      const std::string outcome = now.substr(now.find(' ') + 1);
      if (outcome.starts_with("done ")) {
        std::printf("upgraded: process %s serves; %llu serves what it has open and ends\n", outcome.c_str() + 5,
                    static_cast<unsigned long long>(*pid));
        return EX_OK;
      }
      std::fprintf(stderr, "genkan: the upgrade failed, the old process serves on: %s\n",
                   outcome.starts_with("failed ") ? outcome.c_str() + 7 : outcome.c_str());
      return EX_SOFTWARE;
    }
    if (::kill(static_cast<::pid_t>(*pid), 0) != 0 && errno == ESRCH) {
      std::fprintf(stderr, "genkan: the running process has ended\n");
      return EX_UNAVAILABLE;
    }
    std::this_thread::sleep_for(50ms);
  }
  std::fprintf(stderr, "genkan: there is no outcome yet: see the log\n");
  return EX_TEMPFAIL;
}

}  // namespace genkan::app
