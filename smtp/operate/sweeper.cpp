#include "smtp/operate/sweeper.hpp"

#include <vector>

namespace genkan::smtp {
namespace {

constexpr std::size_t kAtOnce = 2048;  // items looked at under the index lock
constexpr Duration kPause = std::chrono::milliseconds(100);

}  // namespace

void Sweeper::start() {
  running_ = true;
  net::spawn(loop_, run());
}

net::Task<void> Sweeper::run() {
  while (!stopping_) {
    co_await net::sleep_for(loop_, kPause);
    if (!stopping_) step();
  }
  running_ = false;
}

void Sweeper::step() {
  const auto now_s = wall_ms() / 1000;
  const auto seconds = [](Duration d) { return std::chrono::duration_cast<std::chrono::seconds>(d).count(); };
  const auto expire = seconds(plan_->retry.expire);
  const auto notice = seconds(plan_->retry.delay_notice);
  std::vector<std::uint64_t> expired, delayed;
  std::size_t looked = 0;
  bool end = true;
  shared_.spool.visit(after_, [&](const ItemInfo& item) {
    if (++looked > kAtOnce) {
      end = false;
      return false;
    }
    after_ = item.id;
    const auto age = now_s - item.arrival_s;
    ++ages_[item.destination][age_bucket(age)];
    if (item.held) return true;
    if (age > expire) {
      expired.push_back(item.id);
    } else if (notice > 0 && age > notice && !item.delay_notice_sent) {
      delayed.push_back(item.id);
    }
    return true;
  });
  if (end) {
    after_ = 0;
    shared_.ages.publish(std::move(ages_));
    ages_ = AgesByDestination();
  }
  for (const auto id : expired) {
    auto* dispatcher = shared_.dispatchers[Dispatcher::owner(id, shared_)];
    dispatcher->loop().post([dispatcher, id] { dispatcher->expire_item(id); });
  }
  for (const auto id : delayed) {
    auto* dispatcher = shared_.dispatchers[Dispatcher::owner(id, shared_)];
    dispatcher->loop().post([dispatcher, id] { dispatcher->delay_notice(id); });
  }
}

}  // namespace genkan::smtp
