// Emails: rows and files, in step. A file is changed first, its row after it; what a crash leaves between the two is
// put right by the next sync(), which trusts the file.
#include <algorithm>

#include "base/clock.hpp"
#include "base/file.hpp"
#include "base/text.hpp"
#include "webmail/mime/charset.hpp"
#include "webmail/store/ids.hpp"
#include "webmail/store/mail_store.hpp"

namespace genkan::webmail {

namespace {

constexpr std::uint64_t kMaxMessage = 256u << 20;

struct Flag {
  char letter;
  std::string_view keyword;
};
constexpr Flag kFlags[] = {{'D', "$draft"}, {'F', "$flagged"}, {'P', "$forwarded"}, {'R', "$answered"}, {'S', "$seen"}};

// " $seen work ": every keyword stands between blanks.
std::string keyword_text(std::vector<std::string> keywords) {
  std::sort(keywords.begin(), keywords.end());
  keywords.erase(std::unique(keywords.begin(), keywords.end()), keywords.end());
  std::string out = " ";
  for (const auto& k : keywords) out += k + " ";
  return out;
}

std::vector<std::string> keyword_list(std::string_view text) {
  std::vector<std::string> out;
  for (const auto k : base::split(text, ' ')) {
    if (!k.empty()) out.emplace_back(k);
  }
  return out;
}

MaildirEntry entry_of(const std::string& file) {
  const bool is_new = file.starts_with("new/");
  return maildir_entry(std::string_view(file).substr(4), is_new);
}
std::string file_of(const MaildirEntry& entry) { return (entry.is_new ? "new/" : "cur/") + entry.filename; }

std::string sort_text(const std::vector<mime::Address>& list) {
  if (list.empty()) return {};
  return mime::fold_for_search(list.front().name.empty() ? list.front().email : list.front().name);
}

std::string people_text(const std::vector<mime::Address>& list) {
  std::string out;
  for (const auto& a : list) out += a.name + " <" + a.email + ">\n";
  return mime::fold_for_search(mime::utf8_prefix(out, 16 * 1024));
}

}  // namespace

// Our own change of a folder must not cost a reading of it. Two seconds later it is read once all the same: another
// program may have been at work in the same moment.
class MailStore::OwnChange {
 public:
  OwnChange(MailStore& store, const std::string& folder) : store_(store), folder_(folder) {
    const auto last = store_.readings_.find(folder_);
    const auto now =
        last == store_.readings_.end() ? Result<MaildirStamp>(Errc::not_found) : store_.maildir_.stamp(folder_);
    clean_ = now && *now == last->second.stamp;
  }
  OwnChange(const OwnChange&) = delete;
  OwnChange& operator=(const OwnChange&) = delete;
  ~OwnChange() {
    auto now = clean_ ? store_.maildir_.stamp(folder_) : Result<MaildirStamp>(Errc::not_found);
    if (!now) return;
    auto& reading = store_.readings_[folder_];
    reading.stamp = *now;
    if (reading.again == 0) {
      constexpr std::int64_t kTwoSeconds = 2'000'000'000;
      const auto wall = std::chrono::duration_cast<std::chrono::nanoseconds>(WallClock::now().time_since_epoch());
      reading.again = wall.count() + kTwoSeconds;
    }
  }

 private:
  MailStore& store_;
  const std::string folder_;
  bool clean_ = false;
};

std::vector<std::string> flags_to_keywords(std::string_view flags) {
  std::vector<std::string> out;
  for (const auto& flag : kFlags) {
    if (flags.find(flag.letter) != flags.npos) out.emplace_back(flag.keyword);
  }
  return out;
}

std::string keywords_to_flags(const std::vector<std::string>& keywords, std::string_view old_flags) {
  std::string out;
  for (const char c : old_flags) {
    const bool ours = std::any_of(std::begin(kFlags), std::end(kFlags), [&](const Flag& f) { return f.letter == c; });
    if (!ours) out += c;
  }
  for (const auto& flag : kFlags) {
    if (std::find(keywords.begin(), keywords.end(), flag.keyword) != keywords.end()) out += flag.letter;
  }
  std::sort(out.begin(), out.end());
  return out;
}

Result<Email> MailStore::email(std::string_view id) {
  Email e;
  {
    auto query = db_.query(
        "SELECT e.row, e.id, t.id, e.size, e.received, e.sent_at, e.subject, e.from_json, e.to_json, e.cc_json,"
        " e.preview, e.has_attachment, e.keywords FROM email e JOIN thread t ON t.row = e.thread WHERE e.id = ?");
    query.bind(id);
    if (!query.next()) return query.failed() ? query.error() : Error(Errc::not_found);
    e.row = query.integer(0);
    e.id = query.text(1);
    e.thread_id = query.text(2);
    e.size = static_cast<std::uint64_t>(query.integer(3));
    e.received = query.integer(4);
    e.sent_at = query.text(5);
    e.subject = query.text(6);
    e.from_json = query.text(7);
    e.to_json = query.text(8);
    e.cc_json = query.text(9);
    e.preview = query.text(10);
    e.has_attachment = query.integer(11) != 0;
    e.keywords = keyword_list(query.text(12));
  }
  auto where = places(e.row);
  if (!where) return where.error();
  for (const auto& place : *where) e.mailbox_ids.push_back(place.mailbox_id);
  return e;
}

Result<std::vector<MailStore::Place>> MailStore::places(std::int64_t row) {
  std::vector<Place> out;
  auto query = db_.query(
      "SELECT m.mailbox, b.id, b.folder, m.file FROM membership m JOIN mailbox b ON b.row = m.mailbox WHERE m.email = ?"
      " ORDER BY m.mailbox");
  query.bind(row);
  while (query.next()) {
    out.push_back(
        {query.integer(0), std::string(query.text(1)), std::string(query.text(2)), std::string(query.text(3))});
  }
  if (query.failed()) return query.error();
  return out;
}

Result<std::string> MailStore::bytes(const Email& email) {
  for (int again = 0;; ++again) {
    auto where = places(email.row);
    if (!where) return where.error();
    for (const auto& place : *where) {
      auto text = base::read_file(maildir_.file_path(place.folder, entry_of(place.file)), kMaxMessage);
      if (text || text.error() != Error(ENOENT, boost::system::system_category())) return text;
    }
    if (again == 1) return Errc::not_found;
    // Another program renamed it since we looked.
    readings_.clear();
    if (auto r = sync(); !r) return r.error();
  }
}

Result<std::int64_t> MailStore::insert_email(const std::string& base, std::string_view message,
                                             const std::vector<std::string>& keywords, std::int64_t received) {
  const auto s = summarise(message);
  auto thread = thread_for(s, received);
  if (!thread) return thread.error();
  const auto id = random_id('e');
  auto insert = db_.query(
      "INSERT INTO email(id, base, thread, size, received, sent, sent_at, subject, subject_base, from_json, to_json,"
      " cc_json, from_sort, to_sort, preview, has_attachment, keywords) VALUES(?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)");
  insert.bind_all(id, base, *thread, message.size(), received, s.sent ? s.sent->seconds : received,
                  s.sent ? mime::rfc3339(*s.sent) : std::string(), s.subject, s.subject_base, addresses_json(s.from),
                  addresses_json(s.to), addresses_json(s.cc), sort_text(s.from), sort_text(s.to), s.preview,
                  s.has_attachment, keyword_text(keywords));
  if (auto r = insert.run(); !r) return r.error();
  const auto row = db_.last_id();
  if (auto r = insert_texts(row, s); !r) return r.error();
  if (auto r = log_change(Kind::email, id, 1); !r) return r.error();
  return row;
}

Result<> MailStore::insert_texts(std::int64_t row, const Summary& s) {
  const auto from = people_text(s.from), to = people_text(s.to), cc = people_text(s.cc), bcc = people_text(s.bcc);
  auto insert = db_.query(
      "INSERT INTO email_text(row, people, from_text, to_text, cc_text, bcc_text, subject, body)"
      " VALUES(?,?,?,?,?,?,?,?)");
  return insert.bind_all(row, from + to + cc + bcc, from, to, cc, bcc, mime::fold_for_search(s.subject), s.body_text)
      .run();
}

Result<> MailStore::touch_counts(std::int64_t row) {
  auto where = places(row);
  if (!where) return where.error();
  for (const auto& place : *where) {
    if (auto r = log_change(Kind::mailbox, place.mailbox_id, 4); !r) return r;
  }
  return {};
}

Result<> MailStore::add_membership(std::int64_t email, std::int64_t mailbox, const std::string& file) {
  auto insert = db_.query(
      "INSERT OR REPLACE INTO membership(email, mailbox, file, received, seen, thread)"
      " SELECT row, ?, ?, received, instr(keywords, ' $seen ') > 0, thread FROM email WHERE row = ?");
  if (auto r = insert.bind_all(mailbox, file, email).run(); !r) return r;
  return touch_counts(email);
}

Result<> MailStore::drop_membership(std::int64_t email, std::int64_t mailbox) {
  if (auto r = touch_counts(email); !r) return r;
  auto drop = db_.query("DELETE FROM membership WHERE email = ? AND mailbox = ?");
  if (auto r = drop.bind_all(email, mailbox).run(); !r) return r;
  auto left = places(email);
  if (!left) return left.error();
  if (left->empty()) return drop_email(email);
  auto id = db_.query("SELECT id FROM email WHERE row = ?");
  id.bind(email);
  if (id.next()) return log_change(Kind::email, std::string(id.text(0)), 2);
  return {};
}

Result<> MailStore::write_keywords(std::int64_t row, const std::vector<std::string>& keywords) {
  const auto text = keyword_text(keywords);
  auto update = db_.query("UPDATE email SET keywords = ? WHERE row = ? AND keywords <> ?");
  if (auto r = update.bind_all(text, row, text).run(); !r) return r;
  if (db_.changed_rows() == 0) return {};
  auto seen = db_.query("UPDATE membership SET seen = ? WHERE email = ? AND seen <> ?");
  const bool is_seen = text.find(" $seen ") != text.npos;
  if (auto r = seen.bind_all(is_seen, row, is_seen).run(); !r) return r;
  if (db_.changed_rows() > 0) {
    if (auto r = touch_counts(row); !r) return r;
  }
  std::string id;
  {
    auto query = db_.query("SELECT id FROM email WHERE row = ?");
    query.bind(row);
    if (query.next()) id = query.text(0);
  }
  return log_change(Kind::email, id, 2);
}

Result<> MailStore::set_keywords(const Email& email, std::vector<std::string> keywords) {
  auto where = places(email.row);
  if (!where) return where.error();
  Transaction transaction(db_, depth_);
  for (const auto& place : *where) {
    const OwnChange own(*this, place.folder);
    const auto entry = entry_of(place.file);
    auto changed = maildir_.set_flags(place.folder, entry, keywords_to_flags(keywords, entry.flags));
    if (!changed) return changed.error();
    auto update = db_.query("UPDATE membership SET file = ? WHERE email = ? AND mailbox = ?");
    if (auto r = update.bind_all(file_of(*changed), email.row, place.mailbox).run(); !r) return r;
  }
  if (auto r = write_keywords(email.row, keywords); !r) return r;
  return transaction.commit();
}

Result<Email> MailStore::append(std::string_view message, const std::vector<std::string>& mailbox_ids,
                                const std::vector<std::string>& keywords, std::int64_t received) {
  if (mailbox_ids.empty()) return Errc::malformed;
  auto home = mailbox_by(mailbox_ids.front());
  if (!home) return home.error();
  const auto flags = keywords_to_flags(keywords, "");
  Source source;
  source.memory = message;
  const OwnChange own(*this, home->folder);
  auto base = maildir_.deliver(home->folder, source, false, flags);
  if (!base) return base.error();
  const auto entry = maildir_entry(maildir_name(*base, flags), false);
  Transaction transaction(db_, depth_);
  auto row = insert_email(*base, message, keywords, received);
  if (!row) return row.error();
  if (auto r = add_membership(*row, home->row, file_of(entry)); !r) return r.error();
  std::string id;
  {
    auto query = db_.query("SELECT id FROM email WHERE row = ?");
    query.bind(*row);
    if (query.next()) id = query.text(0);
  }
  auto stored = email(id);
  if (!stored) return stored.error();
  if (mailbox_ids.size() > 1) {
    if (auto r = set_mailboxes(*stored, mailbox_ids); !r) return r.error();
  }
  if (auto r = transaction.commit(); !r) return r.error();
  return email(id);
}

Result<> MailStore::set_mailboxes(const Email& email, const std::vector<std::string>& mailbox_ids) {
  auto where = places(email.row);
  if (!where) return where.error();
  if (mailbox_ids.empty() || where->empty()) return Errc::malformed;
  auto all = mailbox_rows();
  if (!all) return all.error();
  const auto wanted = [&](const std::string& id) {
    return std::find(mailbox_ids.begin(), mailbox_ids.end(), id) != mailbox_ids.end();
  };
  const Place source = where->front();
  const auto entry = entry_of(source.file);
  Transaction transaction(db_, depth_);
  // New links first: a crash leaves the mail in both places, never in none.
  for (const auto& id : mailbox_ids) {
    if (std::any_of(where->begin(), where->end(), [&](const Place& p) { return p.mailbox_id == id; })) continue;
    const auto box = std::find_if(all->begin(), all->end(), [&](const Mailbox& b) { return b.id == id; });
    if (box == all->end()) return Errc::not_found;
    const OwnChange own(*this, box->folder);
    auto linked = maildir_.link(source.folder, entry, box->folder);
    if (!linked) return linked.error();
    if (auto r = add_membership(email.row, box->row, file_of(*linked)); !r) return r;
  }
  for (const auto& place : *where) {
    if (wanted(place.mailbox_id)) continue;
    const OwnChange own(*this, place.folder);
    if (auto r = maildir_.remove(place.folder, entry_of(place.file)); !r) return r;
    if (auto r = drop_membership(email.row, place.mailbox); !r) return r;
  }
  if (auto r = log_change(Kind::email, email.id, 2); !r) return r;
  return transaction.commit();
}

Result<> MailStore::destroy(const Email& email) {
  auto where = places(email.row);
  if (!where) return where.error();
  Transaction transaction(db_, depth_);
  for (const auto& place : *where) {
    const OwnChange own(*this, place.folder);
    if (auto r = maildir_.remove(place.folder, entry_of(place.file)); !r) return r;
    if (auto r = drop_membership(email.row, place.mailbox); !r) return r;
  }
  return transaction.commit();
}

}  // namespace genkan::webmail
