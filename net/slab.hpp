// Slab: objects of one size in runs of 64 KiB. For what lives as long as a connection: such objects lie close together
// then, instead of each holding a page of what came and went around it; and a run whose objects are all gone goes back
// to the system.
#pragma once

#include <cstddef>
#include <mutex>

namespace genkan::net {

class Slab {
 public:
  explicit Slab(std::size_t object_size) noexcept;  // of objects that ask for no more than 8 bytes of alignment
  ~Slab() = default;                                // what is still in use stays: others may end later
  Slab(const Slab&) = delete;

  // From any thread.
  void* take();
  void give(void* object) noexcept;

 private:
  struct Run;
  Run* map_run();
  void link(Run& run) noexcept;
  void unlink(Run& run) noexcept;

  const std::size_t size_;
  std::mutex mutex_;     // guards the list and the runs; held for a push or a pop, seldom for a mmap
  Run* room_ = nullptr;  // runs with room
};

}  // namespace genkan::net
