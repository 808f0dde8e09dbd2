#include "net/frames.hpp"

#include <array>
#include <cstdint>
#include <new>

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

struct Node {
  Node* next;
};

struct FreeList {
  std::array<Node*, kClasses> head{};
  std::array<std::uint32_t, kClasses> count{};
  std::array<std::uint32_t, kClasses> least{};  // of count since the last trim
  ~FreeList() {
    for (Node* node : head) {
      while (node) {
        Node* next = node->next;
        ::operator delete(node);
        node = next;
      }
    }
  }
};

thread_local FreeList free_list;

}  // namespace

void* allocate_frame(std::size_t size) {
  const std::size_t index = (size - 1) / kStep;
  if (index >= kClasses) return ::operator new(size);
  if (Node* node = free_list.head[index]) {
    free_list.head[index] = node->next;
    if (--free_list.count[index] < free_list.least[index]) free_list.least[index] = free_list.count[index];
    return node;
  }
  return ::operator new((index + 1) * kStep);
}

void free_frame(void* frame, std::size_t size) noexcept {
  const std::size_t index = (size - 1) / kStep;
  if (index >= kClasses || free_list.count[index] * (index + 1) * kStep >= kKeepFrames) {
    ::operator delete(frame);
    return;
  }
  auto* node = static_cast<Node*>(frame);
  node->next = free_list.head[index];
  free_list.head[index] = node;
  ++free_list.count[index];
}

bool trim_frames() noexcept {
  bool left = false;
  for (std::size_t index = 0; index < kClasses; ++index) {
    std::uint32_t& count = free_list.count[index];
    for (std::uint32_t n = (free_list.least[index] + 1) / 2; n > 0; --n) {
      Node* node = free_list.head[index];
      free_list.head[index] = node->next;
      --count;
      ::operator delete(node);
    }
    free_list.least[index] = count;
    left = left || count > 0;
  }
  return left;
}

#endif

}  // namespace genkan::net::detail
