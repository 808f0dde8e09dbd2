// Reading small files of /proc and /sys whole.
#pragma once

#include <string>
#include <string_view>

namespace genkan::cluster {

// At most 64 KiB; empty when the file can't be read. Never waits for a disk when the file is in /proc or /sys.
std::string read_proc_file(const std::string& path);

inline std::string_view first_line(std::string_view text) noexcept { return text.substr(0, text.find('\n')); }

}  // namespace genkan::cluster
