// Block: a receive buffer from a per-thread free list, so that idle connections hold none and busy ones reuse warm
// memory.
#pragma once

#include <cstddef>
#include <cstdint>
#include <utility>

namespace genkan::net {

// Bytes of buffers that connections hold, all threads together: Blocks, and what others say that they keep.
class Buffers {
 public:
  static void add(std::ptrdiff_t bytes) noexcept;
  static std::uint64_t in_use() noexcept;
};

// Bytes that its owner keeps outside of Blocks, counted as long as it lives.
class HeldBytes {
 public:
  HeldBytes() = default;
  explicit HeldBytes(std::size_t bytes) noexcept { set(bytes); }
  HeldBytes(HeldBytes&& other) noexcept : bytes_(std::exchange(other.bytes_, 0)) {}
  HeldBytes& operator=(HeldBytes&& other) noexcept {
    std::swap(bytes_, other.bytes_);
    return *this;
  }
  ~HeldBytes() { set(0); }
  void set(std::size_t bytes) noexcept {
    if (bytes == bytes_) return;
    Buffers::add(static_cast<std::ptrdiff_t>(bytes) - static_cast<std::ptrdiff_t>(bytes_));
    bytes_ = bytes;
  }

 private:
  std::size_t bytes_ = 0;
};

class Block {
 public:
  static constexpr std::size_t kSmall = 20 * 1024, kLarge = 128 * 1024;  // small: a head and 16 KiB behind it

  Block() = default;
  explicit Block(std::size_t size);  // at least; kSmall and kLarge come from the free list
  Block(Block&& other) noexcept : data_(std::exchange(other.data_, nullptr)), size_(std::exchange(other.size_, 0)) {}
  Block& operator=(Block&& other) noexcept {
    std::swap(data_, other.data_);
    std::swap(size_, other.size_);
    return *this;
  }
  ~Block();

  char* data() const noexcept { return data_; }
  std::size_t size() const noexcept { return size_; }
  explicit operator bool() const noexcept { return data_ != nullptr; }

 private:
  char* data_ = nullptr;
  std::size_t size_ = 0;
};

}  // namespace genkan::net
