// SQLite with values and Results instead of handles and codes. One Database belongs to one owner, who serialises
// access; everything here may touch the disk, so it never runs on a worker thread.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

#include "base/result.hpp"

struct sqlite3;
struct sqlite3_stmt;

namespace genkan::webmail {

// One run of a prepared statement. Bind in order, then next() for each row. After the last row (or run()) failed()
// tells whether it ended well. Text views live until the next call.
class Query {
 public:
  Query(sqlite3_stmt* statement, int prepare_code, bool owned = false);
  ~Query();
  Query(Query&& other) noexcept;
  Query(const Query&) = delete;
  Query& operator=(const Query&) = delete;

  Query& bind(std::int64_t value);
  Query& bind(int value) { return bind(static_cast<std::int64_t>(value)); }
  Query& bind(bool value) { return bind(static_cast<std::int64_t>(value)); }
  Query& bind(std::uint64_t value) { return bind(static_cast<std::int64_t>(value)); }
  Query& bind(std::string_view value);
  Query& bind(const std::string& value) { return bind(std::string_view(value)); }
  Query& bind(const char* value) { return bind(std::string_view(value)); }
  template <class... T>
  Query& bind_all(const T&... values) {
    (bind(values), ...);
    return *this;
  }

  bool next();     // true: a row is there
  Result<> run();  // to the end
  Error error() const { return error_; }
  bool failed() const { return static_cast<bool>(error_); }

  std::int64_t integer(int column) const;
  std::string_view text(int column) const;
  bool is_null(int column) const;

 private:
  void check(int code);
  sqlite3_stmt* statement_;
  bool owned_;
  int bound_ = 0;
  Error error_;
};

class Database {
 public:
  // Creates the file (mode 0600) when missing; WAL; waits up to 5 s for another process' write.
  // Errc::corrupt when the file is not a database.
  static Result<Database> open(const std::string& path);
  ~Database();
  Database(Database&& other) noexcept;
  Database& operator=(Database&& other) noexcept;

  // Prepared once for each text, which must be a literal or live as long as the database.
  Query query(std::string_view sql);
  // For texts put together at run time.
  Query query_once(const std::string& sql);
  Result<> execute(const std::string& script);
  std::int64_t last_id() const;
  int changed_rows() const;

 private:
  Database() = default;
  sqlite3* db_ = nullptr;
  std::unordered_map<std::string_view, sqlite3_stmt*> prepared_;
};

// BEGIN IMMEDIATE ... COMMIT, or ROLLBACK when it is destroyed before. Nests: an inner one joins the outer.
class Transaction {
 public:
  Transaction(Database& db, int& depth);
  ~Transaction();
  Transaction(const Transaction&) = delete;
  Transaction& operator=(const Transaction&) = delete;
  Result<> commit();

 private:
  Database& db_;
  int& depth_;
  bool open_ = true;
  Error error_;
};

}  // namespace genkan::webmail
