// Local delivery by the users' Sieve scripts (docs/decisions/0013-sieve.md).
//
//   decide ──► redirects? ──► the relay queues them (durable), and calls again
//                         └─► store in every folder ──► vacation answer
//
// Redirects come before the folders, because they can be tried again without anybody seeing it, as long as nothing was
// stored. Once something was stored the delivery has succeeded, and is not repeated.
#include <sys/stat.h>

#include <algorithm>

#include "base/clock.hpp"
#include "base/text.hpp"
#include "smtp/content.hpp"
#include "webmail/delivery.hpp"
#include "webmail/maildir/quota.hpp"
#include "webmail/mime/address.hpp"
#include "webmail/sieve/mail_view.hpp"
#include "webmail/sieve/mailbox.hpp"
#include "webmail/sieve/sorting.hpp"
#include "webmail/sieve/vacation.hpp"

namespace genkan::webmail {

namespace {

constexpr std::string_view kRedirectedFrom = "X-Sieve-Redirected-From";
constexpr std::size_t kMaxHops = 40;                // Received fields of what may still be sent on
constexpr std::size_t kMaxFolders = 1000;           // that scripts may make
constexpr std::size_t kMaxReason = 400;             // of a refusal
constexpr std::uint64_t kRedirectMemory = 604'800;  // seconds; longer than mail waits in the queue

bool folder_exists(const std::string& maildir, const std::string& folder) {
  struct stat status {};
  return folder.empty() || (::stat((maildir + "/" + folder + "/cur").c_str(), &status) == 0 && S_ISDIR(status.st_mode));
}

// Maildir's letters; flags that it has none for are not kept.
std::string letters_of(const std::vector<std::string>& flags) {
  struct Row {
    std::string_view flag;
    char letter;
  };
  std::string out;
  for (const auto& row : {Row{"\\Draft", 'D'}, Row{"\\Flagged", 'F'}, Row{"$Forwarded", 'P'}, Row{"\\Answered", 'R'},
                          Row{"\\Seen", 'S'}, Row{"\\Deleted", 'T'}}) {
    const auto same = [&](const std::string& flag) { return base::iequals(flag, row.flag); };
    if (std::any_of(flags.begin(), flags.end(), same)) out += row.letter;
  }
  return out;
}

std::string refusal_of(std::string_view reason) {
  std::string line;
  for (const char c : reason) {
    const bool blank = static_cast<unsigned char>(c) <= 0x20 || c == 0x7F;
    if (blank && (line.empty() || line.back() == ' ')) continue;
    line += blank ? ' ' : c;
    if (line.size() >= kMaxReason) break;
  }
  return "550 5.7.1 " + (line.empty() ? std::string("the recipient does not take this mail") : line);
}

std::string redirect_key(std::string_view id, const std::string& to) {
  return "redirect " + std::string(id) + " " + base::to_lower(to);
}

}  // namespace

struct Delivery::Sorted {
  const smtp::LocalMessage& message;
  smtp::LocalPlan& plan;
  const conf::SmtpSieve& rules;
  User user;
  Maildir maildir;
  sieve::MailView mail;
  sieve::Outcome outcome;
  std::string prefix;
  std::string done;  // for the log

  void note(std::string why) const { plan.notes.push_back(std::move(why)); }
  void did(const std::string& what) { done += (done.empty() ? "" : ", ") + what; }
};

void Delivery::set_sieve(const conf::SmtpSieve& rules) {
  auto next = std::make_shared<const conf::SmtpSieve>(rules);
  const std::lock_guard lock(mutex_);
  sieve_ = std::move(next);
}

std::shared_ptr<const conf::SmtpSieve> Delivery::sieve() const {
  const std::lock_guard lock(mutex_);
  return sieve_;
}

Result<sieve::Memory*> Delivery::memory() {
  const std::lock_guard lock(mutex_);
  if (!memory_) {
    auto opened = sieve::Memory::open(state_dir_);
    if (!opened) return opened.error();
    memory_ = std::move(*opened);
  }
  return memory_.get();
}

Result<> Delivery::deliver(const smtp::LocalMessage& message, smtp::LocalPlan& plan) {
  auto user = users_.find(message.user);
  if (!user) return user.error();
  const auto rules = sieve();
  static const conf::SmtpSieve kNone = [] {
    conf::SmtpSieve none;
    none.enabled = false;
    return none;
  }();
  Sorted sorted{message,
                plan,
                rules ? *rules : kNone,
                *user,
                Maildir(maildir_path(state_dir_, user->address)),
                sieve::MailView(message.content),
                {},
                {},
                {}};
  sorted.prefix =
      "Return-Path: <" + std::string(message.sender) + ">\r\nDelivered-To: " + std::string(message.recipient) + "\r\n";
  if (sorted.rules.enabled) decide(sorted);
  if (sorted.outcome.reject) {
    plan.refusal = refusal_of(*sorted.outcome.reject);
    if (message.sender.empty()) {  // nobody is there to be told
      plan.refusal.clear();
      plan.reply = "250 2.1.5 refused by the user's script, without a sender";
    }
    return {};
  }
  if (!plan.asked && ask_to_redirect(sorted)) return {};
  plan.redirects.clear();
  if (auto stored = store(sorted); !stored) {
    if (plan.asked) remember_redirects(sorted);
    return stored;
  }
  if (sorted.outcome.vacation) answer(sorted);
  if (sorted.done.empty()) sorted.did("discarded by the user's script");
  plan.reply = "250 2.1.5 " + sorted.done;
  return {};
}

void Delivery::decide(Sorted& sorted) {
  sieve::Limits limits;
  limits.actions = sorted.rules.max_actions;
  limits.redirects = sorted.rules.max_redirects;
  sieve::Input input;
  input.content = sorted.message.content;
  input.sender = sorted.message.sender;
  input.recipient = sorted.message.recipient;
  input.mailbox_exists = [&sorted](const std::string& name) {
    return sieve::valid_mailbox(name) && folder_exists(sorted.maildir.path(), sieve::mailbox_folder(name));
  };
  std::vector<std::string> scripts;
  if (!sorted.rules.before.empty()) scripts.push_back(sorted.rules.before);
  scripts.push_back(sieve::script_path(state_dir_, sorted.user.address));
  auto sorting = sieve::sort_mail(scripts, input, limits, sorted.rules.max_script);
  sorted.outcome = std::move(sorting.outcome);
  if (!sorted.plan.asked) sorted.plan.notes = std::move(sorting.notes);  // the second call finds the same
  auto& outcome = sorted.outcome;
  if (outcome.redirects.empty()) return;
  bool loops = smtp::count_received(sorted.message.content) > kMaxHops;
  for (const auto value : sorted.mail.raw(kRedirectedFrom)) {
    loops = loops || base::iequals(mime::decode_text(value), sorted.user.address);
  }
  if (!loops) return;
  outcome.redirects.clear();
  outcome.implicit_keep = true;
  if (!sorted.plan.asked) sorted.note("it was sent on before and came back: it is kept here");
}

// True: it must be sent on first.
bool Delivery::ask_to_redirect(Sorted& sorted) {
  auto& wanted = sorted.outcome.redirects;
  if (wanted.empty()) return false;
  const auto now = std::chrono::system_clock::to_time_t(WallClock::now());
  for (const auto& to : wanted) {
    auto store = memory();
    const auto known = store ? (*store)->knows(sorted.user.address, redirect_key(sorted.message.id, to), now)
                             : Result<bool>(boost::system::in_place_error, store.error());
    if (!known) sorted.note("sieve.db can not be read: " + known.error().message());
    if (!known || !*known) sorted.plan.redirects.push_back(to);
  }
  sorted.plan.redirect_fields = std::string(kRedirectedFrom) + ": " + sorted.user.address + "\r\n";
  return !sorted.plan.redirects.empty();
}

// The delivery will be tried again; these are not.
void Delivery::remember_redirects(Sorted& sorted) {
  const auto now = std::chrono::system_clock::to_time_t(WallClock::now());
  const auto& failed = sorted.plan.not_redirected;
  for (const auto& to : sorted.outcome.redirects) {
    if (std::find(failed.begin(), failed.end(), to) != failed.end()) continue;
    auto store = memory();
    if (!store) return;
    (void)(*store)->take(sorted.user.address, redirect_key(sorted.message.id, to), now, kRedirectMemory);
  }
}

Result<> Delivery::store_in(Sorted& sorted, const sieve::Store& where) {
  const auto folder = sieve::mailbox_folder(where.mailbox);
  if (!folder_exists(sorted.maildir.path(), folder)) {
    if (!where.create) return Errc::not_found;
    const auto folders = sorted.maildir.folders();
    if (folders && folders->size() >= kMaxFolders) return Errc::too_large;
  }
  const auto room = has_room(sorted.maildir, sorted.prefix.size() + sorted.message.content.size());
  if (!room) return room.error();
  if (!*room) return Errc::exhausted;
  Source source;
  source.prefix = sorted.prefix;
  source.memory = sorted.message.content;
  const auto letters = letters_of(where.flags);
  const auto stored = sorted.maildir.deliver(folder, source, letters.empty(), letters);
  if (!stored) return stored.error();
  sorted.did(folder.empty() ? std::string("delivered") : "filed into " + where.mailbox);
  return {};
}

// An error only when it is nowhere, and should be somewhere.
Result<> Delivery::store(Sorted& sorted) {
  auto& outcome = sorted.outcome;
  for (const auto& to : outcome.redirects) {
    const auto& failed = sorted.plan.not_redirected;
    if (std::find(failed.begin(), failed.end(), to) == failed.end()) sorted.did("sent on to " + to);
  }
  bool keep = outcome.keeps() || !sorted.plan.not_redirected.empty(), stored = false, inbox = false;
  for (const auto& where : outcome.stores) {
    if (auto r = store_in(sorted, where); !r) {
      sorted.note("can not file into '" + where.mailbox + "': " +
                  (r.error() == Errc::not_found ? std::string("there is no such mailbox") : r.error().message()));
      keep = true;
      continue;
    }
    stored = true;
    inbox = inbox || sieve::mailbox_folder(where.mailbox).empty();
  }
  if (keep && !inbox) {
    sieve::Store where;
    where.mailbox = "INBOX";
    where.flags = outcome.keep_flags;
    auto r = store_in(sorted, where);
    if (!r && !stored) return r;
    if (!r) sorted.note("can not deliver to the inbox: " + r.error().message());
    stored = stored || r;
  }
  if (stored && on_delivered_) on_delivered_(sorted.user);
  return {};
}

void Delivery::answer(Sorted& sorted) {
  const auto& wish = *sorted.outcome.vacation;
  sieve::VacationFacts facts;
  facts.user = sorted.user.address;
  facts.name = sorted.user.name;
  facts.sender = sorted.message.sender;
  facts.recipient = sorted.message.recipient;
  if (!sieve::vacation_refusal(wish, facts, sorted.mail).empty()) return;
  const auto least = std::chrono::duration_cast<std::chrono::seconds>(sorted.rules.vacation_min).count();
  const auto seconds = std::max(wish.seconds.value_or(sieve::kVacationSeconds), static_cast<std::uint64_t>(least));
  const auto now = WallClock::now();
  auto store = memory();
  const auto first = store ? (*store)->take(sorted.user.address, "vacation " + sieve::vacation_key(wish, facts.sender),
                                            std::chrono::system_clock::to_time_t(now), seconds)
                           : Result<bool>(boost::system::in_place_error, store.error());
  if (!first) sorted.note("sieve.db can not be written, no answer is sent: " + first.error().message());
  if (!first || !*first) return;
  sorted.plan.answer = sieve::vacation_message(wish, facts, sorted.mail, now);
  sorted.plan.answer_to = facts.sender;
  sorted.did("answered");
}

}  // namespace genkan::webmail
