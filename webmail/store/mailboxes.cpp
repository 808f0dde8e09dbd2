// Mailboxes: the Maildir++ folders, their tree, counts and changes.
#include <algorithm>

#include "base/text.hpp"
#include "webmail/mime/charset.hpp"
#include "webmail/store/ids.hpp"
#include "webmail/store/mail_store.hpp"

namespace genkan::webmail {

namespace {

// ".A.B" -> ".A"; ".A" -> "".
std::string parent_folder(const std::string& folder) {
  const auto dot = folder.rfind('.');
  return dot == std::string::npos || dot == 0 ? std::string() : folder.substr(0, dot);
}

// One level of a folder name: '/' and '.' in it don't make levels.
std::string level_folder(const std::string& name) {
  std::string out = folder_from_name(name);
  for (auto at = out.find('.', 1); at != std::string::npos; at = out.find('.', at)) out.replace(at, 1, "&AC8-");
  return out;
}

// The nearest ancestor that exists is the parent; what is between stays in the name.
void place(std::vector<Mailbox>& all) {
  for (auto& box : all) {
    if (box.folder.empty()) {
      box.name = "Inbox";
      continue;
    }
    auto above = parent_folder(box.folder);
    const Mailbox* parent = nullptr;
    while (!above.empty() && !parent) {
      const auto found = std::find_if(all.begin(), all.end(), [&](const Mailbox& b) { return b.folder == above; });
      if (found != all.end()) {
        parent = &*found;
      } else {
        above = parent_folder(above);
      }
    }
    if (parent) box.parent_id = parent->id;
    box.name = name_from_folder(std::string_view(box.folder).substr(above.size()));
  }
}

}  // namespace

Result<std::vector<Mailbox>> MailStore::mailbox_rows() {
  std::vector<Mailbox> out;
  auto query =
      db_.query("SELECT row, id, folder, role, sort_order, subscribed FROM mailbox ORDER BY sort_order, folder");
  while (query.next()) {
    Mailbox box;
    box.row = query.integer(0);
    box.id = query.text(1);
    box.folder = query.text(2);
    box.role = query.text(3);
    box.sort_order = query.integer(4);
    box.subscribed = query.integer(5) != 0;
    out.push_back(std::move(box));
  }
  if (query.failed()) return query.error();
  place(out);
  return out;
}

Result<> MailStore::count(Mailbox& box) {
  if (const auto known = counts_.find(box.row); known != counts_.end()) {
    const auto& k = known->second;
    box.total_emails = k.total_emails;
    box.unread_emails = k.unread_emails;
    box.total_threads = k.total_threads;
    box.unread_threads = k.unread_threads;
    return {};
  }
  auto query = db_.query(
      "SELECT count(*), coalesce(sum(1 - seen), 0), count(DISTINCT thread),"
      " (SELECT count(DISTINCT thread) FROM membership WHERE mailbox = ?1 AND thread IN"
      "   (SELECT thread FROM membership WHERE seen = 0))"
      " FROM membership WHERE mailbox = ?1");
  query.bind(box.row);
  if (query.next()) {
    box.total_emails = query.integer(0);
    box.unread_emails = query.integer(1);
    box.total_threads = query.integer(2);
    box.unread_threads = query.integer(3);
  }
  if (query.failed()) return query.error();
  counts_[box.row] = box;
  return {};
}

Result<std::vector<Mailbox>> MailStore::mailboxes(bool with_counts) {
  auto all = mailbox_rows();
  if (!all || !with_counts) return all;
  for (auto& box : *all) {
    if (auto r = count(box); !r) return r.error();
  }
  return all;
}

Result<Mailbox> MailStore::mailbox_by(const std::string& id) {
  auto all = mailbox_rows();
  if (!all) return all.error();
  for (auto& box : *all) {
    if (box.id == id) return std::move(box);
  }
  return Errc::not_found;
}

Result<Mailbox> MailStore::create_mailbox(const std::string& name, const std::string& parent_id,
                                          std::int64_t sort_order, bool subscribed) {
  std::string folder;
  if (!parent_id.empty()) {
    auto parent = mailbox_by(parent_id);
    if (!parent) return parent.error();
    if (parent->role == "inbox") return Errc::refused;  // Maildir++ has no place for it
    folder = parent->folder;
  }
  folder += level_folder(name);
  if (folder.size() > 240) return Errc::too_large;  // a file name has 255
  auto all = mailbox_rows();
  if (!all) return all.error();
  for (const auto& box : *all) {
    const bool same = box.folder == folder ||
                      (box.parent_id == parent_id && mime::fold_for_search(box.name) == mime::fold_for_search(name));
    if (same) return Errc::conflict;
  }
  if (auto r = maildir_.create(folder); !r) return r.error();
  Transaction transaction(db_, depth_);
  const auto id = random_id('m');
  auto insert = db_.query("INSERT INTO mailbox(id, folder, sort_order, subscribed) VALUES(?, ?, ?, ?)");
  if (auto r = insert.bind_all(id, folder, sort_order, subscribed).run(); !r) return r.error();
  if (auto r = log_change(Kind::mailbox, id, 1); !r) return r.error();
  if (auto r = transaction.commit(); !r) return r.error();
  return mailbox_by(id);
}

Result<> MailStore::change_mailbox(const std::string& id, const std::string& name, const std::string& parent_id,
                                   std::int64_t sort_order, bool subscribed) {
  auto box = mailbox_by(id);
  if (!box) return box.error();
  std::string folder = box->folder;
  if (name != box->name || parent_id != box->parent_id) {
    if (!box->role.empty()) return Errc::refused;
    folder.clear();
    if (!parent_id.empty()) {
      auto parent = mailbox_by(parent_id);
      if (!parent) return parent.error();
      if (parent->role == "inbox" || (parent->folder + ".").starts_with(box->folder + ".")) return Errc::refused;
      folder = parent->folder;
    }
    folder += level_folder(name);
  }
  auto all = mailbox_rows();
  if (!all) return all.error();
  Transaction transaction(db_, depth_);
  if (folder != box->folder) {
    if (folder.size() > 240) return Errc::too_large;
    // The folder and all below it: their names begin with its name.
    for (const auto& other : *all) {
      if (!(other.folder + ".").starts_with(box->folder + ".")) continue;
      const auto target = folder + other.folder.substr(box->folder.size());
      if (auto r = maildir_.rename_folder(other.folder, target); !r) return r;
      auto update = db_.query("UPDATE mailbox SET folder = ? WHERE row = ?");
      if (auto r = update.bind_all(target, other.row).run(); !r) return r;
      if (auto r = log_change(Kind::mailbox, other.id, 2); !r) return r;
      readings_.erase(other.folder);
    }
  }
  auto update = db_.query("UPDATE mailbox SET sort_order = ?, subscribed = ? WHERE row = ?");
  if (auto r = update.bind_all(sort_order, subscribed, box->row).run(); !r) return r;
  if (auto r = log_change(Kind::mailbox, id, 2); !r) return r;
  return transaction.commit();
}

Result<> MailStore::destroy_mailbox(const std::string& id, bool remove_emails) {
  auto box = mailbox_by(id);
  if (!box) return box.error();
  if (!box->role.empty()) return Errc::refused;
  auto all = mailbox_rows();
  if (!all) return all.error();
  for (const auto& other : *all) {
    if (other.parent_id == id) return Errc::conflict;
  }
  std::vector<std::int64_t> inside;
  {
    auto query = db_.query("SELECT email FROM membership WHERE mailbox = ?");
    query.bind(box->row);
    while (query.next()) inside.push_back(query.integer(0));
    if (query.failed()) return query.error();
  }
  if (!inside.empty() && !remove_emails) return Errc::exhausted;
  Transaction transaction(db_, depth_);
  for (const auto email : inside) {
    if (auto r = drop_membership(email, box->row); !r) return r;
  }
  if (auto r = db_.query("DELETE FROM mailbox WHERE row = ?").bind(box->row).run(); !r) return r;
  if (auto r = log_change(Kind::mailbox, id, 3); !r) return r;
  if (auto r = maildir_.remove_folder(box->folder); !r) return r;
  readings_.erase(box->folder);
  return transaction.commit();
}

}  // namespace genkan::webmail
