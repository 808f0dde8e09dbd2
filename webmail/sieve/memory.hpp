// What must be remembered from one mail to the next: who got a vacation answer, and what was sent on already when a
// delivery has to be repeated. STATE/sieve.db; durable. Thread-safe; blocks on the disk.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <string>

#include "base/result.hpp"
#include "webmail/store/database.hpp"

namespace genkan::webmail::sieve {

class Memory {
 public:
  // Of one user; more is not remembered: `take` then says no, so that nobody is answered twice.
  static constexpr int kMaxKeys = 10'000;

  static Result<std::unique_ptr<Memory>> open(const std::string& state_dir);

  // Whether it is new; then it is remembered for `seconds`.
  Result<bool> take(const std::string& user, const std::string& key, std::int64_t now, std::uint64_t seconds);
  Result<bool> knows(const std::string& user, const std::string& key, std::int64_t now);

 private:
  explicit Memory(Database db) : db_(std::move(db)) {}
  Result<> forget_old(std::int64_t now);

  std::mutex mutex_;  // guards what follows; held for a few statements
  Database db_;
  std::int64_t cleaned_ = 0;
};

}  // namespace genkan::webmail::sieve
