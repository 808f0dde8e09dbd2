// One account's mail: the Maildir holds the bytes, a SQLite file holds what must be found fast. The Maildir is the
// truth: sync() brings the index up to date with whatever other programs did to the folders, and an index that is lost
// is made again (ids change then; keywords that Maildir flags can't express are lost).
//
//   Maildir file ── one name (base) ──► email row ── membership ──► mailbox (one folder each)
// A mail in two mailboxes is one file with two hard links of the same base name.
//
// Every change is a row of `log`; its number is the state that JMAP clients compare (RFC 8620 5.2).
//
// Not thread-safe: the owner holds lock() around a request. Blocks on the disk.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "webmail/maildir/maildir.hpp"
#include "webmail/store/database.hpp"
#include "webmail/store/query.hpp"
#include "webmail/store/summary.hpp"

namespace genkan::webmail {

enum class Kind { email, mailbox, thread, submission };

struct Changes {
  std::vector<std::string> created, updated, destroyed;
  std::string new_state;
  bool more = false;
  bool only_counts = false;  // mailboxes: nothing but the four counts changed
};

struct Mailbox {
  std::int64_t row = 0;
  std::string id, folder, name, parent_id, role;
  std::int64_t sort_order = 100;
  bool subscribed = true;
  std::int64_t total_emails = 0, unread_emails = 0, total_threads = 0, unread_threads = 0;
};

struct Email {
  std::int64_t row = 0;
  std::string id, thread_id;
  std::uint64_t size = 0;
  std::int64_t received = 0;  // seconds since 1970
  std::string sent_at;        // RFC 3339; empty: no Date
  std::string subject, from_json, to_json, cc_json, preview;
  bool has_attachment = false;
  std::vector<std::string> keywords, mailbox_ids;
};

struct Submission {
  std::string id, email_id, thread_id, identity_id, envelope_json;
  std::int64_t send_at = 0;
};

class MailStore {
 public:
  struct Paths {
    std::string maildir, index;  // a folder, a file
  };
  // Where a folder or a file can't be read: said once for each folder, the rest goes on.
  using OnProblem = std::function<void(const std::string& path, Error error)>;

  static Result<std::unique_ptr<MailStore>> open(const Paths& paths, OnProblem on_problem = {});
  ~MailStore();

  std::unique_lock<std::mutex> lock() { return std::unique_lock(mutex_); }

  // Fails when the inbox itself can't be read.
  Result<> sync();

  Result<std::string> state(Kind kind);
  // Errc::conflict: the state is unknown or too old.
  Result<Changes> changes(Kind kind, std::string_view since, std::size_t max);

  Result<std::vector<Mailbox>> mailboxes(bool with_counts = true);
  Result<Mailbox> create_mailbox(const std::string& name, const std::string& parent_id, std::int64_t sort_order,
                                 bool subscribed);
  // Errc::conflict: a sibling has that name; Errc::refused: it has a role.
  Result<> change_mailbox(const std::string& id, const std::string& name, const std::string& parent_id,
                          std::int64_t sort_order, bool subscribed);
  Result<> destroy_mailbox(const std::string& id, bool remove_emails);  // Errc::conflict: not empty, or has children

  Result<Email> email(std::string_view id);
  Result<std::string> bytes(const Email& email);  // the whole message, as in its file
  Result<Email> append(std::string_view message, const std::vector<std::string>& mailbox_ids,
                       const std::vector<std::string>& keywords, std::int64_t received);
  Result<> set_keywords(const Email& email, std::vector<std::string> keywords);
  Result<> set_mailboxes(const Email& email, const std::vector<std::string>& mailbox_ids);
  Result<> destroy(const Email& email);
  Result<EmailQueryResult> query(const EmailQuery& query);

  Result<std::vector<std::string>> thread(std::string_view id);  // oldest first; Errc::not_found

  Result<> add_submission(const Submission& submission);
  Result<std::vector<Submission>> submissions();

 private:
  struct Sync;
  class OwnChange;
  MailStore(Database db, const Paths& paths, OnProblem on_problem);
  static Result<std::unique_ptr<MailStore>> prepared(Database db, const Paths& paths, OnProblem on_problem);
  Result<> prepare();
  Result<> ensure_roles();
  Result<std::vector<Mailbox>> mailbox_rows();
  Result<> count(Mailbox& mailbox);
  Result<std::vector<std::string>> ids_of(const std::vector<std::int64_t>& rows);
  Result<Mailbox> mailbox_by(const std::string& id);  // without counts
  Result<> log_change(Kind kind, std::string_view id, int operation);
  Result<> touch_counts(std::int64_t email_row);  // of every mailbox the email is in
  Result<std::int64_t> insert_email(const std::string& base, std::string_view message,
                                    const std::vector<std::string>& keywords, std::int64_t received);
  Result<> insert_texts(std::int64_t row, const Summary& summary);
  Result<std::int64_t> thread_for(const Summary& summary, std::int64_t received);
  Result<std::int64_t> find_thread(const Summary& summary, std::int64_t received);  // 0: none
  Result<> add_membership(std::int64_t email, std::int64_t mailbox, const std::string& file);
  Result<> drop_membership(std::int64_t email, std::int64_t mailbox);  // the last one takes the email with it
  Result<> drop_email(std::int64_t row);
  Result<> write_keywords(std::int64_t row, const std::vector<std::string>& keywords);
  struct Place {  // one link of a mail's file
    std::int64_t mailbox = 0;
    std::string mailbox_id, folder, file;
  };
  Result<std::vector<Place>> places(std::int64_t email_row);

  std::mutex mutex_;  // held by the owner for a whole request
  Database db_;
  Maildir maildir_;
  OnProblem on_problem_;
  std::string incarnation_;  // of the index file; part of every state
  int depth_ = 0;            // of nested transactions
  struct Reading {
    MaildirStamp stamp;
    std::int64_t again = 0;  // read it again after this (wall clock, nanoseconds), whatever its times say; 0: no need
  };
  std::map<std::string, Reading> readings_;  // by folder, the last complete one
  std::map<std::int64_t, Mailbox> counts_;   // by mailbox row; emptied by every change
  std::set<std::string> reported_;           // folders that on_problem_ heard of
};

// Maildir's flags and JMAP's keywords (RFC 8621 4.1.1). `flags` that are no keyword are kept by keywords_to_flags.
std::vector<std::string> flags_to_keywords(std::string_view flags);
std::string keywords_to_flags(const std::vector<std::string>& keywords, std::string_view old_flags);

}  // namespace genkan::webmail
