// Asks for memory before it is needed. Where there are thousands of backends, what is kept of each of them has left the
// caches by the time it is used again, and a fetch that was asked for early costs nothing of what one that is waited
// for does.
#pragma once

#include <cstddef>

namespace genkan::base {

inline void prefetch(const void* at) noexcept { __builtin_prefetch(at, 1); }

template <class T>
void prefetch_all(const T& object) noexcept {
  const char* begin = reinterpret_cast<const char*>(&object);
  for (std::size_t at = 0; at < sizeof(T); at += 64) prefetch(begin + at);
}

}  // namespace genkan::base
