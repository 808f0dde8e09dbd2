#include "http/h2/session_memory.hpp"

#include <sys/mman.h>

#include <algorithm>
#include <cstring>
#include <utility>
#include <vector>

#include "net/frames.hpp"

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define GENKAN_NO_ARENAS 1
#endif
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define GENKAN_NO_ARENAS 1
#endif

namespace genkan::http::h2 {
namespace {

constexpr std::size_t kBefore = sizeof(std::size_t);  // a word before each piece says how large it is
constexpr std::size_t kMostFolded = 8 * 1024;         // what is no smaller than that stays as it is
constexpr std::size_t kWarm = 64;                     // arenas whose pages are kept for the next connections
constexpr std::size_t kAtOnce = 64;                   // arenas that are asked for at once

#ifdef GENKAN_NO_ARENAS

char* take_arena(std::size_t) { return nullptr; }
void give_arena(char*, std::size_t, std::size_t) noexcept {}

#else

// The address space of arenas is never given back, their pages are.
struct Arenas {
  std::vector<char*> warm, cold;
};
thread_local Arenas arenas;

char* take_arena(std::size_t size) {
  auto& list = arenas.warm.empty() ? arenas.cold : arenas.warm;
  if (list.empty()) {
    void* raw =
        ::mmap(nullptr, kAtOnce * size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (raw == MAP_FAILED) return nullptr;
    ::madvise(raw, kAtOnce * size, MADV_NOHUGEPAGE);
    for (std::size_t i = 0; i < kAtOnce; ++i) list.push_back(static_cast<char*>(raw) + i * size);
  }
  char* arena = list.back();
  list.pop_back();
  return arena;
}

// What the next one gets is zero, as from the system.
void give_arena(char* arena, std::size_t size, std::size_t used) noexcept {
  const bool keep = arenas.warm.size() < kWarm;
  if (keep) {
    std::memset(arena, 0, used);
  } else {
    ::madvise(arena, size, MADV_DONTNEED);
  }
  (keep ? arenas.warm : arenas.cold).push_back(arena);
}

#endif

std::size_t size_of(const void* piece) noexcept {
  std::size_t size = 0;
  std::memcpy(&size, static_cast<const char*>(piece) - kBefore, kBefore);
  return size;
}

constexpr std::uint32_t kUnit = sizeof(std::uint32_t);

}  // namespace

SessionMemory::SessionMemory() : arena_(take_arena(kArena)) { end_ = kStep; }  // so that no piece lies at 0

SessionMemory::~SessionMemory() {
  if (arena_) give_arena(arena_, kArena, folded_ ? 0 : end_);
}

nghttp2_mem SessionMemory::functions() noexcept {
  nghttp2_mem all{};
  all.mem_user_data = this;
  all.malloc = [](std::size_t size, void* user) noexcept { return static_cast<SessionMemory*>(user)->take(size); };
  all.free = [](void* piece, void* user) noexcept { static_cast<SessionMemory*>(user)->give(piece); };
  all.calloc = [](std::size_t count, std::size_t size, void* user) noexcept {
    void* piece = static_cast<SessionMemory*>(user)->take(count * size);
    std::memset(piece, 0, count * size);
    return piece;
  };
  all.realloc = [](void* piece, std::size_t size, void* user) noexcept {
    void* other = static_cast<SessionMemory*>(user)->take(size);
    if (piece) std::memcpy(other, piece, std::min(size_of(piece), size));
    static_cast<SessionMemory*>(user)->give(piece);
    return other;
  };
  return all;
}

bool SessionMemory::ours(const void* at) const noexcept { return arena_ && at >= arena_ && at < arena_ + kArena; }

void* SessionMemory::take(std::size_t size) {
  const std::size_t whole = (size + kBefore + kStep - 1) / kStep * kStep;
  char* at = nullptr;
  if (whole <= kSmall && free_[whole / kStep - 1] != 0) {
    std::uint16_t& first = free_[whole / kStep - 1];
    at = arena_ + first * kStep;
    std::memcpy(&first, at + kBefore, sizeof first);
  } else if (arena_ && (whole <= kSmall || !sealed_) && end_ + whole <= kArena) {
    at = arena_ + end_;
    end_ += static_cast<std::uint32_t>(whole);
  } else {
    at = static_cast<char*>(net::detail::allocate_frame(size + kBefore));
  }
  std::memcpy(at, &size, kBefore);
  return at + kBefore;
}

// A large piece of the arena is lost for the rest of the connection; nghttp2 gives those back at its end.
void SessionMemory::give(void* piece) noexcept {
  if (!piece) return;
  char* at = static_cast<char*>(piece) - kBefore;
  const std::size_t size = size_of(piece);
  if (!ours(at)) return net::detail::free_frame(at, size + kBefore);
  const std::size_t whole = (size + kBefore + kStep - 1) / kStep * kStep;
  if (whole > kSmall) return;
  std::uint16_t& first = free_[whole / kStep - 1];
  std::memcpy(at + kBefore, &first, sizeof first);
  first = static_cast<std::uint16_t>((at - arena_) / static_cast<std::ptrdiff_t>(kStep));
}

// But for the links of the lists.
void SessionMemory::clear_free_pieces() noexcept {
  for (std::size_t c = 0; c < kClasses; ++c) {
    for (std::uint16_t step = free_[c]; step != 0;) {
      char* at = arena_ + step * kStep;
      std::memcpy(&step, at + kBefore, sizeof step);
      std::memset(at, 0, kBefore);
      std::memset(at + kBefore + sizeof step, 0, (c + 1) * kStep - kBefore - sizeof step);
    }
  }
}

// Runs of words that are not zero, each after one that says where it begins and how long it is; a zero at the end.
void SessionMemory::fold() {
  if (!arena_ || folded_) return;
  clear_free_pieces();
  std::uint32_t out[kMostFolded / kUnit];
  std::uint32_t used = 0, run = 0;  // where the run in work began in `out`
  const std::uint32_t units = end_ / kUnit;
  std::uint32_t last = 0;  // behind the run
  for (std::uint32_t at = 0; at < units; ++at) {
    std::uint32_t word = 0;
    std::memcpy(&word, arena_ + at * kUnit, kUnit);
    if (word == 0) continue;
    if (used + 3 > kMostFolded / kUnit) return;
    if (used == 0 || at != last) {
      run = used++;
      out[run] = at << 16;
    }
    out[used++] = word;
    ++out[run];
    last = at + 1;
  }
  out[used++] = 0;
  folded_ = std::make_unique_for_overwrite<std::uint32_t[]>(used);
  std::memcpy(folded_.get(), out, used * kUnit);
  ::madvise(arena_, kArena, MADV_DONTNEED);
}

void SessionMemory::unfold() noexcept {
  const auto folded = std::move(folded_);
  for (const std::uint32_t* in = folded.get(); *in != 0;) {
    const std::uint32_t at = *in >> 16, count = *in & 0xffff;
    std::memcpy(arena_ + at * kUnit, in + 1, count * kUnit);
    in += 1 + count;
  }
}

}  // namespace genkan::http::h2
