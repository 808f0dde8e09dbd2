// The accounts: state_dir/users.db. Opened by the running server and by `genkan user ...` at the same time; SQLite
// keeps them apart. Sessions live in the same file, so that a new password or a deleted user ends them, whichever
// process did it.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "webmail/store/database.hpp"
#include "webmail/users/password.hpp"

namespace genkan::webmail {

struct User {
  std::string address;     // lower case
  std::string name;        // display name, may be empty
  std::string account_id;  // stable, random; names the index file
  std::int64_t created = 0;
};

struct Session {
  User user;
  std::int64_t expires = 0;  // seconds since 1970
};

// Thread-safe. Blocks on the disk (and on Argon2 where it says so).
class Users {
 public:
  static Result<std::unique_ptr<Users>> open(const std::string& state_dir, const PasswordCost& cost = {});

  // Errc::malformed: no address that can have a mailbox; Errc::conflict: exists; Errc::refused: password empty or >
  // 1024.
  Result<User> add(std::string_view address, std::string_view name, std::string_view password);  // Argon2
  Result<std::vector<User>> list();                                                              // by address
  Result<> set_password(std::string_view address, std::string_view password);  // Argon2; ends sessions
  Result<> remove(std::string_view address);  // the account and its sessions; its mail stays where it is
  // Errc::not_found when there is none. "user+tag@domain" finds "user@domain".
  Result<User> find(std::string_view address);
  // For RCPT: about 10 us from the page cache. An error is temporary.
  Result<bool> exists(std::string_view address);
  // None: wrong name or password, both after the same work. Argon2.
  Result<std::optional<User>> verify(std::string_view address, std::string_view password);
  // Changes with the password: a cached verification is good only while this is the same. Empty: no such user.
  Result<std::string> stamp(std::string_view address);

  // Sessions are kept as the hash of their token.
  Result<std::string> open_session(const User& user, std::int64_t now, std::int64_t ttl);
  // Errc::not_found when unknown or over. Moves the end to now + ttl (written at most once a minute).
  Result<Session> session(std::string_view token, std::int64_t now, std::int64_t ttl);
  Result<> close_session(std::string_view token);

 private:
  Users(Database db, const PasswordCost& cost) : db_(std::move(db)), cost_(cost) {}
  Result<User> find_locked(const std::string& address);

  std::mutex mutex_;  // guards db_; held for one statement or two, never during Argon2
  Database db_;
  PasswordCost cost_;
  std::string dummy_;  // a hash of nothing anybody knows, verified when there is no such user
};

// "Alice@Example.ORG" -> "alice@example.org"; Errc::malformed unless it can be a file name as well: letters, digits and
// ._+=- before the '@', a host name after it.
Result<std::string> normal_address(std::string_view address);

}  // namespace genkan::webmail
