// room: webmail
// Reports about mail of strangers: their commands (MAIL, RCPT with ENVID, ORCPT, UTF-8 addresses), what a far server
// answered, and their message, which is returned. Whatever they hold, the report is three parts and no more, its lines
// end in CRLF and are no longer than RFC 5322 allows, and the status part reads as fields that we wrote.
//
// Input: lines, told apart by their first octet: M and R arguments of commands, A the next hop's answer for the last
// recipient, S a status, F flags; C: the rest is the message.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <set>
#include <string>

#include "base/text.hpp"
#include "smtp/content.hpp"
#include "smtp/delivery/report.hpp"
#include "webmail/mime/charset.hpp"
#include "webmail/mime/parser.hpp"

using namespace genkan;
using namespace genkan::smtp;
namespace mime = genkan::webmail::mime;

namespace {

void require(bool condition) {
  if (!condition) std::abort();
}

struct Input {
  Envelope envelope;
  ReportInput report;
};

void read_mail(std::string_view argument, Envelope& envelope) {
  MailArguments mail;
  if (parse_mail(argument, mail) != Fault::none) return;
  if (mail.from.non_ascii && !mail.utf8) return;  // as the server does
  envelope.sender = mail.from.text;
  envelope.envid = mail.envid;
  envelope.utf8 = mail.utf8;
  envelope.body = mail.body;
  envelope.ret = mail.ret;
}

void read_rcpt(std::string_view argument, Input& in) {
  RcptArguments rcpt;
  if (parse_rcpt(argument, rcpt) != Fault::none || in.report.recipients.size() >= 20) return;
  ReportRecipient row;
  row.recipient.address = rcpt.to.text;
  row.recipient.orcpt = rcpt.orcpt;
  in.report.recipients.push_back(std::move(row));
}

void read_input(std::string_view text, Input& in) {
  while (!text.empty()) {
    if (text.front() == 'C') {
      in.report.content = text.substr(1);
      return;
    }
    const auto line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(text.size(), line.size() + 1));
    if (line.empty()) continue;
    const auto rest = line.substr(1);
    if (line.front() == 'M') read_mail(rest, in.envelope);
    if (line.front() == 'R') read_rcpt(rest, in);
    if (line.front() == 'A' && !in.report.recipients.empty()) in.report.recipients.back().reply = rest;
    if (line.front() == 'F' && !rest.empty()) {
      in.report.kind = static_cast<ReportKind>(static_cast<unsigned char>(rest[0]) % 3);
      in.report.relayed = rest.size() > 1;
    }
  }
}

void check_lines(std::string_view text) {
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
  require(length == 0);
}

// Groups of fields with an empty line between them; only names of ours.
void check_status(std::string_view status, const Input& in) {
  static const std::set<std::string, std::less<>> kNames = {
      "reporting-mta", "original-envelope-id", "x-genkan-queue-id", "arrival-date", "original-recipient",
      "action",        "final-recipient",      "will-retry-until",  "status",       "diagnostic-code"};
  std::size_t groups = 1, finals = 0;
  bool empty = false;
  while (!status.empty()) {
    const auto end = status.find("\r\n");
    require(end != status.npos);
    const auto line = status.substr(0, end);
    status.remove_prefix(end + 2);
    if (line.empty()) {
      require(!empty);
      ++groups;
      empty = true;
      continue;
    }
    empty = false;
    if (line.front() == ' ') continue;  // folded
    const auto colon = line.find(": ");
    require(colon != line.npos && kNames.contains(base::to_lower(line.substr(0, colon))));
    finals += base::istarts_with(line, "final-recipient:");
    if (!in.envelope.utf8) {  // message/delivery-status is US-ASCII
      for (const char c : line) require(static_cast<unsigned char>(c) < 0x80);
    }
    require(mime::valid_utf8(line));
  }
  require(groups == in.report.recipients.size() + 1 && finals == in.report.recipients.size());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Input in;
  in.envelope.sender = "s@client.example";
  in.report.hostname = "mx.example";
  in.report.token = "tok";
  in.report.message_id = "abc";
  in.report.envelope = &in.envelope;
  read_input({reinterpret_cast<const char*>(data), size}, in);
  if (in.report.recipients.empty()) return 0;
  // Content is never taken with a CR or LF alone in it, but for BINARYMIME.
  std::string content;
  if (in.envelope.body != BodyType::binary) {
    ContentReader reader(ContentReader::Framing::chunks, BareNewline::mend, 1u << 20);
    reader.feed(in.report.content, content);
    reader.finish_chunks(content);
    in.report.content = content;
  }
  const auto text = build_report(in.report);
  check_lines(text);
  const auto message = mime::parse(text);
  require(message.root.type == "multipart/report" && message.root.children.size() == 3);
  require(message.root.fields.size() <= 9);
  const auto& parts = message.root.children;
  const auto& global = in.envelope.utf8;
  require(parts[0].type == "text/plain" && mime::valid_utf8(parts[0].body.in(text)));
  require(parts[1].type == (global ? "message/global-delivery-status" : "message/delivery-status"));
  require(parts[2].type.ends_with(global ? "global" : "rfc822") || parts[2].type.ends_with("headers"));
  check_status(parts[1].body.in(text), in);
  if (!parts[2].type.ends_with("headers")) require(parts[2].body.in(text) == in.report.content);
  const std::string boundary = "--" + std::string(message.root.type_parameters.find("boundary"));
  std::size_t found = 0;
  for (auto at = text.find(boundary); at != text.npos; at = text.find(boundary, at + 1)) ++found;
  require(found == 4);
  return 0;
}
