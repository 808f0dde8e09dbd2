// Opening the index: schema, incarnation, roles; states and changes.
#include "webmail/store/mail_store.hpp"

#include <filesystem>
#include <unordered_map>

#include "base/file.hpp"
#include "base/text.hpp"
#include "webmail/store/ids.hpp"

namespace genkan::webmail {

namespace {

constexpr int kSchemaVersion = 2;
constexpr int kKeptChanges = 100'000;

constexpr const char* kSchema = R"(
CREATE TABLE IF NOT EXISTS meta(key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS mailbox(
  row INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, folder TEXT NOT NULL UNIQUE, role TEXT NOT NULL DEFAULT '',
  sort_order INTEGER NOT NULL DEFAULT 100, subscribed INTEGER NOT NULL DEFAULT 1);
CREATE TABLE IF NOT EXISTS thread(row INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE);
CREATE TABLE IF NOT EXISTS email(
  row INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, base TEXT NOT NULL UNIQUE, thread INTEGER NOT NULL,
  size INTEGER NOT NULL, received INTEGER NOT NULL, sent INTEGER, sent_at TEXT NOT NULL, subject TEXT NOT NULL,
  subject_base TEXT NOT NULL, from_json TEXT NOT NULL, to_json TEXT NOT NULL, cc_json TEXT NOT NULL,
  from_sort TEXT NOT NULL, to_sort TEXT NOT NULL, preview TEXT NOT NULL, has_attachment INTEGER NOT NULL,
  keywords TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS email_thread ON email(thread, received);
CREATE INDEX IF NOT EXISTS email_received ON email(received);
CREATE INDEX IF NOT EXISTS email_subject ON email(subject_base, received);
CREATE TABLE IF NOT EXISTS email_text(
  row INTEGER PRIMARY KEY, people TEXT NOT NULL, from_text TEXT NOT NULL, to_text TEXT NOT NULL, cc_text TEXT NOT NULL,
  bcc_text TEXT NOT NULL, subject TEXT NOT NULL, body TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS membership(
  email INTEGER NOT NULL, mailbox INTEGER NOT NULL, file TEXT NOT NULL, received INTEGER NOT NULL, seen INTEGER NOT NULL,
  thread INTEGER NOT NULL, PRIMARY KEY(email, mailbox)) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS membership_page ON membership(mailbox, received DESC, email DESC, thread);
CREATE INDEX IF NOT EXISTS membership_count ON membership(mailbox, seen, thread);
CREATE INDEX IF NOT EXISTS membership_unread ON membership(thread) WHERE seen = 0;
CREATE TABLE IF NOT EXISTS message_id(id TEXT NOT NULL, thread INTEGER NOT NULL, PRIMARY KEY(id, thread)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS log(
  seq INTEGER PRIMARY KEY AUTOINCREMENT, kind INTEGER NOT NULL, id TEXT NOT NULL, operation INTEGER NOT NULL);
CREATE INDEX IF NOT EXISTS log_kind ON log(kind, seq);
CREATE TABLE IF NOT EXISTS state(kind INTEGER PRIMARY KEY, seq INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS submission(
  row INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, email_id TEXT NOT NULL, thread_id TEXT NOT NULL,
  identity_id TEXT NOT NULL, envelope TEXT NOT NULL, send_at INTEGER NOT NULL);
)";

struct Role {
  const char *folder, *role;
  int sort_order;
};
constexpr Role kRoles[] = {{"", "inbox", 1},           {".Drafts", "drafts", 2}, {".Sent", "sent", 3},
                           {".Archive", "archive", 4}, {".Junk", "junk", 5},     {".Trash", "trash", 6}};

Result<Database> open_database(const std::string& path) {
  auto db = Database::open(path);
  if (!db) return db;
  std::int64_t found = -1;
  {
    auto version = db->query_once("PRAGMA user_version");
    if (version.next()) found = version.integer(0);
    if (version.failed()) return version.error();
  }
  if (found != 0 && found != kSchemaVersion) return Errc::corrupt;  // of another release: made again
  if (auto r = db->execute(kSchema); !r) return r.error();
  if (auto r = db->execute("PRAGMA user_version = " + std::to_string(kSchemaVersion)); !r) return r.error();
  return db;
}

}  // namespace

MailStore::MailStore(Database db, const Paths& paths, OnProblem on_problem)
    : db_(std::move(db)), maildir_(paths.maildir), on_problem_(std::move(on_problem)) {}
MailStore::~MailStore() = default;

Result<std::unique_ptr<MailStore>> MailStore::open(const Paths& paths, OnProblem on_problem) {
  const auto folder = std::filesystem::path(paths.index).parent_path().string();
  if (auto r = base::make_dirs(folder, 0700); !r) return r.error();
  auto db = open_database(paths.index);
  if (!db && db.error() == Errc::corrupt) {
    // The index can be made again from the Maildir; the broken one stays for whoever wants to look at it.
    std::error_code ignored;
    std::filesystem::rename(paths.index, paths.index + ".broken", ignored);
    for (const char* end : {"-wal", "-shm"}) std::filesystem::remove(paths.index + end, ignored);
    if (on_problem) on_problem(paths.index, Errc::corrupt);
    auto again = open_database(paths.index);
    if (!again) return again.error();
    return prepared(std::move(*again), paths, std::move(on_problem));
  }
  if (!db) return db.error();
  return prepared(std::move(*db), paths, std::move(on_problem));
}

Result<std::unique_ptr<MailStore>> MailStore::prepared(Database db, const Paths& paths, OnProblem on_problem) {
  std::unique_ptr<MailStore> store(new MailStore(std::move(db), paths, std::move(on_problem)));
  if (auto r = store->prepare(); !r) return r.error();
  return store;
}

Result<> MailStore::prepare() {
  Transaction transaction(db_, depth_);
  auto fresh = db_.query("INSERT OR IGNORE INTO meta(key, value) VALUES('incarnation', ?)");
  if (auto r = fresh.bind(random_id('s').substr(0, 9)).run(); !r) return r;
  {
    auto query = db_.query("SELECT value FROM meta WHERE key = 'incarnation'");
    if (query.next()) incarnation_ = query.text(0);
    if (query.failed()) return query.error();
  }
  auto trim = db_.query("DELETE FROM log WHERE seq <= (SELECT max(seq) FROM log) - ?");
  if (auto r = trim.bind(kKeptChanges).run(); !r) return r;
  if (auto r = ensure_roles(); !r) return r;
  return transaction.commit();
}

Result<> MailStore::ensure_roles() {
  std::vector<std::string> folders;
  for (const auto& role : kRoles) folders.emplace_back(role.folder);
  if (auto r = maildir_.create_all(folders); !r) return r;
  for (const auto& role : kRoles) {
    auto insert = db_.query("INSERT OR IGNORE INTO mailbox(id, folder, role, sort_order) VALUES(?, ?, ?, ?)");
    const auto id = random_id('m');
    if (auto r = insert.bind_all(id, role.folder, role.role, role.sort_order).run(); !r) return r;
    if (db_.changed_rows() == 1) {
      if (auto r = log_change(Kind::mailbox, id, 1); !r) return r;
    }
  }
  return {};
}

// Operations: 1 created, 2 updated, 3 destroyed, 4 only the counts of a mailbox.
Result<> MailStore::log_change(Kind kind, std::string_view id, int operation) {
  counts_.clear();
  auto insert = db_.query("INSERT INTO log(kind, id, operation) VALUES(?, ?, ?)");
  if (auto r = insert.bind_all(static_cast<int>(kind), id, operation).run(); !r) return r;
  auto state =
      db_.query("INSERT INTO state(kind, seq) VALUES(?, ?) ON CONFLICT(kind) DO UPDATE SET seq = excluded.seq");
  return state.bind_all(static_cast<int>(kind), db_.last_id()).run();
}

Result<std::string> MailStore::state(Kind kind) {
  auto query = db_.query("SELECT seq FROM state WHERE kind = ?");
  query.bind(static_cast<int>(kind));
  const auto seq = query.next() ? query.integer(0) : 0;
  if (query.failed()) return query.error();
  return incarnation_ + "-" + std::to_string(seq);
}

namespace {

struct Seen {
  int first = 0, last = 0;
  bool other_than_counts = false;
};

void sort_out(const std::vector<std::string>& order, std::unordered_map<std::string, Seen>& seen, Changes& out) {
  out.only_counts = true;
  for (const auto& id : order) {
    const auto& s = seen[id];
    if (s.first == 1 && s.last == 3) continue;  // came and went
    if (s.first == 1) {
      out.created.push_back(id);
    } else if (s.last == 3) {
      out.destroyed.push_back(id);
    } else {
      out.updated.push_back(id);
      out.only_counts = out.only_counts && !s.other_than_counts;
    }
  }
}

}  // namespace

Result<Changes> MailStore::changes(Kind kind, std::string_view since, std::size_t max) {
  const auto dash = since.rfind('-');
  if (dash == since.npos || since.substr(0, dash) != incarnation_) return Errc::conflict;
  const auto from = base::parse_uint(since.substr(dash + 1));
  auto now = state(kind);
  if (!now) return now.error();
  const auto current = base::parse_uint(std::string_view(*now).substr(dash + 1)).value_or(0);
  if (!from || *from > current) return Errc::conflict;
  {
    auto oldest = db_.query("SELECT min(seq) FROM log");
    const auto first = oldest.next() ? oldest.integer(0) : 0;
    if (oldest.failed()) return oldest.error();
    if (*from < current && *from + 1 < static_cast<std::uint64_t>(first)) return Errc::conflict;
  }
  Changes out;
  out.new_state = *now;
  std::unordered_map<std::string, Seen> seen;
  std::vector<std::string> order;
  auto query = db_.query("SELECT seq, id, operation FROM log WHERE kind = ? AND seq > ? ORDER BY seq");
  query.bind_all(static_cast<int>(kind), *from);
  std::int64_t last = static_cast<std::int64_t>(*from);
  while (query.next()) {
    const std::string id(query.text(1));
    const int operation = static_cast<int>(query.integer(2));
    if (seen.find(id) == seen.end()) {
      if (max > 0 && order.size() >= max) {
        out.more = true;
        out.new_state = incarnation_ + "-" + std::to_string(last);
        break;
      }
      order.push_back(id);
      seen[id].first = operation;
    }
    seen[id].last = operation;
    seen[id].other_than_counts |= operation == 2;
    last = query.integer(0);
  }
  if (query.failed()) return query.error();
  sort_out(order, seen, out);
  return out;
}

Result<> MailStore::add_submission(const Submission& s) {
  Transaction transaction(db_, depth_);
  auto insert = db_.query(
      "INSERT INTO submission(id, email_id, thread_id, identity_id, envelope, send_at) VALUES(?, ?, ?, ?, ?, ?)");
  if (auto r = insert.bind_all(s.id, s.email_id, s.thread_id, s.identity_id, s.envelope_json, s.send_at).run(); !r) {
    return r;
  }
  auto trim = db_.query("DELETE FROM submission WHERE row <= (SELECT max(row) FROM submission) - 1000");
  if (auto r = trim.run(); !r) return r;
  if (auto r = log_change(Kind::submission, s.id, 1); !r) return r;
  return transaction.commit();
}

Result<std::vector<Submission>> MailStore::submissions() {
  std::vector<Submission> out;
  auto query = db_.query("SELECT id, email_id, thread_id, identity_id, envelope, send_at FROM submission ORDER BY row");
  while (query.next()) {
    out.push_back({std::string(query.text(0)), std::string(query.text(1)), std::string(query.text(2)),
                   std::string(query.text(3)), std::string(query.text(4)), query.integer(5)});
  }
  if (query.failed()) return query.error();
  return out;
}

}  // namespace genkan::webmail
