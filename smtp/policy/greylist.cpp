#include "smtp/policy/greylist.hpp"

#include <sqlite3.h>

#include <algorithm>

#include "base/crypto.hpp"
#include "base/text.hpp"
#include "net/rate_table.hpp"

namespace genkan::smtp {
namespace {

constexpr std::int64_t kForgetEvery = 3600;

// A statement for one use.
class Statement {
 public:
  Statement(::sqlite3* db, const char* sql) {
    if (::sqlite3_prepare_v2(db, sql, -1, &statement_, nullptr) != SQLITE_OK) statement_ = nullptr;
  }
  ~Statement() { ::sqlite3_finalize(statement_); }
  Statement(const Statement&) = delete;
  Statement& operator=(const Statement&) = delete;
  void bind(int index, std::int64_t value) { ::sqlite3_bind_int64(statement_, index, value); }
  void bind(int index, const std::string& text) {
    ::sqlite3_bind_text(statement_, index, text.data(), static_cast<int>(text.size()), SQLITE_TRANSIENT);
  }
  int step() { return statement_ ? ::sqlite3_step(statement_) : SQLITE_ERROR; }
  std::int64_t number(int column) { return ::sqlite3_column_int64(statement_, column); }

 private:
  ::sqlite3_stmt* statement_ = nullptr;
};

std::string without_numbers(std::string_view sender) {
  const auto at = sender.rfind('@');
  auto local = base::to_lower(sender.substr(0, at));
  if (const auto plus = local.find('+'); plus != std::string::npos && plus > 0) local.resize(plus);
  std::string out;
  for (const char c : local) {
    const bool digit = c >= '0' && c <= '9';
    if (!digit) out += c;
    if (digit && !out.ends_with('#')) out += '#';
  }
  if (at != std::string_view::npos) out += base::to_lower(sender.substr(at));
  return out;
}

}  // namespace

GreylistVerdict judge_greylist(const std::optional<GreylistRow>& row, std::int64_t now, const GreylistRules& rules) {
  GreylistVerdict verdict;
  const auto keep = row && row->passed ? rules.lifetime_s : rules.window_s;
  const bool known = row && now >= row->first && now - row->last <= keep;
  verdict.row.first = known ? row->first : now;
  verdict.row.last = now;
  verdict.wait_s = std::max<std::int64_t>(0, verdict.row.first + rules.delay_s - now);
  verdict.pass = known && (row->passed || verdict.wait_s == 0);
  verdict.row.passed = verdict.pass;
  // Trying all the time does not make the window longer.
  if (known && !verdict.pass) verdict.row.last = row->last;
  return verdict;
}

std::string greylist_key(const base::IpAddress& ip, std::string_view sender, std::string_view recipient) {
  return net::network_of(ip).text() + " " + without_numbers(sender) + " " + base::to_lower(recipient);
}

Result<std::unique_ptr<Greylist>> Greylist::open(const std::string& file) {
  ::sqlite3* db = nullptr;
  const int opened =
      ::sqlite3_open_v2(file.c_str(), &db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX, nullptr);
  std::unique_ptr<Greylist> list(new Greylist(db));
  if (opened != SQLITE_OK) return Errc::unavailable;
  ::sqlite3_busy_timeout(db, 5000);
  // Nothing here is worth a sync: what a power cut forgets is put off once more.
  const int made = ::sqlite3_exec(db,
                                  "PRAGMA journal_mode=WAL; PRAGMA synchronous=OFF;"
                                  "CREATE TABLE IF NOT EXISTS seen (key TEXT PRIMARY KEY, first INTEGER, last INTEGER,"
                                  " passed INTEGER) WITHOUT ROWID;"
                                  "CREATE INDEX IF NOT EXISTS seen_last ON seen (last);",
                                  nullptr, nullptr, nullptr);
  if (made != SQLITE_OK) return Errc::corrupt;
  return list;
}

Greylist::~Greylist() { ::sqlite3_close_v2(db_); }

void Greylist::forget(std::int64_t now, const GreylistRules& rules) {
  if (now - forgotten_ < kForgetEvery) return;
  forgotten_ = now;
  Statement remove(db_, "DELETE FROM seen WHERE last < ? OR (passed = 0 AND last < ?)");
  remove.bind(1, now - rules.lifetime_s);
  remove.bind(2, now - rules.window_s);
  remove.step();
}

std::optional<GreylistRow> merged(const std::optional<GreylistRow>& here, const std::optional<GreylistRow>& shared) {
  if (!here || !shared) return here ? here : shared;
  GreylistRow row;
  row.first = std::min(here->first, shared->first);
  row.last = std::max(here->last, shared->last);
  row.passed = here->passed || shared->passed;
  return row;
}

std::string greylist_text(const GreylistRow& row) {
  return std::to_string(row.first) + " " + std::to_string(row.last) + (row.passed ? " 1" : " 0");
}

std::optional<GreylistRow> read_greylist_text(std::string_view text) {
  const auto parts = base::split(text, ' ');
  if (parts.size() != 3 || (parts[2] != "0" && parts[2] != "1")) return std::nullopt;
  const auto first = base::parse_uint(parts[0]);
  const auto last = base::parse_uint(parts[1]);
  constexpr std::uint64_t kFarAway = 1ull << 40;
  if (!first || !last || *first > kFarAway || *last > kFarAway) return std::nullopt;
  GreylistRow row;
  row.first = static_cast<std::int64_t>(*first);
  row.last = static_cast<std::int64_t>(*last);
  row.passed = parts[2] == "1";
  return row;
}

Result<std::optional<GreylistRow>> Greylist::find(const std::string& key, std::int64_t now,
                                                  const GreylistRules& rules) {
  std::lock_guard lock(mutex_);
  forget(now, rules);
  Statement find(db_, "SELECT first, last, passed FROM seen WHERE key = ?");
  find.bind(1, key);
  const int found = find.step();
  if (found == SQLITE_DONE) return std::optional<GreylistRow>();
  if (found != SQLITE_ROW) return Errc::unavailable;
  GreylistRow row;
  row.first = find.number(0);
  row.last = find.number(1);
  row.passed = find.number(2) != 0;
  return std::optional<GreylistRow>(row);
}

Result<void> Greylist::keep(const std::string& key, const GreylistRow& row) {
  std::lock_guard lock(mutex_);
  Statement keep(db_, "INSERT OR REPLACE INTO seen (key, first, last, passed) VALUES (?, ?, ?, ?)");
  keep.bind(1, key);
  keep.bind(2, row.first);
  keep.bind(3, row.last);
  keep.bind(4, std::int64_t{row.passed});
  if (keep.step() != SQLITE_DONE) return Errc::unavailable;
  return {};
}

Result<GreylistVerdict> Greylist::ask(const std::string& key, std::int64_t now, const GreylistRules& rules,
                                      const SharedMemory* shared, bool* away) {
  *away = false;
  auto here = find(key, now, rules);
  if (!here) return here.error();
  const auto digest = base::sha256(key);  // a key may be too long for memcached, and is nobody's business there
  const auto name =
      "genkan-grey-" + base::hex(std::string_view(reinterpret_cast<const char*>(digest.data()), digest.size()));
  std::optional<GreylistRow> there;
  if (shared && shared->recall) {
    const auto text = shared->recall(name);
    if (text) there = read_greylist_text(*text);
    *away = !text && text.error() != make_error_code(Errc::not_found);
  }
  auto verdict = judge_greylist(merged(*here, there), now, rules);
  if (auto kept = keep(key, verdict.row); !kept) return kept.error();
  if (shared && shared->remember && !*away) {
    const auto seconds = verdict.row.passed ? rules.lifetime_s : rules.window_s;
    *away = !shared->remember(name, greylist_text(verdict.row), seconds);
  }
  return verdict;
}

}  // namespace genkan::smtp
