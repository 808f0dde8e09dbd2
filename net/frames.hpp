// Short-lived memory of one thread: coroutine frames, streams, the buffers of a request. Lists by size class, without
// atomics; plain new under ASan and TSan, which must see a use after free.
//
// What must stay true: a list keeps no more than kKeepFrames, and a quarter of that once it is not much in use any more
// (trim_frames).
#pragma once

#include <cstddef>
#include <string>
#include <vector>

namespace genkan::net {

namespace detail {

constexpr std::size_t kKeepFrames = 512 * 1024;  // bytes kept of each size class

// Any thread may free what another one has allocated: it is kept there.
void* allocate_frame(std::size_t size);
void free_frame(void* frame, std::size_t size) noexcept;
// Once a second: frees half of what lay unused since the last call in each list that keeps more than a quarter. True:
// it should be called again.
bool trim_frames() noexcept;

}  // namespace detail

// For containers that live as long as a request.
template <class T>
struct FrameAllocator {
  using value_type = T;
  FrameAllocator() = default;
  template <class U>
  FrameAllocator(const FrameAllocator<U>&) noexcept {}
  T* allocate(std::size_t n) {
    static_assert(alignof(T) <= alignof(std::max_align_t));
    return static_cast<T*>(detail::allocate_frame(n * sizeof(T)));
  }
  void deallocate(T* at, std::size_t n) noexcept { detail::free_frame(at, n * sizeof(T)); }
  friend bool operator==(FrameAllocator, FrameAllocator) noexcept { return true; }
};

using FrameString = std::basic_string<char, std::char_traits<char>, FrameAllocator<char>>;
template <class T>
using FrameVector = std::vector<T, FrameAllocator<T>>;

}  // namespace genkan::net
