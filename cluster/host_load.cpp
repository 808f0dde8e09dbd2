#include "cluster/host_load.hpp"

#include <dirent.h>
#include <sched.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <memory>
#include <string_view>

#include "base/text.hpp"
#include "cluster/proc_file.hpp"

namespace genkan::cluster {

namespace {

// More processes than this are not looked at one by one (a container that large runs its own agent on the host).
constexpr std::size_t kMaxTasks = 8192;
constexpr std::size_t kMaxThreads = 1024;  // of one process
// include/linux/proc_ns.h: the first process namespace always has this inode.
constexpr ino_t kFirstPidNamespace = 0xEFFFFFFC;

bool own_pid_namespace(const std::string& proc) {
  struct stat st {};
  return ::stat((proc + "/self/ns/pid").c_str(), &st) == 0 && st.st_ino != kFirstPidNamespace;
}

bool is_runnable(const TaskStat& task) noexcept { return task.state == 'R' || task.state == 'D'; }

std::uint32_t usable_cpus() {
  cpu_set_t set;
  CPU_ZERO(&set);
  if (::sched_getaffinity(0, sizeof set, &set) != 0) return 1;
  return static_cast<std::uint32_t>(std::max(1, CPU_COUNT(&set)));
}

}  // namespace

HostLoadReader::HostLoadReader(Scope scope, std::string proc, std::string cgroup)
    : proc_(std::move(proc)), cgroup_(std::move(cgroup)) {
  container_ = scope == Scope::container || (scope == Scope::automatic && own_pid_namespace(proc_));
}

HostLoad HostLoadReader::read(Time now) {
  HostLoad out;
  out.ncpu = usable_cpus();
  parse_meminfo(read_proc_file(proc_ + "/meminfo"), out.memory_total, out.memory_available);
  read_limits(out);
  if (container_) {
    read_container(out, now);
  } else {
    read_host(out);
  }
  parse_snmp_established(read_proc_file(proc_ + "/self/net/snmp"), out.connections);
  last_read_ = now;
  return out;
}

void HostLoadReader::read_host(HostLoad& out) {
  parse_loadavg(read_proc_file(proc_ + "/loadavg"), out.load_milli);
  CpuTimes times;
  if (parse_proc_stat(read_proc_file(proc_ + "/stat"), times)) {
    if (last_times_.total != 0) idle_ = idle_permille(last_times_, times, idle_);
    last_times_ = times;
  }
  out.cpu_idle_permille = idle_;
}

std::uint32_t HostLoadReader::runnable_threads(const std::string& process) const {
  const std::unique_ptr<DIR, int (*)(DIR*)> dir(::opendir((process + "/task").c_str()), ::closedir);
  std::uint32_t runnable = 0;
  std::size_t seen = 0;
  while (const dirent* entry = dir ? ::readdir(dir.get()) : nullptr) {
    if (!base::parse_uint(entry->d_name) || ++seen > kMaxThreads) continue;
    TaskStat task;
    if (parse_task_stat(read_proc_file(process + "/task/" + entry->d_name + "/stat"), task) && is_runnable(task))
      ++runnable;
  }
  return runnable;
}

// We ourselves run while we look, and would always count one runnable task: our own process is left out.
void HostLoadReader::read_container(HostLoad& out, Time now) {
  const std::unique_ptr<DIR, int (*)(DIR*)> dir(::opendir(proc_.c_str()), ::closedir);
  if (!dir) return;
  std::unordered_map<std::int32_t, std::uint64_t> ticks;
  std::uint32_t runnable = 0;
  std::uint64_t used = 0;
  while (const dirent* entry = ::readdir(dir.get())) {
    const auto pid = base::parse_uint(entry->d_name);
    if (!pid || static_cast<::pid_t>(*pid) == ::getpid()) continue;
    const auto process = proc_ + "/" + entry->d_name;
    TaskStat task;
    if (!parse_task_stat(read_proc_file(process + "/stat"), task)) continue;
    runnable += task.threads > 1 ? runnable_threads(process) : is_runnable(task);
    const auto id = static_cast<std::int32_t>(*pid);
    const auto before = task_ticks_.find(id);
    if (before != task_ticks_.end() && task.cpu_ticks > before->second) used += task.cpu_ticks - before->second;
    ticks.emplace(id, task.cpu_ticks);
    if (ticks.size() >= kMaxTasks) break;
  }
  const bool first = last_read_ == Time{};
  const auto passed = first ? Duration{1s} : now - last_read_;
  average_.sample(runnable, passed);
  wanted_.sample(runnable, passed);
  const auto seconds = std::chrono::duration<double>(passed).count();
  if (!first && seconds > 0) {
    const auto capacity = seconds * out.ncpu * static_cast<double>(::sysconf(_SC_CLK_TCK));
    const auto wanted = wanted_.milli() / 1000.0 / out.ncpu;
    const auto busy = std::min(1.0, std::max(wanted, static_cast<double>(used) / capacity));
    idle_ = static_cast<std::uint32_t>(std::lround(1000 * (1 - busy)));
  }
  task_ticks_ = std::move(ticks);
  out.load_milli = average_.milli();
  out.cpu_idle_permille = idle_;
}

// Control group limits, second version first; "max" and absent files mean none.
void HostLoadReader::read_limits(HostLoad& out) const {
  auto number = [&](const char* file) {
    return base::parse_uint(base::trim(first_line(read_proc_file(cgroup_ + file)))).value_or(0);
  };
  auto limit = number("/memory.max");
  auto used = number("/memory.current");
  if (limit == 0) {
    limit = number("/memory/memory.limit_in_bytes");
    used = number("/memory/memory.usage_in_bytes");
  }
  if (limit != 0 && limit < out.memory_total) {
    out.memory_total = limit;
    out.memory_available = std::min(out.memory_available, limit - std::min(limit, used));
  }
  const auto cpu_file = read_proc_file(cgroup_ + "/cpu.max");
  const auto parts = base::split(first_line(cpu_file), ' ');
  if (parts.size() == 2) {
    const auto quota = base::parse_uint(parts[0]).value_or(0);
    const auto period = base::parse_uint(parts[1]).value_or(0);
    if (quota != 0 && period != 0) {
      const auto cpus = std::max<std::uint64_t>(1, (quota + period - 1) / period);
      out.ncpu = static_cast<std::uint32_t>(std::min<std::uint64_t>(out.ncpu, cpus));
    }
  }
}

void LoadAverage::sample(std::uint32_t runnable, Duration since_last) {
  const auto seconds = std::max(0.0, std::chrono::duration<double>(since_last).count());
  age_ += seconds;
  if (age_ <= 0) return;
  const auto share = age_ < window_ ? seconds / age_ : 1 - std::exp(-seconds / window_);
  value_ += (runnable - value_) * share;
}

}  // namespace genkan::cluster
