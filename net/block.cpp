#include "net/block.hpp"

#include <vector>

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

}  // namespace

Block::Block(std::size_t size) : size_(size <= kSmall ? kSmall : size <= kLarge ? kLarge : size) {
  auto* list = size_ == kSmall ? &pool.small : size_ == kLarge ? &pool.large : nullptr;
  if (list && !list->empty()) {
    data_ = list->back();
    list->pop_back();
  } else {
    data_ = new char[size_];
  }
}

Block::~Block() {
  if (!data_) return;
  if (size_ == kSmall && pool.small.size() < kKeepSmall) {
    pool.small.push_back(data_);
  } else if (size_ == kLarge && pool.large.size() < kKeepLarge) {
    pool.large.push_back(data_);
  } else {
    delete[] data_;
  }
}

}  // namespace genkan::net
