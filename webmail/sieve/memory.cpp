#include "webmail/sieve/memory.hpp"

#include <algorithm>

namespace genkan::webmail::sieve {

namespace {

constexpr std::int64_t kCleanEvery = 3600;
constexpr std::uint64_t kMostSeconds = 100ull * 366 * 86'400;

Result<bool> failure(const Error& error) { return Result<bool>(boost::system::in_place_error, error); }

}  // namespace

Result<std::unique_ptr<Memory>> Memory::open(const std::string& state_dir) {
  auto db = Database::open(state_dir + "/sieve.db");
  if (!db) return db.error();
  auto made = db->execute(
      "PRAGMA synchronous=FULL;"
      "CREATE TABLE IF NOT EXISTS done (user TEXT NOT NULL, key TEXT NOT NULL, until INTEGER NOT NULL,"
      " PRIMARY KEY (user, key)) WITHOUT ROWID;");
  if (!made) return made.error();
  return std::unique_ptr<Memory>(new Memory(std::move(*db)));
}

Result<> Memory::forget_old(std::int64_t now) {
  if (now - cleaned_ < kCleanEvery) return {};
  cleaned_ = now;
  return db_.query("DELETE FROM done WHERE until <= ?").bind(now).run();
}

Result<bool> Memory::take(const std::string& user, const std::string& key, std::int64_t now, std::uint64_t seconds) {
  const std::lock_guard lock(mutex_);
  if (auto r = forget_old(now); !r) return failure(r.error());
  {
    auto count = db_.query("SELECT count(*) FROM done WHERE user = ? AND until > ?");
    count.bind_all(user, now);
    const auto full = count.next() && count.integer(0) >= kMaxKeys;
    if (count.failed()) return failure(count.error());
    if (full) return false;
  }
  auto insert = db_.query(
      "INSERT INTO done (user, key, until) VALUES (?1, ?2, ?3)"
      " ON CONFLICT (user, key) DO UPDATE SET until = excluded.until WHERE until <= ?4");
  const auto until = now + static_cast<std::int64_t>(std::min(seconds, kMostSeconds));
  if (auto r = insert.bind_all(user, key, until, now).run(); !r) return failure(r.error());
  return db_.changed_rows() == 1;
}

Result<bool> Memory::knows(const std::string& user, const std::string& key, std::int64_t now) {
  const std::lock_guard lock(mutex_);
  auto query = db_.query("SELECT 1 FROM done WHERE user = ? AND key = ? AND until > ?");
  query.bind_all(user, key, now);
  const bool found = query.next();
  if (query.failed()) return failure(query.error());
  return found;
}

}  // namespace genkan::webmail::sieve
