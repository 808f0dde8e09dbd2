#include "net/frames.hpp"

#include <algorithm>
#include <array>
#include <cstdint>
#include <new>
#include <utility>

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define GENKAN_PLAIN_FRAMES 1
#endif
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define GENKAN_PLAIN_FRAMES 1
#endif

namespace genkan::net::detail {

#ifdef GENKAN_PLAIN_FRAMES

void* allocate_frame(std::size_t size) { return ::operator new(size); }
void free_frame(void* frame, std::size_t) noexcept { ::operator delete(frame); }
bool trim_frames() noexcept { return false; }

#else

namespace {

constexpr std::size_t kStep = 64, kClasses = 64;  // frames over 4 KiB go to the heap
// What is kept of a class that is not much in use lies between what lives for long, and keeps whole pages in memory.
constexpr std::size_t kKeepSeldom = kKeepFrames / 4;
constexpr std::uint32_t kBusy = 40'000;  // pieces between two trims

struct Node {
  Node* next;
};

struct FreeList {
  Node* head;
  std::uint32_t count;
  std::uint32_t least;  // of count since the last trim
  std::uint32_t taken;  // pieces since then
  bool busy;
};
constinit thread_local std::array<FreeList, kClasses> lists{};
constinit thread_local bool ended = false;  // the thread: what is freed from here on is not kept

void drop(FreeList& list, std::uint32_t n) noexcept {
  for (; n > 0; --n, --list.count) ::operator delete(std::exchange(list.head, list.head->next));
}

// Apart from the lists: whoever has a destructor is asked at each use whether it was constructed.
struct AtExit {
  ~AtExit() {
    ended = true;
    for (FreeList& list : lists) drop(list, list.count);
  }
  void note() noexcept {}
};
thread_local AtExit at_exit;

bool full(const FreeList& list, std::size_t size) noexcept {
  return list.count * size >= (list.busy ? kKeepFrames : kKeepSeldom);
}

// The next piece of this size is wanted soon, and has long left the caches nearest by when hundreds of requests wait.
void expect(const Node* next) noexcept {
  const char* at = reinterpret_cast<const char*>(next);
  __builtin_prefetch(at, 1);
  __builtin_prefetch(at + kStep, 1);
}

}  // namespace

void* allocate_frame(std::size_t size) {
  const std::size_t index = (size - 1) / kStep;
  if (index >= kClasses) return ::operator new(size);
  FreeList& list = lists[index];
  if (Node* node = list.head) {
    list.head = node->next;
    expect(list.head);
    ++list.taken;
    if (--list.count < list.least) list.least = list.count;
    return node;
  }
  return ::operator new((index + 1) * kStep);
}

void free_frame(void* frame, std::size_t size) noexcept {
  const std::size_t index = (size - 1) / kStep;
  if (index >= kClasses || full(lists[index], (index + 1) * kStep) || ended) {
    ::operator delete(frame);
    return;
  }
  FreeList& list = lists[index];
  if (!list.head) at_exit.note();
  auto* node = static_cast<Node*>(frame);
  node->next = list.head;
  list.head = node;
  ++list.count;
}

bool trim_frames() noexcept {
  bool left = false;
  for (std::size_t index = 0; index < kClasses; ++index) {
    FreeList& list = lists[index];
    const auto usual = static_cast<std::uint32_t>(kKeepSeldom / ((index + 1) * kStep));
    if (list.count > usual) drop(list, std::min(list.count - usual, (list.least + 1) / 2));
    list.least = list.count;
    list.busy = std::exchange(list.taken, 0) >= kBusy;
    left = left || list.busy || list.count > usual;
  }
  return left;
}

#endif

}  // namespace genkan::net::detail
