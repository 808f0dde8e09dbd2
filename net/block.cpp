#include "net/block.hpp"

#include <array>
#include <vector>

#include "base/metrics.hpp"

namespace genkan::net {
namespace {

constexpr std::size_t kKeepSmall = 1024, kKeepLarge = 64;

struct Pool {
  std::vector<char*> small, large;
  ~Pool() {
    for (char* p : small) delete[] p;
    for (char* p : large) delete[] p;
  }
};
thread_local Pool pool;

// Slot 0 belongs to many threads, the others to one each.
std::array<base::Cell, base::kMaxSlots> cells;

}  // namespace

void Buffers::add(std::ptrdiff_t bytes) noexcept {
  auto& cell = cells[static_cast<std::size_t>(base::this_slot)].value;
  if (base::this_slot == 0) {
    cell.fetch_add(bytes, std::memory_order_relaxed);
  } else {
    cell.store(cell.load(std::memory_order_relaxed) + bytes, std::memory_order_relaxed);
  }
}

std::uint64_t Buffers::in_use() noexcept {
  std::int64_t total = 0;
  for (const auto& cell : cells) total += cell.value.load(std::memory_order_relaxed);
  return total > 0 ? static_cast<std::uint64_t>(total) : 0;
}

Block::Block(std::size_t size) : size_(size <= kSmall ? kSmall : size <= kLarge ? kLarge : size) {
  auto* list = size_ == kSmall ? &pool.small : size_ == kLarge ? &pool.large : nullptr;
  if (list && !list->empty()) {
    data_ = list->back();
    list->pop_back();
  } else {
    data_ = new char[size_];
  }
  Buffers::add(static_cast<std::ptrdiff_t>(size_));
}

Block::~Block() {
  if (!data_) return;
  Buffers::add(-static_cast<std::ptrdiff_t>(size_));
  if (size_ == kSmall && pool.small.size() < kKeepSmall) {
    pool.small.push_back(data_);
  } else if (size_ == kLarge && pool.large.size() < kKeepLarge) {
    pool.large.push_back(data_);
  } else {
    delete[] data_;
  }
}

}  // namespace genkan::net
