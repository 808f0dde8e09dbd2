// room: webmail
// A user's script and a stranger's message: the script is compiled, and what compiles is run over the message. Whatever
// they are: problems have a place inside the script, limits hold, what a script names can be a folder or an address, an
// answer is one message without a line that mail may not have, and a script that goes wrong keeps the mail.
//
// Input: the script, a line "----", the message.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>

#include "smtp/address.hpp"
#include "webmail/mime/charset.hpp"
#include "webmail/mime/parser.hpp"
#include "webmail/sieve/mail_view.hpp"
#include "webmail/sieve/mailbox.hpp"
#include "webmail/sieve/run.hpp"
#include "webmail/sieve/vacation.hpp"

using namespace genkan;
using namespace genkan::webmail;
using namespace genkan::webmail::sieve;

namespace {

void require(bool condition) {
  if (!condition) std::abort();
}

void check_problem(const Problem& problem, std::string_view script) {
  std::size_t lines = 1;
  for (const char c : script) lines += c == '\n';
  require(!problem.text.empty() && problem.place.line >= 1 && problem.place.line <= lines && problem.place.column >= 1);
}

void check_answer(const VacationWish& wish, std::string_view content) {
  const MailView mail(content);
  VacationFacts facts;
  facts.user = "bob@x.example";
  facts.recipient = "bob+list@x.example";
  facts.sender = "ann@y.example";
  (void)vacation_refusal(wish, facts, mail);
  require(vacation_key(wish, facts.sender).size() == 64);
  const auto text = vacation_message(wish, facts, mail, WallTime(std::chrono::seconds(1'000'000'000)));
  std::size_t length = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    require(text[i] != '\0');
    if (text[i] == '\r') {
      require(i + 1 < text.size() && text[i + 1] == '\n' && length <= 998);
      ++i;
      length = 0;
    } else {
      require(text[i] != '\n');
      ++length;
    }
  }
  const auto message = mime::parse(text);
  for (const auto* name : {"bcc", "cc", "sender", "reply-to"}) require(message.root.find(name) == nullptr);
  std::size_t to = 0, from = 0;
  for (const auto& field : message.root.fields) {
    to += field.name == "To";
    from += field.name == "From";
  }
  require(to == 1 && from == 1 && message.root.find("auto-submitted") != nullptr);
}

void check_outcome(const Outcome& outcome, const Limits& limits) {
  require(outcome.stores.size() + outcome.redirects.size() <= limits.actions);
  require(outcome.redirects.size() <= limits.redirects);
  for (const auto& store : outcome.stores) {
    require(valid_mailbox(store.mailbox));
    const auto folder = mailbox_folder(store.mailbox);
    require(folder.find('/') == folder.npos && folder.find("..") == folder.npos && folder.find('\0') == folder.npos);
    require(folder.empty() || folder.front() == '.');
  }
  smtp::AddressView view;
  for (const auto& to : outcome.redirects) require(smtp::parse_mailbox(to, view) == smtp::AddressFault::none);
  if (outcome.error) require(outcome.keeps() && outcome.stores.empty() && outcome.redirects.empty());
  if (outcome.reject) require(!outcome.keeps() && outcome.stores.empty() && outcome.redirects.empty());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  const auto end = input.find("\n----\n");
  const auto script = input.substr(0, end);
  const auto content = end == input.npos ? std::string_view("Subject: x\r\n\r\nx\r\n") : input.substr(end + 6);
  const auto compiled = compile(script);
  if (!compiled.program) {
    check_problem(compiled.problem, script);
    return 0;
  }
  Input in;
  in.content = content;
  in.sender = "ann@y.example";
  in.recipient = "bob+list@x.example";
  in.mailbox_exists = [](const std::string& name) { return name.size() % 2 == 0; };
  Limits limits;
  limits.octets = 1u << 20;
  limits.body = 16 * 1024;
  const auto outcome = run(*compiled.program, in, limits);
  check_outcome(outcome, limits);
  if (outcome.error) check_problem(*outcome.error, script);
  if (outcome.vacation) check_answer(*outcome.vacation, content);
  // A second script takes up what the first one left.
  const auto again = run(*compiled.program, in, limits, outcome.error ? Outcome() : outcome);
  if (!again.error) check_outcome(again, limits);
  return 0;
}
