// Greylisting (RFC 6647): mail from a network, sender and recipient that were never seen together is put off once. Mail
// servers come back, most of what only looks like one does not. What was seen is kept in state_dir/greylist.db.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

#include "base/address.hpp"
#include "base/result.hpp"

struct sqlite3;

namespace genkan::smtp {

struct GreylistRules {
  std::int64_t delay_s = 300;
  std::int64_t window_s = 2 * 86'400;     // a second try counts within this time
  std::int64_t lifetime_s = 35 * 86'400;  // what has passed passes until it was not seen for so long
};

struct GreylistRow {
  std::int64_t first = 0, last = 0;
  bool passed = false;
};

struct GreylistVerdict {
  bool pass = false;
  std::int64_t wait_s = 0;  // until it would pass
  GreylistRow row;          // as it is now to be remembered
};

// Pure. `row`: what is known of the three together.
GreylistVerdict judge_greylist(const std::optional<GreylistRow>& row, std::int64_t now, const GreylistRules& rules);

// "192.0.2.0 sender recipient": the network, since senders come from any of its hosts; addresses in small letters, a
// sender's numbers and tag left out, because lists put a new one into every message.
std::string greylist_key(const base::IpAddress& ip, std::string_view sender, std::string_view recipient);

// What of two accounts of the same three is known: from here, and from the memory that nodes share.
std::optional<GreylistRow> merged(const std::optional<GreylistRow>& here, const std::optional<GreylistRow>& shared);
std::string greylist_text(const GreylistRow& row);                     // "1700000000 1700000300 1"
std::optional<GreylistRow> read_greylist_text(std::string_view text);  // nothing when it is anything else

// Memory that nodes share and that may forget; both block. Errc::not_found: nothing is known.
struct SharedMemory {
  std::function<Result<std::string>(const std::string& key)> recall;
  std::function<Result<void>(const std::string& key, const std::string& value, std::int64_t seconds)> remember;
};

// Thread-safe; blocks on the disk.
class Greylist {
 public:
  static Result<std::unique_ptr<Greylist>> open(const std::string& file);
  ~Greylist();
  // `shared` may be null. While it does not answer, what was seen here decides; `*away` says so.
  Result<GreylistVerdict> ask(const std::string& key, std::int64_t now, const GreylistRules& rules,
                              const SharedMemory* shared, bool* away);

 private:
  explicit Greylist(::sqlite3* db) : db_(db) {}
  void forget(std::int64_t now, const GreylistRules& rules);
  Result<std::optional<GreylistRow>> find(const std::string& key, std::int64_t now, const GreylistRules& rules);
  Result<void> keep(const std::string& key, const GreylistRow& row);
  std::mutex mutex_;  // guards db_; held for one look-up and one change
  ::sqlite3* db_;
  std::int64_t forgotten_ = 0;  // when old rows were removed last
};

}  // namespace genkan::smtp
