#include "net/slab.hpp"

#include <sys/mman.h>

#include <cstdint>
#include <new>

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define GENKAN_PLAIN_SLABS 1
#endif
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define GENKAN_PLAIN_SLABS 1
#endif

namespace genkan::net {
namespace {

constexpr std::size_t kRun = 64 * 1024;  // a power of two: the run of an object is found by its address

}  // namespace

struct Slab::Run {
  Run* next = nullptr;
  Run* previous = nullptr;
  void* free = nullptr;       // a list through the objects
  std::size_t untouched = 0;  // where the part begins that was never given out
  std::size_t used = 0;
};

Slab::Slab(std::size_t object_size) noexcept : size_((object_size + 7) / 8 * 8) {}

#ifdef GENKAN_PLAIN_SLABS

void* Slab::take() { return ::operator new(size_); }
void Slab::give(void* object) noexcept { ::operator delete(object); }

#else

// Twice as much is asked for, of which the aligned part is kept.
Slab::Run* Slab::map_run() {
  void* raw = ::mmap(nullptr, 2 * kRun, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (raw == MAP_FAILED) throw std::bad_alloc();
  char* const begin = static_cast<char*>(raw);
  const std::size_t before = (kRun - reinterpret_cast<std::uintptr_t>(begin) % kRun) % kRun;
  if (before > 0) ::munmap(begin, before);
  if (before < kRun) ::munmap(begin + before + kRun, kRun - before);
  Run* run = ::new (begin + before) Run;
  run->untouched = (sizeof(Run) + 15) / 16 * 16;
  return run;
}

void Slab::link(Run& run) noexcept {
  run.previous = nullptr;
  run.next = room_;
  if (room_) room_->previous = &run;
  room_ = &run;
}

void Slab::unlink(Run& run) noexcept {
  (run.previous ? run.previous->next : room_) = run.next;
  if (run.next) run.next->previous = run.previous;
}

void* Slab::take() {
  std::lock_guard lock(mutex_);
  if (!room_) link(*map_run());
  Run& run = *room_;
  void* object = run.free;
  if (object) {
    run.free = *static_cast<void**>(object);
  } else {
    object = reinterpret_cast<char*>(&run) + run.untouched;
    run.untouched += size_;
  }
  ++run.used;
  if (!run.free && run.untouched + size_ > kRun) unlink(run);
  return object;
}

void Slab::give(void* object) noexcept {
  Run& run = *reinterpret_cast<Run*>(reinterpret_cast<std::uintptr_t>(object) & ~(kRun - 1));
  std::lock_guard lock(mutex_);
  const bool full = !run.free && run.untouched + size_ > kRun;
  *static_cast<void**>(object) = run.free;
  run.free = object;
  if (full) link(run);
  if (--run.used == 0 && (run.next || run.previous)) {  // the last one with room stays
    unlink(run);
    ::munmap(&run, kRun);
  }
}

#endif

}  // namespace genkan::net
