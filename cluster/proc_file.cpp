// Parsers of the files that cluster/host_load.hpp reads (proc(5)).
#include "cluster/proc_file.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <optional>

#include "base/text.hpp"
#include "cluster/host_load.hpp"

namespace genkan::cluster {

namespace {

// The next word, or empty; `text` moves behind it.
std::string_view word(std::string_view& text) noexcept {
  const auto start = text.find_first_not_of(" \t");
  if (start == std::string_view::npos) return text = {};
  const auto end = text.find_first_of(" \t\n", start);
  const auto found = text.substr(start, end == std::string_view::npos ? end : end - start);
  text.remove_prefix(end == std::string_view::npos ? text.size() : end);
  return found;
}

std::string_view next_line(std::string_view& text) noexcept {
  const auto line = first_line(text);
  text.remove_prefix(std::min(text.size(), line.size() + 1));
  return line;
}

}  // namespace

std::string read_proc_file(const std::string& path) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return {};
  std::string out;
  std::array<char, 4096> block;
  while (out.size() < 64 * 1024) {
    const auto n = ::read(fd, block.data(), block.size());
    if (n <= 0) break;
    out.append(block.data(), static_cast<std::size_t>(n));
  }
  ::close(fd);
  return out;
}

bool parse_proc_stat(std::string_view text, CpuTimes& out) {
  auto line = first_line(text);
  if (word(line) != "cpu") return false;
  CpuTimes times;
  // user nice system idle iowait irq softirq steal; guest time is contained in user and nice.
  for (int column = 0; column < 8; ++column) {
    const auto ticks = base::parse_uint(word(line));
    if (!ticks) {
      if (column < 4) return false;
      break;
    }
    times.total += *ticks;
    if (column == 3 || column == 4) times.idle += *ticks;
  }
  out = times;
  return true;
}

bool parse_loadavg(std::string_view text, std::uint32_t& load_milli) {
  const auto number = word(text);
  const auto dot = number.find('.');
  const auto whole = base::parse_uint(number.substr(0, dot));
  if (!whole || *whole > 4'000'000) return false;
  std::uint64_t milli = *whole * 1000;
  if (dot != std::string_view::npos) {
    std::string digits(number.substr(dot + 1, 3));
    digits.resize(3, '0');
    const auto part = base::parse_uint(digits);
    if (!part) return false;
    milli += *part;
  }
  load_milli = static_cast<std::uint32_t>(milli);
  return true;
}

bool parse_meminfo(std::string_view text, std::uint64_t& total, std::uint64_t& available) {
  std::optional<std::uint64_t> all, free;
  while (!text.empty() && !(all && free)) {
    auto line = next_line(text);
    const auto name = word(line);
    if (name == "MemTotal:") all = base::parse_uint(word(line));
    if (name == "MemAvailable:") free = base::parse_uint(word(line));
  }
  if (!all || !free || *all > (1ull << 50) || *free > *all) return false;
  total = *all * 1024;
  available = *free * 1024;
  return true;
}

bool parse_snmp_established(std::string_view text, std::uint32_t& count) {
  while (!text.empty()) {
    auto names = next_line(text);
    if (word(names) != "Tcp:") continue;
    auto values = next_line(text);
    if (word(values) != "Tcp:") return false;
    for (auto name = word(names); !name.empty(); name = word(names)) {
      const auto value = word(values);
      if (name != "CurrEstab") continue;
      const auto number = base::parse_uint(value);
      if (!number || *number > 0xffffffff) return false;
      count = static_cast<std::uint32_t>(*number);
      return true;
    }
  }
  return false;
}

bool parse_task_stat(std::string_view text, TaskStat& out) {
  // The second column is the name in parentheses and may itself hold spaces and parentheses: the last one ends it.
  const auto end = text.rfind(')');
  if (end == std::string_view::npos || end + 2 >= text.size()) return false;
  text.remove_prefix(end + 1);
  const auto state = word(text);
  for (int column = 4; column < 14; ++column) word(text);
  const auto user = base::parse_uint(word(text));
  const auto system = base::parse_uint(word(text));
  if (state.size() != 1 || !user || !system) return false;
  for (int column = 16; column < 20; ++column) word(text);
  out = {state[0], *user + *system, base::parse_uint(word(text)).value_or(1)};
  return true;
}

std::uint32_t idle_permille(const CpuTimes& from, const CpuTimes& to, std::uint32_t before) noexcept {
  if (to.total <= from.total || to.idle < from.idle) return before;
  const auto total = to.total - from.total;
  const auto idle = std::min(to.idle - from.idle, total);
  return static_cast<std::uint32_t>(idle * 1000 / total);
}

}  // namespace genkan::cluster
