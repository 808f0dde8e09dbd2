// The memory of one nghttp2 session, in one arena, so that a quiet connection can keep it folded: some 27 KiB, most of which
// are zeros (a table of streams, a buffer for a frame, room for HPACK), become the 2 or so that say something.
//
//   take and give: from the arena; what does not fit in comes from the lists of the thread (net/frames.hpp)
//   fold():   all that is not zero is copied out, and the arena's pages go back to the system
//   unfold(): the pages come back as they were, at the same addresses
//
// Nothing here knows what nghttp2 keeps in there. What must stay true: nobody reads or writes a folded session; who
// asks for it unfolds it (SessionOwner::get). Under ASan and TSan there is no arena and nothing is folded.
#pragma once

#include <nghttp2/nghttp2.h>

#include <cstddef>
#include <cstdint>
#include <memory>

namespace genkan::http::h2 {

class SessionMemory {
 public:
  SessionMemory();
  ~SessionMemory();  // nothing of the session is used any more
  SessionMemory(const SessionMemory&) = delete;

  nghttp2_mem functions() noexcept;         // they point here
  void seal() noexcept { sealed_ = true; }  // the session is made: what is large from here on lives for a short time
  void fold();                              // nothing happens where it would not pay
  void unfold() noexcept;
  bool folded() const noexcept { return folded_ != nullptr; }

 private:
  static constexpr std::size_t kStep = 32, kClasses = 32, kSmall = kStep * kClasses;
  static constexpr std::size_t kArena = 64 * 1024;

  void* take(std::size_t size);
  void give(void* piece) noexcept;
  bool ours(const void* at) const noexcept;
  void clear_free_pieces() noexcept;

  char* arena_ = nullptr;
  std::uint32_t end_ = 0;  // of what was ever taken of it
  bool sealed_ = false;
  std::unique_ptr<std::uint32_t[]> folded_;
  std::uint16_t free_[kClasses] = {};  // lists through the pieces: where the first lies, in steps; 0: none
};

// A session and its memory.
class SessionOwner {
 public:
  SessionOwner() = default;
  ~SessionOwner() {
    if (session_) nghttp2_session_del(get());
  }
  SessionOwner(const SessionOwner&) = delete;
  nghttp2_session* get() const noexcept {
    if (memory_.folded()) memory_.unfold();
    return session_;
  }
  nghttp2_mem functions() noexcept { return memory_.functions(); }
  void reset(nghttp2_session* made) noexcept {
    session_ = made;
    memory_.seal();
  }
  void fold() { memory_.fold(); }
  bool folded() const noexcept { return memory_.folded(); }

 private:
  mutable SessionMemory memory_;
  nghttp2_session* session_ = nullptr;
};

}  // namespace genkan::http::h2
