#include "smtp/delivery/report.hpp"

#include <algorithm>

#include "base/text.hpp"

namespace genkan::smtp {
namespace {

constexpr std::size_t kFullLimit = 64 * 1024;  // content up to here is returned whole unless RET=HDRS
constexpr std::size_t kHeaderLimit = 32 * 1024;
constexpr std::size_t kMaxLineText = 998;  // RFC 5322 2.1.1, without CRLF
constexpr std::size_t kLongest = 900;      // of a stranger's text in a line of ours

bool has_high(std::string_view text) noexcept {
  return std::any_of(text.begin(), text.end(), [](char c) { return static_cast<unsigned char>(c) >= 0x80; });
}

std::string_view header_of(std::string_view content) noexcept {
  if (content.starts_with("\r\n")) return {};
  const auto end = content.find("\r\n\r\n");
  auto header = end == std::string_view::npos ? content : content.substr(0, end + 2);
  if (header.size() <= kHeaderLimit) return header;
  const auto cut = header.rfind("\r\n", kHeaderLimit);
  return header.substr(0, cut == std::string_view::npos ? 0 : cut + 2);
}

// The character at `at`: its octets, or 0 where there is none in valid UTF-8.
std::size_t character_at(std::string_view text, std::size_t at) noexcept {
  const auto c = static_cast<unsigned char>(text[at]);
  const std::size_t length = c < 0x80 ? 1 : c < 0xe0 ? 2 : c < 0xf0 ? 3 : 4;
  return valid_utf8(text.substr(at, length)) ? length : 0;
}

// Nothing that a peer said may become a line of its own here, be longer than a line may be, or break the charset.
std::string one_line(std::string_view text) {
  std::string line;
  for (std::size_t i = 0; i < text.size() && line.size() < kLongest;) {
    const auto length = character_at(text, i);
    if (length == 1) {
      const auto c = static_cast<unsigned char>(text[i]);
      line += c < 0x20 || c == 0x7f ? ' ' : text[i];
    } else if (length == 0) {
      line += '?';
    } else {
      line += text.substr(i, length);
    }
    i += std::max<std::size_t>(length, 1);
  }
  return line;
}

// As one_line(), for fields that are US-ASCII unless the report is in UTF-8 (RFC 6533 3): "\x{E9}" for the rest.
std::string field_text(std::string_view text, bool global) {
  auto line = one_line(text);
  if (global || !has_high(line)) return line;
  std::string out;
  for (std::size_t i = 0; i < line.size() && out.size() < kLongest;) {
    const auto length = character_at(line, i);
    if (length == 1) {
      out += line[i];
    } else {
      auto value = static_cast<unsigned char>(line[i]) & (0x7fu >> length);
      for (std::size_t k = 1; k < length; ++k) value = value << 6 | (static_cast<unsigned char>(line[i + k]) & 0x3fu);
      std::string hex;
      for (; value != 0; value >>= 4) hex.insert(hex.begin(), "0123456789ABCDEF"[value & 15]);
      out += "\\x{" + hex + "}";
    }
    i += length;
  }
  return out;
}

// Whether some line is longer than mail may have, or ends in anything but CRLF.
bool broken_lines(std::string_view text) noexcept {
  std::size_t start = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\0' || text[i] == '\n') return true;
    if (text[i] != '\r') continue;
    if (i + 1 == text.size() || text[i + 1] != '\n' || i - start > kMaxLineText) return true;
    start = ++i + 1;
  }
  return text.size() - start > kMaxLineText;
}

// A header that may hold what no line of ours may: a CR or LF alone, NUL (binary content), lines without end.
std::string mended(std::string_view text) {
  std::string out;
  std::size_t length = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const bool crlf = text[i] == '\r' && i + 1 < text.size() && text[i + 1] == '\n';
    if (crlf) {
      out += "\r\n";
      ++i;
      length = 0;
      continue;
    }
    if (length++ >= kMaxLineText) continue;  // the rest of the line is left out
    out += text[i] == '\r' || text[i] == '\n' || text[i] == '\0' ? ' ' : text[i];
  }
  if (!out.empty() && !out.ends_with("\r\n")) out += "\r\n";
  return out;
}

// One that stands nowhere in what is returned: the sender of that message may have had reports from us before.
std::string free_boundary(const std::string& token, std::string_view text, std::string_view returned) {
  auto boundary = "genkan-" + token;
  for (unsigned n = 0;
       text.find(boundary) != std::string_view::npos || returned.find(boundary) != std::string_view::npos; ++n)
    boundary = "genkan-" + token + "-" + std::to_string(n);
  return boundary;
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
  const bool global = input.envelope->utf8;
  out += "Reporting-MTA: dns; " + input.hostname + "\r\n";
  if (!input.envelope->envid.empty())
    out += "Original-Envelope-Id: " + field_text(decode_xtext(input.envelope->envid), global) + "\r\n";
  out += "X-Genkan-Queue-Id: " + input.message_id + "\r\n";
  out += "Arrival-Date: " + base::rfc5322_date(input.arrival) + "\r\n";
  for (const auto& one : input.recipients) {
    const auto& orcpt = one.recipient.orcpt;
    const auto semicolon = orcpt.find(';');
    out += "\r\n";
    if (semicolon != std::string::npos) {
      // An address in UTF-8 is no xtext (RFC 6533 3).
      const bool utf8 = base::iequals(std::string_view(orcpt).substr(0, semicolon), "utf-8");
      const auto address = orcpt.substr(semicolon + 1);
      out += "Original-Recipient: " + orcpt.substr(0, semicolon) + "; ";
      out += field_text(utf8 ? address : decode_xtext(address), global) + "\r\n";
    }
    out += has_high(one.recipient.address) ? "Final-Recipient: utf-8; " : "Final-Recipient: rfc822; ";
    out += field_text(one.recipient.address, global) + "\r\n";
    out += "Action: " + std::string(action_of(input)) + "\r\n";
    out += "Status: " + (one.status.empty() ? status_of_reply(one.reply, input.kind) : one.status) + "\r\n";
    if (!one.reply.empty()) out += "Diagnostic-Code: smtp; " + field_text(one.reply, global) + "\r\n";
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
  const bool broken =
      input.envelope->body == BodyType::binary || input.content.size() > kFullLimit || broken_lines(input.content);
  const bool whole = input.kind == ReportKind::failed && input.envelope->ret != Ret::headers && !broken;
  const auto header = header_of(input.content);
  const bool mend = !whole && broken_lines(header);
  const auto mended_header = mend ? mended(header) : std::string();
  const auto returned = whole ? input.content : mend ? std::string_view(mended_header) : header;
  std::string explanation, status;
  put_explanation(input, explanation);
  put_status(input, status);
  const auto boundary = free_boundary(input.token, explanation + status, returned);
  const auto encoding = [](bool high) { return high ? "Content-Transfer-Encoding: 8bit\r\n" : ""; };
  const bool global = input.envelope->utf8;
  const bool high = has_high(returned) || has_high(explanation) || has_high(status);
  std::string out;
  out.reserve(returned.size() + 2048);
  out += "From: Mail system <MAILER-DAEMON@" + input.hostname + ">\r\n";
  out += "To: <" + input.envelope->sender + ">\r\n";
  out += "Subject: " + std::string(subject_of(input.kind)) + "\r\n";
  out += "Date: " + base::rfc5322_date(input.now) + "\r\n";
  out += "Message-ID: <" + input.token + "@" + input.hostname + ">\r\n";
  out += "Auto-Submitted: auto-replied\r\nMIME-Version: 1.0\r\n";
  out += "Content-Type: multipart/report; report-type=delivery-status;\r\n boundary=\"" + boundary + "\"\r\n";
  out += encoding(high);
  out += "\r\n--" + boundary + "\r\nContent-Type: text/plain; charset=utf-8\r\n";
  out += encoding(has_high(explanation));
  out += "\r\n" + explanation;
  out += "\r\n--" + boundary + "\r\nContent-Type: message/";
  out += global ? "global-delivery-status\r\n" : "delivery-status\r\n";
  out += encoding(has_high(status));
  out += "\r\n" + status;
  out += "\r\n--" + boundary + "\r\nContent-Type: ";
  if (whole)
    out += global ? "message/global" : "message/rfc822";
  else
    out += global ? "message/global-headers" : "text/rfc822-headers";
  out += "\r\n";
  out += encoding(has_high(returned));
  out += "\r\n";
  out += returned;
  out += "\r\n--" + boundary + "--\r\n";
  return out;
}

}  // namespace genkan::smtp
