// Pipe: the kernel's, through which bytes go from one plain connection to another without being copied to this process
// and back (splice(2)): only references to pages move. A large body costs a quarter of the CPU that way.
// From a per-thread free list; one that still holds bytes is closed instead of kept.
#pragma once

#include <cstddef>

#include "base/fd.hpp"

namespace genkan::net {

class Pipe {
 public:
  static constexpr std::size_t kSize = 256 * 1024;
  // So many pieces smaller than this, one after the other: copying is cheaper then.
  static constexpr std::size_t kSmall = 8 * 1024;
  static constexpr int kSmallInARow = 16;

  // Not usable where the system has no descriptors left: the caller copies then.
  static Pipe take() noexcept;
  Pipe() = default;
  Pipe(Pipe&& other) noexcept;
  Pipe& operator=(Pipe&& other) noexcept;
  ~Pipe();
  explicit operator bool() const noexcept { return static_cast<bool>(in_); }
  std::size_t held() const noexcept { return held_; }

  // As splice(2) does: -1 with errno. From a socket into the pipe, and out of it into a socket.
  long fill(int socket, std::size_t most) noexcept;
  long drain(int socket) noexcept;

 private:
  base::UniqueFd in_, out_;
  std::size_t held_ = 0;
  bool counted_ = false;
};

}  // namespace genkan::net
