// Brings the index up to date with the folders. Decided by names only: a file is read once, when it is new.
//   a folder whose times did not change since the last complete reading   not read
//   a base name that no email has                                         a new email (received: the file's time)
//   a known base name in another folder                                   one more membership (a move, or a copy)
//   a known base name with other flags                                    other keywords
//   a membership without a file                                           gone, after all folders were read, so that a
//                                                                         mail that moved keeps its id
#include <sys/stat.h>

#include <algorithm>
#include <unordered_map>

#include "base/file.hpp"
#include "webmail/store/ids.hpp"
#include "webmail/store/mail_store.hpp"

namespace genkan::webmail {

namespace {

constexpr std::uint64_t kMaxMessage = 256u << 20;
constexpr int kCommitEvery = 500;  // emails: bounds the journal and what a crash repeats
// The kernel's clock for file times moves in steps of up to 10 ms: a younger stamp may hide a later change.
constexpr std::int64_t kSettled = 50'000'000;

std::int64_t wall_nanoseconds() {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(WallClock::now().time_since_epoch()).count();
}

std::int64_t file_time(const std::string& path) {
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0) return wall_nanoseconds() / 1'000'000'000;
  return status.st_mtim.tv_sec;
}

}  // namespace

struct MailStore::Sync {
  MailStore& store;
  std::optional<Transaction> transaction;
  std::vector<std::pair<std::int64_t, std::int64_t>> gone;  // email, mailbox
  int written = 0;

  Result<> begin() {
    if (!transaction) transaction.emplace(store.db_, store.depth_);
    return {};
  }
  Result<> commit() {
    if (!transaction) return {};
    auto r = transaction->commit();
    transaction.reset();
    written = 0;
    return r;
  }

  Result<> folders();
  Result<> folder(const Mailbox& box);
  Result<> reconcile(const Mailbox& box, const std::vector<MaildirEntry>& entries);
  Result<> known(const Mailbox& box, std::int64_t email, MaildirEntry entry, const std::string* file);
  Result<> unknown(const Mailbox& box, MaildirEntry entry);
  MaildirEntry settle(const Mailbox& box, MaildirEntry entry);
  void problem(const std::string& path, const Error& error) {
    if (store.on_problem_ && store.reported_.insert(path).second) store.on_problem_(path, error);
  }
};

// Folders that other programs made or removed.
Result<> MailStore::Sync::folders() {
  auto on_disk = store.maildir_.folders();
  if (!on_disk) return on_disk.error();
  auto boxes = store.mailbox_rows();
  if (!boxes) return boxes.error();
  for (const auto& name : *on_disk) {
    if (std::any_of(boxes->begin(), boxes->end(), [&](const Mailbox& b) { return b.folder == name; })) continue;
    if (auto r = begin(); !r) return r;
    const auto id = random_id('m');
    auto insert = store.db_.query("INSERT INTO mailbox(id, folder) VALUES(?, ?)");
    if (auto r = insert.bind_all(id, name).run(); !r) return r;
    if (auto r = store.log_change(Kind::mailbox, id, 1); !r) return r;
  }
  for (const auto& box : *boxes) {
    if (!box.role.empty() || std::binary_search(on_disk->begin(), on_disk->end(), box.folder)) continue;
    if (auto r = begin(); !r) return r;
    auto query = store.db_.query("SELECT email FROM membership WHERE mailbox = ?");
    query.bind(box.row);
    while (query.next()) gone.emplace_back(query.integer(0), box.row);
    auto drop = store.db_.query("DELETE FROM mailbox WHERE row = ?");
    if (auto r = drop.bind(box.row).run(); !r) return r;
    if (auto r = store.log_change(Kind::mailbox, box.id, 3); !r) return r;
  }
  return {};
}

Result<> MailStore::Sync::folder(const Mailbox& box) {
  auto stamp = store.maildir_.stamp(box.folder);
  if (!stamp && stamp.error() == Errc::not_found && !box.role.empty()) {
    if (auto r = store.maildir_.create(box.folder); !r) return r;
    stamp = store.maildir_.stamp(box.folder);
  }
  if (!stamp) return stamp.error();
  const auto now = wall_nanoseconds();
  const auto last = store.readings_.find(box.folder);
  const bool fresh = last != store.readings_.end() && last->second.stamp == *stamp &&
                     (last->second.again == 0 || now < last->second.again);
  if (fresh) return {};
  auto entries = store.maildir_.list(box.folder);
  if (!entries) return entries.error();
  if (auto r = reconcile(box, *entries); !r) return r;
  store.reported_.erase(box.folder);
  // What we renamed ourselves changed the times once more; that costs one more reading, no more.
  if (now - std::max(stamp->cur, stamp->fresh) > kSettled) {
    store.readings_[box.folder] = {*stamp, 0};
  } else {
    store.readings_.erase(box.folder);
  }
  return {};
}

Result<> MailStore::Sync::reconcile(const Mailbox& box, const std::vector<MaildirEntry>& entries) {
  struct Row {
    std::int64_t email = 0;
    std::string file;
    bool here = false, found = false;
  };
  std::unordered_map<std::string, Row> rows;
  {
    auto query = store.db_.query(
        "SELECT e.base, e.row, m.file FROM membership m JOIN email e ON e.row = m.email WHERE m.mailbox = ?");
    query.bind(box.row);
    while (query.next()) rows[std::string(query.text(0))] = {query.integer(1), std::string(query.text(2)), true, false};
    if (query.failed()) return query.error();
  }
  for (const auto& entry : entries) {
    const auto row = rows.find(entry.base);
    if (row != rows.end()) {
      row->second.found = true;
      const bool same = !entry.is_new && row->second.file == "cur/" + entry.filename;
      if (same) continue;
      if (auto r = known(box, row->second.email, entry, &row->second.file); !r) return r;
      continue;
    }
    std::int64_t email = 0;
    {
      auto query = store.db_.query("SELECT row FROM email WHERE base = ?");
      query.bind(entry.base);
      if (query.next()) email = query.integer(0);
      if (query.failed()) return query.error();
    }
    auto r = email != 0 ? known(box, email, entry, nullptr) : unknown(box, entry);
    if (!r) return r;
  }
  for (const auto& [base, row] : rows) {
    if (!row.found) gone.emplace_back(row.email, box.row);
  }
  return {};
}

// Out of new/: we have seen it. Where the folder is read-only it stays there and is shown all the same.
MaildirEntry MailStore::Sync::settle(const Mailbox& box, MaildirEntry entry) {
  if (!entry.is_new) return entry;
  auto moved = store.maildir_.set_flags(box.folder, entry, entry.flags);
  return moved ? *moved : entry;
}

Result<> MailStore::Sync::known(const Mailbox& box, std::int64_t email, MaildirEntry entry, const std::string* file) {
  if (auto r = begin(); !r) return r;
  entry = settle(box, std::move(entry));
  const auto path = (entry.is_new ? "new/" : "cur/") + entry.filename;
  if (file && *file == path) return {};
  std::string id, keywords;
  {
    auto query = store.db_.query("SELECT id, keywords FROM email WHERE row = ?");
    query.bind(email);
    if (query.next()) {
      id = query.text(0);
      keywords = query.text(1);
    }
    if (query.failed()) return query.error();
  }
  if (!file) {
    if (auto r = store.log_change(Kind::email, id, 2); !r) return r;
  }
  if (auto r = store.add_membership(email, box.row, path); !r) return r;
  // Keywords that no flag stands for stay as they are.
  auto list = flags_to_keywords(entry.flags);
  const auto flag_keywords = flags_to_keywords("DFPRS");
  for (std::size_t at = 0; at < keywords.size();) {
    const auto end = std::min(keywords.find(' ', at), keywords.size());
    const auto word = keywords.substr(at, end - at);
    const bool by_flag = std::find(flag_keywords.begin(), flag_keywords.end(), word) != flag_keywords.end();
    if (!word.empty() && !by_flag) list.push_back(word);
    at = end + 1;
  }
  return store.write_keywords(email, list);
}

Result<> MailStore::Sync::unknown(const Mailbox& box, MaildirEntry entry) {
  auto path = store.maildir_.file_path(box.folder, entry);
  auto bytes = base::read_file(path, kMaxMessage);
  if (!bytes) {
    // Gone again, unreadable or too large: the rest goes on.
    if (bytes.error() != Error(ENOENT, boost::system::system_category())) problem(path, bytes.error());
    return {};
  }
  const auto received = file_time(path);
  if (auto r = begin(); !r) return r;
  entry = settle(box, std::move(entry));
  auto row = store.insert_email(entry.base, *bytes, flags_to_keywords(entry.flags), received);
  if (!row) return row.error();
  const auto file = (entry.is_new ? "new/" : "cur/") + entry.filename;
  if (auto r = store.add_membership(*row, box.row, file); !r) return r;
  if (++written >= kCommitEvery) return commit();
  return {};
}

Result<> MailStore::sync() {
  Sync sync{*this, {}, {}, 0};
  if (auto r = sync.folders(); !r) return r;
  auto boxes = mailbox_rows();
  if (!boxes) return boxes.error();
  for (const auto& box : *boxes) {
    auto r = sync.folder(box);
    if (r) continue;
    if (box.folder.empty() || r.error() == Errc::exhausted || r.error() == Errc::corrupt) return r;
    sync.problem(maildir_.path() + "/" + box.folder, r.error());
  }
  for (const auto& [email, mailbox] : sync.gone) {
    if (auto r = sync.begin(); !r) return r;
    if (auto r = drop_membership(email, mailbox); !r) return r;
  }
  return sync.commit();
}

}  // namespace genkan::webmail
