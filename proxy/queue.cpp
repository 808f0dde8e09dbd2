#include "proxy/queue.hpp"

#include <algorithm>

namespace genkan::proxy {

Queue::Place::~Place() {
  const auto mine = std::find(queue_.line_.begin(), queue_.line_.end(), this);
  const bool front = mine == queue_.line_.begin();
  queue_.line_.erase(mine);
  if (front) queue_.wake();  // there may be room for the next one too
}

net::Task<void> Queue::Place::wait(Time deadline) {
  queue_.loop_.wheel().arm(*this, std::min(deadline, queue_.loop_.now() + kLook));
  co_await event_;
  queue_.loop_.wheel().cancel(*this);
}

}  // namespace genkan::proxy
