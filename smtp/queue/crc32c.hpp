// CRC-32C (Castagnoli, RFC 3720 B.4): tells torn and rotten records from good ones. Uses the processor's instruction
// where there is one (SSE 4.2), else a table.
#pragma once

#include <cstdint>
#include <string_view>

namespace genkan::smtp {

// Continue with the last result; start with 0.
std::uint32_t crc32c(std::uint32_t crc, std::string_view data) noexcept;

}  // namespace genkan::smtp
