#include "webmail/users/users.hpp"

#include <algorithm>

#include "base/crypto.hpp"
#include "base/file.hpp"
#include "base/text.hpp"
#include "webmail/store/ids.hpp"

namespace genkan::webmail {

namespace {

constexpr const char* kSchema = R"(
CREATE TABLE IF NOT EXISTS user(
  address TEXT PRIMARY KEY, name TEXT NOT NULL, account_id TEXT NOT NULL UNIQUE, password TEXT NOT NULL,
  created INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS session(
  token TEXT PRIMARY KEY, address TEXT NOT NULL REFERENCES user(address) ON DELETE CASCADE,
  expires INTEGER NOT NULL) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS session_expires ON session(expires);
)";

std::int64_t unix_now() {
  return std::chrono::duration_cast<std::chrono::seconds>(WallClock::now().time_since_epoch()).count();
}

bool letter_or_digit(char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'); }

bool good_local(std::string_view local) {
  return !local.empty() && local.size() <= 64 && local.front() != '.' && local.back() != '.' &&
         std::all_of(local.begin(), local.end(), [](char c) {
           return letter_or_digit(c) || c == '.' || c == '_' || c == '+' || c == '=' || c == '-';
         });
}

bool good_domain(std::string_view domain) {
  if (domain.empty() || domain.size() > 253) return false;
  for (const auto label : base::split(domain, '.')) {
    const bool good = !label.empty() && label.size() <= 63 && label.front() != '-' && label.back() != '-' &&
                      std::all_of(label.begin(), label.end(), [](char c) { return letter_or_digit(c) || c == '-'; });
    if (!good) return false;
  }
  return true;
}

Result<> check_password(std::string_view password) {
  if (password.empty() || password.size() > 1024) return Errc::refused;
  return {};
}

std::string token_hash(std::string_view token) {
  const auto digest = base::sha256(token);
  return base::hex(std::string_view(reinterpret_cast<const char*>(digest.data()), digest.size()));
}

}  // namespace

Result<std::string> normal_address(std::string_view address) {
  const auto lower = base::to_lower(address);
  const auto at = lower.rfind('@');
  if (at == std::string::npos) return Errc::malformed;
  if (!good_local(std::string_view(lower).substr(0, at)) || !good_domain(std::string_view(lower).substr(at + 1))) {
    return Errc::malformed;
  }
  return lower;
}

Result<std::unique_ptr<Users>> Users::open(const std::string& state_dir, const PasswordCost& cost) {
  if (auto r = base::make_dirs(state_dir, 0750); !r) return r.error();
  auto db = Database::open(state_dir + "/users.db");
  if (!db) return db.error();
  if (auto r = db->execute(kSchema); !r) return r.error();
  std::unique_ptr<Users> users(new Users(std::move(*db), cost));
  auto dummy = hash_password(base::random_token(32), cost);
  if (!dummy) return dummy.error();
  users->dummy_ = std::move(*dummy);
  return users;
}

Result<User> Users::add(std::string_view raw, std::string_view name, std::string_view password) {
  auto address = normal_address(raw);
  if (!address) return address.error();
  if (auto r = check_password(password); !r) return r.error();
  auto phc = hash_password(password, cost_);
  if (!phc) return phc.error();
  User user{*address, std::string(name), random_id('a'), unix_now()};
  const std::lock_guard lock(mutex_);
  auto query = db_.query("INSERT INTO user(address, name, account_id, password, created) VALUES(?, ?, ?, ?, ?)");
  if (auto r = query.bind_all(user.address, user.name, user.account_id, *phc, user.created).run(); !r) return r.error();
  return user;
}

Result<std::vector<User>> Users::list() {
  const std::lock_guard lock(mutex_);
  std::vector<User> out;
  auto query = db_.query("SELECT address, name, account_id, created FROM user ORDER BY address");
  while (query.next()) {
    out.push_back(
        {std::string(query.text(0)), std::string(query.text(1)), std::string(query.text(2)), query.integer(3)});
  }
  if (query.failed()) return query.error();
  return out;
}

Result<> Users::set_password(std::string_view raw, std::string_view password) {
  if (auto r = check_password(password); !r) return r.error();
  auto user = find(raw);
  if (!user) return user.error();
  auto phc = hash_password(password, cost_);
  if (!phc) return phc.error();
  const std::lock_guard lock(mutex_);
  auto update = db_.query("UPDATE user SET password = ? WHERE address = ?");
  if (auto r = update.bind_all(*phc, user->address).run(); !r) return r.error();
  return db_.query("DELETE FROM session WHERE address = ?").bind(user->address).run();
}

Result<> Users::remove(std::string_view raw) {
  auto address = normal_address(raw);
  if (!address) return Errc::not_found;
  const std::lock_guard lock(mutex_);
  if (auto r = db_.query("DELETE FROM user WHERE address = ?").bind(*address).run(); !r) return r.error();
  if (db_.changed_rows() == 0) return Errc::not_found;
  return {};
}

Result<User> Users::find_locked(const std::string& address) {
  auto query = db_.query("SELECT address, name, account_id, created FROM user WHERE address = ?");
  query.bind(address);
  if (query.next()) {
    return User{std::string(query.text(0)), std::string(query.text(1)), std::string(query.text(2)), query.integer(3)};
  }
  if (query.failed()) return query.error();
  return Errc::not_found;
}

Result<User> Users::find(std::string_view raw) {
  auto address = normal_address(raw);
  if (!address) return Errc::not_found;
  const std::lock_guard lock(mutex_);
  auto user = find_locked(*address);
  const auto plus = address->find('+');
  if (user || user.error() != Errc::not_found || plus == std::string::npos) return user;
  return find_locked(address->substr(0, plus) + address->substr(address->rfind('@')));
}

Result<bool> Users::exists(std::string_view address) {
  auto user = find(address);
  if (user) return true;
  if (user.error() == Errc::not_found) return false;
  return {boost::system::in_place_error, user.error()};
}

Result<std::optional<User>> Users::verify(std::string_view raw, std::string_view password) {
  std::optional<User> user;
  std::string phc = dummy_;
  if (auto address = normal_address(raw)) {
    const std::lock_guard lock(mutex_);
    auto found = find_locked(*address);
    if (!found && found.error() != Errc::not_found) return found.error();
    if (found) {
      user = std::move(*found);
      auto query = db_.query("SELECT password FROM user WHERE address = ?");
      query.bind(user->address);
      if (!query.next()) return query.failed() ? query.error() : Error(Errc::not_found);
      phc = query.text(0);
    }
  }
  const bool good = verify_password(phc, password.substr(0, 1024));
  if (!good || password.size() > 1024) user.reset();
  return user;
}

Result<std::string> Users::stamp(std::string_view raw) {
  auto address = normal_address(raw);
  if (!address) return std::string();
  const std::lock_guard lock(mutex_);
  auto query = db_.query("SELECT password FROM user WHERE address = ?");
  query.bind(*address);
  if (query.next()) return token_hash(query.text(0));
  if (query.failed()) return query.error();
  return std::string();
}

Result<std::string> Users::open_session(const User& user, std::int64_t now, std::int64_t ttl) {
  auto token = base::random_token(32);
  const std::lock_guard lock(mutex_);
  if (auto r = db_.query("DELETE FROM session WHERE expires <= ?").bind(now).run(); !r) return r.error();
  auto query = db_.query("INSERT INTO session(token, address, expires) VALUES(?, ?, ?)");
  if (auto r = query.bind_all(token_hash(token), user.address, now + ttl).run(); !r) return r.error();
  return token;
}

Result<Session> Users::session(std::string_view token, std::int64_t now, std::int64_t ttl) {
  constexpr std::int64_t kWriteEvery = 60;
  const auto hash = token_hash(token);
  const std::lock_guard lock(mutex_);
  Session session;
  {
    auto query = db_.query(
        "SELECT address, name, account_id, created, expires FROM session JOIN user USING(address)"
        " WHERE token = ? AND expires > ?");
    query.bind_all(hash, now);
    if (!query.next()) return query.failed() ? query.error() : Error(Errc::not_found);
    session.user = {std::string(query.text(0)), std::string(query.text(1)), std::string(query.text(2)),
                    query.integer(3)};
    session.expires = query.integer(4);
  }
  if (now + ttl >= session.expires + std::min(kWriteEvery, ttl)) {
    session.expires = now + ttl;
    auto update = db_.query("UPDATE session SET expires = ? WHERE token = ?");
    if (auto r = update.bind_all(session.expires, hash).run(); !r) return r.error();
  }
  return session;
}

Result<> Users::close_session(std::string_view token) {
  const std::lock_guard lock(mutex_);
  return db_.query("DELETE FROM session WHERE token = ?").bind(token_hash(token)).run();
}

}  // namespace genkan::webmail
