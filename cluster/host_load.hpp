// How busy this host is, read from /proc once per announcement. What may block for a moment (the files of /proc never
// wait for a disk) is small enough for the control thread; the first call of start_up_speed() takes about 20 ms.
//
// In a container (a process namespace of its own) /proc/stat and /proc/loadavg still speak of the whole host, which
// says nothing about this node. There the tasks that are visible in /proc are counted instead: runnable ones make the
// load average, their CPU time the idle share, and limits of the control group bound CPUs and memory.
#pragma once

#include <cmath>
#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>

#include "base/clock.hpp"

namespace genkan::cluster {

struct HostLoad {
  std::uint32_t cpu_idle_permille = 1000;
  std::uint32_t load_milli = 0;
  std::uint32_t ncpu = 1;
  std::uint64_t memory_total = 0;      // bytes
  std::uint64_t memory_available = 0;  // bytes
  std::uint32_t connections = 0;       // established TCP connections in our network namespace
};

// What the parsers of the files below give. Text that does not fit leaves the fields alone and returns false.
struct CpuTimes {
  std::uint64_t idle = 0, total = 0;  // clock ticks since boot
};
bool parse_proc_stat(std::string_view text, CpuTimes& out);            // first line of /proc/stat
bool parse_loadavg(std::string_view text, std::uint32_t& load_milli);  // /proc/loadavg
bool parse_meminfo(std::string_view text, std::uint64_t& total, std::uint64_t& available);
bool parse_snmp_established(std::string_view text, std::uint32_t& count);  // /proc/net/snmp, Tcp: CurrEstab
struct TaskStat {
  char state = '?';
  std::uint64_t cpu_ticks = 0;  // user + system; of a process: of all its threads
  std::uint64_t threads = 1;
};
bool parse_task_stat(std::string_view text, TaskStat& out);  // /proc/PID/stat; the name may hold anything

// The idle share between two readings; `before` when no time passed.
std::uint32_t idle_permille(const CpuTimes& from, const CpuTimes& to, std::uint32_t before) noexcept;

// The kernel's load average (kernel/sched/loadavg.c): exponential mean over one minute. While younger than its window
// it is the plain mean since the start, so that a fresh node does not look idle.
class LoadAverage {
 public:
  explicit LoadAverage(Duration window = 60s) : window_(std::chrono::duration<double>(window).count()) {}
  void sample(std::uint32_t runnable, Duration since_last);
  std::uint32_t milli() const noexcept { return static_cast<std::uint32_t>(std::lround(value_ * 1000)); }

 private:
  double window_;  // seconds
  double value_ = 0;
  double age_ = 0;  // seconds
};

enum class Scope { automatic, host, container };

// Used by one thread.
class HostLoadReader {
 public:
  explicit HostLoadReader(Scope scope = Scope::automatic, std::string proc = "/proc",
                          std::string cgroup = "/sys/fs/cgroup");
  HostLoad read(Time now);
  bool in_container() const noexcept { return container_; }

 private:
  void read_host(HostLoad& out);
  void read_container(HostLoad& out, Time now);
  void read_limits(HostLoad& out) const;
  std::uint32_t runnable_threads(const std::string& process) const;

  std::string proc_, cgroup_;
  bool container_;
  std::uint32_t idle_ = 1000;
  CpuTimes last_times_;
  LoadAverage average_, wanted_{3s};
  Time last_read_{};
  std::unordered_map<std::int32_t, std::uint64_t> task_ticks_;  // CPU time of each visible process at the last reading
};

// How fast one core of this machine is: rounds of a fixed mix of arithmetic and memory work per 10 microseconds, best
// of a few runs within ~20 ms (mod_backhand's "arriba"). Only the ratio between machines means something. Cached per
// process.
std::uint32_t start_up_speed();

}  // namespace genkan::cluster
