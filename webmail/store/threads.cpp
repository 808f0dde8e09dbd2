// Threads: which conversation a mail belongs to, and the ids of one. A mail's thread never changes (RFC 8621 3), so a
// mail that links two known threads joins the older one.
#include <algorithm>
#include <unordered_set>

#include "webmail/store/ids.hpp"
#include "webmail/store/mail_store.hpp"

namespace genkan::webmail {

namespace {
constexpr std::int64_t kSubjectWindow = 7 * 86400;
constexpr std::size_t kMaxReferences = 200;  // of one mail; the newest are at the end
}  // namespace

Result<std::int64_t> MailStore::find_thread(const Summary& s, std::int64_t received) {
  std::int64_t thread = 0;
  const auto look = [&](const std::string& id) -> Result<> {
    auto query = db_.query("SELECT min(thread) FROM message_id WHERE id = ?");
    query.bind(id);
    if (query.next() && !query.is_null(0)) thread = thread == 0 ? query.integer(0) : std::min(thread, query.integer(0));
    if (query.failed()) return query.error();
    return {};
  };
  const auto first = s.references.size() > kMaxReferences ? s.references.size() - kMaxReferences : 0;
  for (auto i = first; i < s.references.size(); ++i) {
    if (auto r = look(s.references[i]); !r) return r.error();
  }
  if (thread == 0 && !s.message_id.empty()) {  // an answer that came before what it answers
    if (auto r = look(s.message_id); !r) return r.error();
  }
  if (thread != 0 || !s.references.empty() || !s.subject_reply || s.subject_base.empty()) return thread;
  // A reply by a program that writes no References.
  auto query = db_.query(
      "SELECT thread FROM email WHERE subject_base = ? AND received BETWEEN ? AND ? ORDER BY received DESC LIMIT 1");
  query.bind_all(s.subject_base, received - kSubjectWindow, received + kSubjectWindow);
  if (query.next()) thread = query.integer(0);
  if (query.failed()) return query.error();
  return thread;
}

Result<std::int64_t> MailStore::thread_for(const Summary& s, std::int64_t received) {
  auto thread = find_thread(s, received);
  if (!thread) return thread;
  if (*thread == 0) {
    const auto id = random_id('t');
    if (auto r = db_.query("INSERT INTO thread(id) VALUES(?)").bind(id).run(); !r) return r.error();
    *thread = db_.last_id();
    if (auto r = log_change(Kind::thread, id, 1); !r) return r.error();
  } else {
    std::string id;
    {
      auto query = db_.query("SELECT id FROM thread WHERE row = ?");
      query.bind(*thread);
      if (query.next()) id = query.text(0);
    }
    if (auto r = log_change(Kind::thread, id, 2); !r) return r.error();
  }
  const auto remember = [&](const std::string& id) {
    return db_.query("INSERT OR IGNORE INTO message_id(id, thread) VALUES(?, ?)").bind_all(id, *thread).run();
  };
  if (!s.message_id.empty()) {
    if (auto r = remember(s.message_id); !r) return r.error();
  }
  const auto first = s.references.size() > kMaxReferences ? s.references.size() - kMaxReferences : 0;
  for (auto i = first; i < s.references.size(); ++i) {
    if (auto r = remember(s.references[i]); !r) return r.error();
  }
  return thread;
}

Result<> MailStore::drop_email(std::int64_t row) {
  std::string email_id, thread_id;
  std::int64_t thread = 0;
  {
    auto query = db_.query("SELECT e.id, t.id, t.row FROM email e JOIN thread t ON t.row = e.thread WHERE e.row = ?");
    query.bind(row);
    if (!query.next()) return query.failed() ? Result<>(query.error()) : Result<>();
    email_id = query.text(0);
    thread_id = query.text(1);
    thread = query.integer(2);
  }
  if (auto r = db_.query("DELETE FROM email WHERE row = ?").bind(row).run(); !r) return r;
  if (auto r = db_.query("DELETE FROM email_text WHERE row = ?").bind(row).run(); !r) return r;
  if (auto r = log_change(Kind::email, email_id, 3); !r) return r;
  bool left = false;
  {
    auto query = db_.query("SELECT 1 FROM email WHERE thread = ? LIMIT 1");
    query.bind(thread);
    left = query.next();
    if (query.failed()) return query.error();
  }
  if (!left) {
    if (auto r = db_.query("DELETE FROM thread WHERE row = ?").bind(thread).run(); !r) return r;
    if (auto r = db_.query("DELETE FROM message_id WHERE thread = ?").bind(thread).run(); !r) return r;
  }
  return log_change(Kind::thread, thread_id, left ? 2 : 3);
}

Result<std::vector<std::string>> MailStore::thread(std::string_view id) {
  std::vector<std::string> out;
  auto query =
      db_.query("SELECT e.id FROM thread t JOIN email e ON e.thread = t.row WHERE t.id = ? ORDER BY e.received, e.row");
  query.bind(id);
  while (query.next()) out.emplace_back(query.text(0));
  if (query.failed()) return query.error();
  if (out.empty()) return Errc::not_found;
  return out;
}

Result<std::vector<std::string>> MailStore::ids_of(const std::vector<std::int64_t>& rows) {
  std::vector<std::string> out;
  out.reserve(rows.size());
  for (const auto row : rows) {
    auto query = db_.query("SELECT id FROM email WHERE row = ?");
    query.bind(row);
    if (query.next()) out.emplace_back(query.text(0));
    if (query.failed()) return query.error();
  }
  return out;
}

Result<EmailQueryResult> MailStore::query(const EmailQuery& wanted) {
  std::int64_t anchor = 0;
  if (!wanted.anchor.empty()) {
    auto query = db_.query("SELECT row FROM email WHERE id = ?");
    query.bind(wanted.anchor);
    if (query.next()) anchor = query.integer(0);
    if (query.failed()) return query.error();
  }
  // Without a total, rows behind the last wanted one need not be looked at.
  const bool whole = wanted.total || !wanted.anchor.empty() || wanted.position < 0 || !wanted.limit;
  const std::uint64_t enough =
      whole ? UINT64_MAX
            : static_cast<std::uint64_t>(wanted.position) + std::min<std::uint64_t>(*wanted.limit, 1U << 30);
  const auto sql = email_query_sql(wanted);
  auto query = db_.query_once(sql.text);
  for (const auto& value : sql.values) {
    if (const auto* number = std::get_if<std::int64_t>(&value)) {
      query.bind(*number);
    } else {
      query.bind(std::get<std::string>(value));
    }
  }
  std::vector<std::int64_t> rows;
  std::unordered_set<std::int64_t> threads;
  while (rows.size() < enough && query.next()) {
    if (wanted.collapse_threads && !threads.insert(query.integer(1)).second) continue;
    rows.push_back(query.integer(0));
  }
  if (query.failed()) return query.error();
  EmailQueryResult out;
  out.total = static_cast<std::int64_t>(rows.size());
  out.position = wanted.position < 0 ? std::max<std::int64_t>(0, out.total + wanted.position) : wanted.position;
  if (!wanted.anchor.empty()) {
    const auto found = std::find(rows.begin(), rows.end(), anchor);
    out.anchor_found = found != rows.end();
    out.position = std::max<std::int64_t>(0, found - rows.begin() + wanted.anchor_offset);
  }
  if (!out.anchor_found || out.position >= out.total) return out;
  const auto left = static_cast<std::uint64_t>(out.total - out.position);
  const auto count = std::min(left, wanted.limit.value_or(left));
  const auto first = rows.begin() + out.position;
  auto ids = ids_of({first, first + static_cast<std::ptrdiff_t>(count)});
  if (!ids) return ids.error();
  out.ids = std::move(*ids);
  return out;
}

}  // namespace genkan::webmail
