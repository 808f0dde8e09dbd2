// Whole files, folders, durable writes. All of these block: never on a worker thread.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.hpp"

namespace genkan::base {

// Errc::too_large when the file is longer than `limit` bytes.
Result<std::string> read_file(const std::string& path, std::uint64_t limit = 16u << 20);

// Replaces `path` by `data` so that after a crash there is the old content or the new, never a mixture: a temporary
// file in the same folder, fsync, rename, fsync of the folder. When it returns without error the data is on the disk.
Result<> write_file_durable(const std::string& path, std::string_view data, unsigned mode = 0600);

// Makes `path` and what is missing above it. Folders that exist keep their mode.
Result<> make_dirs(const std::string& path, unsigned mode = 0755);

// Makes the names in a folder durable.
Result<> sync_dir(const std::string& path);

}  // namespace genkan::base
