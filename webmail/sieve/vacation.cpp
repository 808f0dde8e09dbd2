#include "webmail/sieve/vacation.hpp"

#include <algorithm>
#include <array>

#include "base/crypto.hpp"
#include "base/text.hpp"
#include "webmail/mime/address.hpp"
#include "webmail/mime/builder.hpp"
#include "webmail/mime/charset.hpp"

namespace genkan::webmail::sieve {

namespace {

constexpr std::size_t kMaxReferences = 20;
constexpr std::size_t kMaxSubject = 250;

bool is_robot(std::string_view address) {
  const auto local = base::to_lower(address.substr(0, address.rfind('@')));
  constexpr std::array<std::string_view, 5> kNames = {"mailer-daemon", "listserv", "majordomo", "postmaster-daemon",
                                                      "mailerdaemon"};
  return std::find(kNames.begin(), kNames.end(), local) != kNames.end() || local.starts_with("owner-") ||
         local.ends_with("-owner") || local.ends_with("-request") || local.ends_with("-bounces");
}

bool has_word(std::string_view list, std::string_view word) {
  bool found = false;
  base::each_in_list(list, [&](std::string_view one) { found = found || base::iequals(one, word); });
  return found;
}

bool is_own(std::string_view address, const VacationWish& wish, const VacationFacts& facts) {
  return base::iequals(address, facts.user) || base::iequals(address, facts.recipient) ||
         std::any_of(wish.addresses.begin(), wish.addresses.end(),
                     [&](const std::string& own) { return base::iequals(address, own); });
}

bool names_user(const VacationWish& wish, const VacationFacts& facts, const MailView& mail) {
  for (const auto* name : {"to", "cc", "bcc", "resent-to", "resent-cc", "resent-bcc"}) {
    for (const auto value : mail.raw(name)) {
      for (const auto& address : mime::parse_addresses(value)) {
        if (is_own(address.email, wish, facts)) return true;
      }
    }
  }
  return false;
}

std::string subject_of(const VacationWish& wish, const MailView& mail) {
  auto subject = wish.subject.value_or("");
  if (!wish.subject) {
    const auto original = mail.first("subject");
    subject = original.empty() ? "Automated reply" : "Auto: " + original;
  }
  return std::string(mime::utf8_prefix(subject, kMaxSubject));
}

// A line end is CRLF, nothing else that could end a line or the message is left, and no line is too long.
std::string mail_lines(std::string_view text) {
  constexpr std::size_t kLine = 990;
  std::string out;
  std::size_t length = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (c == '\r' && i + 1 < text.size() && text[i + 1] == '\n') continue;
    if (c == '\n' || length >= kLine) {
      out += "\r\n";
      length = 0;
    }
    if (c == '\n' || c == '\r' || c == '\0') continue;
    out += c;
    ++length;
  }
  if (length > 0) out += "\r\n";
  return out;
}

// Of the script's own MIME entity: its Content-* fields, an empty line, its body.
std::string own_entity(std::string_view reason) {
  const auto text = mail_lines(reason);
  const auto entity = mime::parse(text);
  std::string out;
  for (const auto& field : entity.root.fields) {
    if (base::istarts_with(field.name, "content-"))
      out += field.name + ":" + std::string(field.value.in(text)) + "\r\n";
  }
  return out + "\r\n" + text.substr(entity.root.body.offset);
}

}  // namespace

std::string_view vacation_refusal(const VacationWish& wish, const VacationFacts& facts, const MailView& mail) {
  if (facts.sender.empty()) return "it has no sender";
  if (is_own(facts.sender, wish, facts)) return "the user sent it himself";
  if (is_robot(facts.sender)) return "its sender is no person";
  for (const auto& field : mail.fields()) {
    if (base::istarts_with(field.name, "list-")) return "it is from a mailing list";
  }
  for (const auto value : mail.raw("auto-submitted")) {
    const auto word = mime::parse_parameters(value).value;
    if (!base::iequals(word, "no")) return "it was made by a program";
  }
  const auto precedence = mail.first("precedence");
  for (const auto* word : {"bulk", "list", "junk"}) {
    if (base::iequals(precedence, word)) return "it is bulk mail";
  }
  const auto suppress = mail.first("x-auto-response-suppress");
  if (has_word(suppress, "all") || has_word(suppress, "oof")) return "it asks for no automatic answer";
  if (!names_user(wish, facts, mail)) return "it does not name the user among its recipients";
  return {};
}

std::string vacation_key(const VacationWish& wish, std::string_view sender) {
  std::string what = wish.handle;
  if (what.empty()) {
    what = wish.reason + '\0' + wish.subject.value_or("") + '\0' + wish.from.value_or("") + (wish.mime ? "\1" : "\0");
  }
  const auto digest = base::sha256(what + '\0' + base::to_lower(sender));
  return base::hex(std::string_view(reinterpret_cast<const char*>(digest.data()), digest.size()));
}

std::string vacation_message(const VacationWish& wish, const VacationFacts& facts, const MailView& mail, WallTime now) {
  mime::Draft draft;
  if (wish.from) {
    draft.from.push_back({"", *wish.from});
  } else {
    draft.from.push_back({std::string(facts.name), std::string(facts.user)});
  }
  draft.to.push_back({"", std::string(facts.sender)});
  draft.subject = subject_of(wish, mail);
  draft.date = std::chrono::duration_cast<std::chrono::seconds>(now.time_since_epoch()).count();
  const auto ids = [&](const char* name) {
    const auto raw = mail.raw(name);
    return raw.empty() ? std::vector<std::string>() : mime::parse_message_ids(raw.front());
  };
  auto own = ids("message-id");
  if (own.size() > 1) own.resize(1);
  draft.in_reply_to = own;
  auto references = ids("references");
  if (references.size() > kMaxReferences) references.erase(references.begin(), references.end() - kMaxReferences);
  references.insert(references.end(), own.begin(), own.end());
  draft.references = std::move(references);
  draft.extra.emplace_back("Auto-Submitted", "auto-replied (vacation)");
  draft.extra.emplace_back("X-Auto-Response-Suppress", "All");
  draft.body.bytes = wish.mime ? "" : wish.reason;
  auto text = mime::build_message(draft);
  if (!wish.mime) return text;
  // Its header, but for what the script's entity says itself.
  const auto parsed = mime::parse(text);
  std::string out;
  for (const auto& field : parsed.root.fields) {
    if (!base::istarts_with(field.name, "content-"))
      out += field.name + ":" + std::string(field.value.in(text)) + "\r\n";
  }
  return out + own_entity(wish.reason);
}

}  // namespace genkan::webmail::sieve
