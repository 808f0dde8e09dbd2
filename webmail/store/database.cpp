#include "webmail/store/database.hpp"

#include <fcntl.h>
#include <sqlite3.h>
#include <unistd.h>

#include <cerrno>

namespace genkan::webmail {

namespace {

Error error_of(int code) {
  switch (code & 0xFF) {
    case SQLITE_OK:
    case SQLITE_ROW:
    case SQLITE_DONE:
      return {};
    case SQLITE_FULL:
      return Errc::exhausted;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
      return Errc::corrupt;
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      return Errc::unavailable;
    case SQLITE_CONSTRAINT:
      return Errc::conflict;
    case SQLITE_TOOBIG:
      return Errc::too_large;
    case SQLITE_CANTOPEN:
    case SQLITE_PERM:
    case SQLITE_READONLY:
      return Error(EACCES, boost::system::system_category());
    default:
      return Error(EIO, boost::system::system_category());
  }
}

}  // namespace

Query::Query(sqlite3_stmt* statement, int prepare_code, bool owned) : statement_(statement), owned_(owned) {
  check(prepare_code);
}
Query::Query(Query&& other) noexcept
    : statement_(std::exchange(other.statement_, nullptr)),
      owned_(other.owned_),
      bound_(other.bound_),
      error_(other.error_) {}
Query::~Query() {
  if (!statement_) return;
  if (owned_) {
    sqlite3_finalize(statement_);
    return;
  }
  sqlite3_reset(statement_);
  sqlite3_clear_bindings(statement_);
}

void Query::check(int code) {
  if (!error_) error_ = error_of(code);
}

Query& Query::bind(std::int64_t value) {
  if (statement_) check(sqlite3_bind_int64(statement_, ++bound_, value));
  return *this;
}
Query& Query::bind(std::string_view value) {
  if (statement_) {
    check(sqlite3_bind_text64(statement_, ++bound_, value.data() ? value.data() : "", value.size(), SQLITE_TRANSIENT,
                              SQLITE_UTF8));
  }
  return *this;
}

bool Query::next() {
  if (error_ || !statement_) return false;
  const int code = sqlite3_step(statement_);
  if (code == SQLITE_ROW) return true;
  check(code);
  return false;
}

Result<> Query::run() {
  while (next()) {
  }
  if (error_) return error_;
  return {};
}

std::int64_t Query::integer(int column) const { return sqlite3_column_int64(statement_, column); }
std::string_view Query::text(int column) const {
  const auto* text = sqlite3_column_text(statement_, column);
  if (!text) return {};
  return {reinterpret_cast<const char*>(text), static_cast<std::size_t>(sqlite3_column_bytes(statement_, column))};
}
bool Query::is_null(int column) const { return sqlite3_column_type(statement_, column) == SQLITE_NULL; }

Result<Database> Database::open(const std::string& path) {
  // SQLite would create it with the umask's mode.
  const int fd = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (fd < 0) return Error(errno, boost::system::system_category());
  ::close(fd);
  Database db;
  int code =
      sqlite3_open_v2(path.c_str(), &db.db_, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX, nullptr);
  if (code != SQLITE_OK) return error_of(code);
  sqlite3_busy_timeout(db.db_, 5000);
  if (auto r = db.execute("PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; PRAGMA foreign_keys=ON;"); !r) {
    return r.error();
  }
  return db;
}

Database::Database(Database&& other) noexcept
    : db_(std::exchange(other.db_, nullptr)), prepared_(std::move(other.prepared_)) {}
Database& Database::operator=(Database&& other) noexcept {
  std::swap(db_, other.db_);
  std::swap(prepared_, other.prepared_);
  return *this;
}
Database::~Database() {
  for (auto& [sql, statement] : prepared_) sqlite3_finalize(statement);
  if (db_) sqlite3_close_v2(db_);
}

Query Database::query(std::string_view sql) {
  if (const auto found = prepared_.find(sql); found != prepared_.end()) {
    // Somebody up the stack is reading rows of the same statement: take another.
    if (sqlite3_stmt_busy(found->second)) return query_once(std::string(sql));
    return Query(found->second, SQLITE_OK);
  }
  sqlite3_stmt* statement = nullptr;
  const int code =
      sqlite3_prepare_v3(db_, sql.data(), static_cast<int>(sql.size()), SQLITE_PREPARE_PERSISTENT, &statement, nullptr);
  if (statement) prepared_.emplace(sql, statement);
  return Query(statement, code);
}

Query Database::query_once(const std::string& sql) {
  sqlite3_stmt* statement = nullptr;
  const int code = sqlite3_prepare_v2(db_, sql.data(), static_cast<int>(sql.size()), &statement, nullptr);
  return Query(statement, code, true);
}

Result<> Database::execute(const std::string& script) {
  if (const auto e = error_of(sqlite3_exec(db_, script.c_str(), nullptr, nullptr, nullptr))) return e;
  return {};
}

std::int64_t Database::last_id() const { return sqlite3_last_insert_rowid(db_); }
int Database::changed_rows() const { return sqlite3_changes(db_); }

Transaction::Transaction(Database& db, int& depth) : db_(db), depth_(depth) {
  if (depth_++ == 0) {
    if (auto r = db_.execute("BEGIN IMMEDIATE"); !r) error_ = r.error();
  }
}
Transaction::~Transaction() {
  if (!open_) return;
  if (--depth_ == 0 && !error_) (void)db_.execute("ROLLBACK");
}
Result<> Transaction::commit() {
  open_ = false;
  --depth_;
  if (error_) return error_;
  if (depth_ > 0) return {};
  auto r = db_.execute("COMMIT");
  if (!r) (void)db_.execute("ROLLBACK");
  return r;
}

}  // namespace genkan::webmail
