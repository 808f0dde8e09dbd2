// The open mail stores, one for each account in use. A lease is the right to use one: requests of one account come one
// after the other, those of different accounts side by side.
#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>

#include "base/telemetry.hpp"
#include "webmail/store/mail_store.hpp"
#include "webmail/users/users.hpp"

namespace genkan::webmail {

// Thread-safe. Blocks on the disk.
class Accounts {
 private:
  struct Slot {
    std::mutex mutex;  // guards store; held for a whole request of the account
    std::unique_ptr<MailStore> store;
    std::atomic<int> requests{0}, uploads{0}, streams{0};
    std::atomic<std::uint64_t> used{0};
    std::atomic<std::uint32_t> delivered{0};  // counts what local delivery brought
  };

 public:
  class Lease {
   public:
    MailStore& store() { return *slot_->store; }

   private:
    friend class Accounts;
    Lease(std::shared_ptr<Slot> slot, std::unique_lock<std::mutex> lock)
        : slot_(std::move(slot)), lock_(std::move(lock)) {}
    std::shared_ptr<Slot> slot_;
    std::unique_lock<std::mutex> lock_;
  };

  // One of what an account may have several of at once; gives it back when destroyed. Any thread.
  class Share {
   public:
    Share() = default;
    Share(std::shared_ptr<Slot> slot, std::atomic<int>& count) : slot_(std::move(slot)), count_(&count) {}
    Share(Share&& other) noexcept : slot_(std::move(other.slot_)), count_(std::exchange(other.count_, nullptr)) {}
    Share& operator=(Share&& other) noexcept {
      std::swap(slot_, other.slot_);
      std::swap(count_, other.count_);
      return *this;
    }
    ~Share() {
      if (count_) --*count_;
    }
    explicit operator bool() const { return count_ != nullptr; }
    // Another number than before: new mail has come. Any thread.
    std::uint32_t delivered() const { return slot_ ? slot_->delivered.load(std::memory_order_relaxed) : 0; }

   private:
    std::shared_ptr<Slot> slot_;
    std::atomic<int>* count_ = nullptr;
  };
  enum class Use { request, upload, stream };

  Accounts(std::string state_dir, base::Telemetry& telemetry);

  // Opens the store when needed and brings it up to date with the Maildir.
  Result<Lease> lease(const User& user);
  void note_delivery(const User& user);              // for whoever waits for news of an open account
  Share take(const User& user, Use use, int limit);  // empty: as many as there may be

 private:
  std::shared_ptr<Slot> slot(const User& user);

  const std::string state_dir_;
  base::Telemetry& telemetry_;
  std::mutex mutex_;  // guards slots_; held for a look-up
  std::unordered_map<std::string, std::shared_ptr<Slot>> slots_;
  std::uint64_t clock_ = 0;
};

}  // namespace genkan::webmail
