#include "vip/confine.hpp"

#include <fcntl.h>
#include <linux/capability.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <csignal>

namespace genkan::vip {
namespace {

constexpr int kFirstFree = 3;
constexpr int kRealtimePriority = 20;  // above ordinary work, below the kernel's own threads (50)

void ignore_signals() noexcept {
  for (const int signal : {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGPIPE, SIGUSR1, SIGUSR2, SIGALRM}) {
    ::signal(signal, SIG_IGN);
  }
  ::signal(SIGCHLD, SIG_DFL);
  sigset_t none;
  sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
}

// Of what is permitted now, only the two capabilities that VRRP needs stay.
void drop_capabilities() noexcept {
  __user_cap_header_struct head{_LINUX_CAPABILITY_VERSION_3, 0};
  std::array<__user_cap_data_struct, _LINUX_CAPABILITY_U32S_3> data{};
  if (::syscall(SYS_capget, &head, data.data()) != 0) return;
  const unsigned keep = 1U << CAP_NET_RAW | 1U << CAP_NET_ADMIN;  // both are in the first word
  data[0].permitted &= keep;
  data[0].effective = data[0].permitted;
  data[0].inheritable = 0;
  data[1] = {};
  ::syscall(SYS_capset, &head, data.data());
  ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
}

}  // namespace

int keep_only(int fd) noexcept {
  const int kept = ::fcntl(fd, F_DUPFD_CLOEXEC, kFirstFree);
  if (kept < 0) return -1;
  if (kept > kFirstFree) ::syscall(SYS_close_range, kFirstFree, kept - 1, 0);
  ::syscall(SYS_close_range, kept + 1, ~0U, 0);
  return kept;
}

Confinement confine(bool realtime) noexcept {
  Confinement out;
  ::prctl(PR_SET_NAME, "genkan-vip", 0, 0, 0);
  ignore_signals();
  if (realtime) {
    sched_param parameters{};
    parameters.sched_priority = kRealtimePriority;
    out.realtime = ::sched_setscheduler(0, SCHED_RR | SCHED_RESET_ON_FORK, &parameters) == 0;
    out.locked = ::mlockall(MCL_CURRENT | MCL_FUTURE) == 0;
  }
  drop_capabilities();
  return out;
}

}  // namespace genkan::vip
