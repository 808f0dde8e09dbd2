#include "smtp/delivery/report.hpp"

#include <algorithm>

#include "base/text.hpp"

namespace genkan::smtp {
namespace {

constexpr std::size_t kFullLimit = 64 * 1024;  // content up to here is returned whole unless RET=HDRS
constexpr std::size_t kHeaderLimit = 32 * 1024;

bool has_high(std::string_view text) noexcept {
  return std::any_of(text.begin(), text.end(), [](char c) { return static_cast<unsigned char>(c) >= 0x80; });
}

std::string_view header_of(std::string_view content) noexcept {
  const auto end = content.find("\r\n\r\n");
  auto header = end == std::string_view::npos ? content : content.substr(0, end + 2);
  if (header.size() <= kHeaderLimit) return header;
  const auto cut = header.rfind("\r\n", kHeaderLimit);
  return header.substr(0, cut == std::string_view::npos ? 0 : cut + 2);
}

// Nothing that a peer said may become a line of its own here.
std::string one_line(std::string_view text) {
  std::string line(text);
  for (auto& c : line) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) c = ' ';
  }
  return line;
}

// The header of binary content, which may hold what no line of ours may: a CR or LF alone, NUL.
std::string mended(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const bool crlf = text[i] == '\r' && i + 1 < text.size() && text[i + 1] == '\n';
    if (crlf) {
      out += "\r\n";
      ++i;
    } else {
      out += text[i] == '\r' || text[i] == '\n' || text[i] == '\0' ? ' ' : text[i];
    }
  }
  return out;
}

std::string_view subject_of(ReportKind kind) {
  switch (kind) {
    case ReportKind::failed:
      return "Undelivered mail returned to sender";
    case ReportKind::delayed:
      return "Delayed mail, still being tried";
    case ReportKind::delivered:
      return "Mail delivered";
  }
  return "";
}

std::string_view action_of(const ReportInput& input) {
  switch (input.kind) {
    case ReportKind::failed:
      return "failed";
    case ReportKind::delayed:
      return "delayed";
    case ReportKind::delivered:
      return input.relayed ? "relayed" : "delivered";
  }
  return "";
}

void put_explanation(const ReportInput& input, std::string& out) {
  out += "This is the mail system at " + input.hostname + ".\r\n\r\n";
  switch (input.kind) {
    case ReportKind::failed:
      out += "Your message could not be delivered to:\r\n";
      break;
    case ReportKind::delayed:
      out += "Your message has not been delivered yet. It is still being tried until\r\n" +
             base::rfc5322_date(input.retry_until) + "; you need to do nothing. It waits for:\r\n";
      break;
    case ReportKind::delivered:
      out += "Your message was delivered to:\r\n";
      break;
  }
  for (const auto& one : input.recipients) {
    out += "\r\n  <" + one.recipient.address + ">\r\n";
    if (!one.reply.empty()) out += "      " + one_line(one.reply) + "\r\n";
  }
}

void put_status(const ReportInput& input, std::string& out) {
  out += "Reporting-MTA: dns; " + input.hostname + "\r\n";
  if (!input.envelope->envid.empty()) out += "Original-Envelope-Id: " + decode_xtext(input.envelope->envid) + "\r\n";
  out += "X-Genkan-Queue-Id: " + input.message_id + "\r\n";
  out += "Arrival-Date: " + base::rfc5322_date(input.arrival) + "\r\n";
  for (const auto& one : input.recipients) {
    const auto& orcpt = one.recipient.orcpt;
    const auto semicolon = orcpt.find(';');
    out += "\r\n";
    if (semicolon != std::string::npos) {
      out += "Original-Recipient: " + orcpt.substr(0, semicolon) + "; " + decode_xtext(orcpt.substr(semicolon + 1)) +
             "\r\n";
    }
    out += has_high(one.recipient.address) ? "Final-Recipient: utf-8; " : "Final-Recipient: rfc822; ";
    out += one.recipient.address + "\r\n";
    out += "Action: " + std::string(action_of(input)) + "\r\n";
    out += "Status: " + (one.status.empty() ? status_of_reply(one.reply, input.kind) : one.status) + "\r\n";
    if (!one.reply.empty()) out += "Diagnostic-Code: smtp; " + one_line(one.reply) + "\r\n";
    if (input.kind == ReportKind::delayed) out += "Will-Retry-Until: " + base::rfc5322_date(input.retry_until) + "\r\n";
  }
}

}  // namespace

std::string status_of_reply(std::string_view reply, ReportKind kind) {
  const char wanted = kind == ReportKind::failed ? '5' : kind == ReportKind::delayed ? '4' : '2';
  const auto space = reply.find(' ');
  if (space == 3) {
    const auto rest = reply.substr(4);
    const auto word = rest.substr(0, rest.find(' '));
    const bool form = word.size() >= 5 && word.size() <= 9 && word[0] == wanted && word[1] == '.' &&
                      std::count(word.begin(), word.end(), '.') == 2 && word.back() != '.' &&
                      word.find_first_not_of("0123456789.") == std::string_view::npos &&
                      word.find("..") == std::string_view::npos;
    if (form) return std::string(word);
  }
  if (kind == ReportKind::failed && !reply.empty() && reply.front() == '4') return "5.4.7";  // its time is over
  return std::string(1, wanted) + ".0.0";
}

std::string build_report(const ReportInput& input) {
  const auto boundary = "genkan-" + input.token;
  const bool binary = input.envelope->body == BodyType::binary;
  const bool whole = input.kind == ReportKind::failed && input.envelope->ret != Ret::headers &&
                     input.content.size() <= kFullLimit && !binary;
  const auto header = binary ? mended(header_of(input.content)) : std::string();
  const auto returned = whole ? input.content : binary ? std::string_view(header) : header_of(input.content);
  bool high = has_high(returned) || has_high(input.envelope->sender);
  for (const auto& one : input.recipients) high = high || has_high(one.recipient.address) || has_high(one.reply);
  const std::string encoding = high ? "Content-Transfer-Encoding: 8bit\r\n" : "";
  const bool global = input.envelope->utf8;
  std::string out;
  out.reserve(returned.size() + 2048);
  out += "From: Mail system <MAILER-DAEMON@" + input.hostname + ">\r\n";
  out += "To: <" + input.envelope->sender + ">\r\n";
  out += "Subject: " + std::string(subject_of(input.kind)) + "\r\n";
  out += "Date: " + base::rfc5322_date(input.now) + "\r\n";
  out += "Message-ID: <" + input.token + "@" + input.hostname + ">\r\n";
  out += "Auto-Submitted: auto-replied\r\nMIME-Version: 1.0\r\n";
  out += "Content-Type: multipart/report; report-type=delivery-status;\r\n boundary=\"" + boundary + "\"\r\n" +
         encoding + "\r\n";
  out += "--" + boundary + "\r\nContent-Type: text/plain; charset=utf-8\r\n" + encoding + "\r\n";
  put_explanation(input, out);
  out += "\r\n--" + boundary + "\r\nContent-Type: message/";
  out += global ? "global-delivery-status\r\n" : "delivery-status\r\n";
  out += encoding + "\r\n";
  put_status(input, out);
  out += "\r\n--" + boundary + "\r\nContent-Type: ";
  if (whole)
    out += global ? "message/global" : "message/rfc822";
  else
    out += global ? "message/global-headers" : "text/rfc822-headers";
  out += "\r\n" + encoding + "\r\n";
  out += returned;
  out += "\r\n--" + boundary + "--\r\n";
  return out;
}

}  // namespace genkan::smtp
