#include "net/workers.hpp"

#include <pthread.h>

#include <algorithm>
#include <future>
#include <string>

#include "base/slot.hpp"

namespace genkan::net {

Workers::Workers(int count) {
  if (count <= 0) count = static_cast<int>(std::max(1u, std::thread::hardware_concurrency()));
  count = std::min(count, base::kMaxSlots - 2);
  for (int i = 0; i < count; ++i) workers_.push_back(std::make_unique<Loop>(i + 1));
  control_ = std::make_unique<Loop>(count + 1);
}

Workers::~Workers() { stop(); }

void Workers::start() {
  auto launch = [this](Loop& loop, std::string name) {
    threads_.emplace_back([&loop, name] {
      ::pthread_setname_np(::pthread_self(), name.c_str());
      loop.run();
    });
  };
  for (std::size_t i = 0; i < workers_.size(); ++i) launch(*workers_[i], "worker-" + std::to_string(i + 1));
  launch(*control_, "control");
}

void Workers::stop() {
  for (auto& loop : workers_) loop->stop();
  control_->stop();
  for (auto& thread : threads_) thread.join();
  threads_.clear();
}

void Workers::on_each(const std::function<void(int)>& f) {
  std::vector<std::promise<void>> done(workers_.size());
  for (std::size_t i = 0; i < workers_.size(); ++i) {
    workers_[i]->post([&f, &done, i] {
      f(static_cast<int>(i));
      done[i].set_value();
    });
  }
  for (auto& d : done) d.get_future().wait();
}

void Workers::on_control(const std::function<void()>& f) {
  std::promise<void> done;
  control_->post([&] {
    f();
    done.set_value();
  });
  done.get_future().wait();
}

std::size_t Workers::live() const noexcept {
  std::size_t total = control_->live();
  for (const auto& loop : workers_) total += loop->live();
  return total;
}

}  // namespace genkan::net
