#include "webmail/accounts.hpp"

#include "webmail/delivery.hpp"

namespace genkan::webmail {

namespace {
constexpr std::size_t kMaxOpen = 200;  // stores: each has two or three descriptors and some cache
}

Accounts::Accounts(std::string state_dir, base::Telemetry& telemetry)
    : state_dir_(std::move(state_dir)), telemetry_(telemetry) {}

std::shared_ptr<Accounts::Slot> Accounts::slot(const User& user) {
  const std::lock_guard lock(mutex_);
  auto& found = slots_[user.account_id];
  if (!found) found = std::make_shared<Slot>();
  found->used = ++clock_;
  auto result = found;
  if (slots_.size() > kMaxOpen) {
    // The one that nobody used for longest; whoever holds it keeps it alive.
    auto oldest = slots_.end();
    for (auto i = slots_.begin(); i != slots_.end(); ++i) {
      const bool idle = i->second.use_count() == 1;
      if (idle && (oldest == slots_.end() || i->second->used < oldest->second->used)) oldest = i;
    }
    if (oldest != slots_.end()) slots_.erase(oldest);
  }
  return result;
}

Result<Accounts::Lease> Accounts::lease(const User& user) {
  auto held = slot(user);
  std::unique_lock lock(held->mutex);
  if (!held->store) {
    auto report = [this, address = user.address](const std::string& path, Error error) {
      telemetry_.log.error("a mail folder or file can't be used",
                           {{"user", address}, {"path", path}, {"error", error.message()}});
    };
    auto store = MailStore::open({maildir_path(state_dir_, user.address), index_path(state_dir_, user)}, report);
    if (!store) return store.error();
    held->store = std::move(*store);
  }
  if (auto r = held->store->sync(); !r) return r.error();
  return Lease(std::move(held), std::move(lock));
}

void Accounts::note_delivery(const User& user) {
  const std::lock_guard lock(mutex_);
  const auto found = slots_.find(user.account_id);
  if (found != slots_.end()) found->second->delivered.fetch_add(1, std::memory_order_relaxed);
}

Accounts::Share Accounts::take(const User& user, Use use, int limit) {
  auto held = slot(user);
  auto& count = use == Use::request ? held->requests : use == Use::upload ? held->uploads : held->streams;
  if (++count > limit) {
    --count;
    return {};
  }
  return Share(std::move(held), count);
}

}  // namespace genkan::webmail
