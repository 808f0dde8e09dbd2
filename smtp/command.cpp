#include "smtp/command.hpp"

#include <array>

#include "base/text.hpp"

namespace genkan::smtp {
namespace {

struct VerbName {
  std::string_view name;
  Verb verb;
};

constexpr std::array kVerbs = {
    VerbName{"MAIL", Verb::mail},       VerbName{"RCPT", Verb::rcpt},         VerbName{"DATA", Verb::data},
    VerbName{"EHLO", Verb::ehlo},       VerbName{"QUIT", Verb::quit},         VerbName{"RSET", Verb::rset},
    VerbName{"BDAT", Verb::bdat},       VerbName{"HELO", Verb::helo},         VerbName{"NOOP", Verb::noop},
    VerbName{"HELP", Verb::help},       VerbName{"VRFY", Verb::vrfy},         VerbName{"EXPN", Verb::expn},
    VerbName{"AUTH", Verb::auth},       VerbName{"LHLO", Verb::lhlo},         VerbName{"STARTTLS", Verb::starttls},
    VerbName{"XCLIENT", Verb::xclient}, VerbName{"XFORWARD", Verb::xforward},
};

bool is_keyword(std::string_view text) noexcept {
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    const bool alnum = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
    if (!alnum && !(c == '-' && i > 0)) return false;
  }
  return !text.empty();
}

// esmtp-value: any character but "=", SP and controls; UTF-8 by RFC 6531.
bool is_value(std::string_view text) noexcept {
  for (const char c : text) {
    const auto u = static_cast<unsigned char>(c);
    if (u <= 0x20 || u == 0x7f || c == '=') return false;
  }
  return !text.empty();
}

std::string_view skip_spaces(std::string_view text) noexcept {
  while (!text.empty() && text.front() == ' ') text.remove_prefix(1);
  return text;
}

// Calls use(keyword, value, has_value) for each " KEY[=value]".
template <class F>
Fault each_parameter(std::string_view text, F use) {
  while (!text.empty()) {
    if (text.front() != ' ') return Fault::syntax;
    text = skip_spaces(text);
    if (text.empty()) return Fault::none;
    const auto end = text.find(' ');
    const auto parameter = text.substr(0, end);
    text = end == std::string_view::npos ? std::string_view() : text.substr(end);
    const auto equals = parameter.find('=');
    const auto key = parameter.substr(0, equals);
    const bool has_value = equals != std::string_view::npos;
    const auto value = has_value ? parameter.substr(equals + 1) : std::string_view();
    if (!is_keyword(key)) return Fault::syntax;
    // ORCPT and ENVID may hold "=" only as xtext, so a second one is an error everywhere.
    if (has_value && !is_value(value)) return Fault::bad_parameter;
    if (const auto fault = use(key, value, has_value); fault != Fault::none) return fault;
  }
  return Fault::none;
}

Fault to_fault(AddressFault fault) noexcept {
  switch (fault) {
    case AddressFault::none:
      return Fault::none;
    case AddressFault::syntax:
      return Fault::bad_address;
    default:
      return Fault::address_too_long;
  }
}

// "FROM:" or "TO:", an optional space that clients add in the wild, then the path.
Fault path_after(std::string_view word, std::string_view argument, AddressView& out, std::string_view& rest) {
  if (!base::istarts_with(argument, word)) return Fault::syntax;
  return to_fault(parse_path(skip_spaces(argument.substr(word.size())), out, rest));
}

Fault parse_notify(std::string_view value, std::uint8_t& out) {
  for (const auto word : base::split(value, ',')) {
    std::uint8_t bit = 0;
    if (base::iequals(word, "NEVER")) bit = kNotifyNever;
    if (base::iequals(word, "SUCCESS")) bit = kNotifySuccess;
    if (base::iequals(word, "FAILURE")) bit = kNotifyFailure;
    if (base::iequals(word, "DELAY")) bit = kNotifyDelay;
    if (bit == 0) return Fault::bad_parameter;
    out |= bit;
  }
  if ((out & kNotifyNever) != 0 && out != kNotifyNever) return Fault::bad_parameter;  // NEVER stands alone
  return Fault::none;
}

Fault mail_parameter(std::string_view key, std::string_view value, bool has_value, MailArguments& out, unsigned& seen) {
  const auto once = [&](unsigned bit) {
    const bool first = (seen & bit) == 0;
    seen |= bit;
    return first;
  };
  if (base::iequals(key, "SIZE")) {
    out.size = base::parse_uint(value);
    return once(1) && out.size && value.size() <= 20 ? Fault::none : Fault::bad_parameter;
  }
  if (base::iequals(key, "BODY")) {
    if (base::iequals(value, "8BITMIME"))
      out.body = BodyType::eight_bit;
    else if (base::iequals(value, "BINARYMIME"))
      out.body = BodyType::binary;
    else if (!base::iequals(value, "7BIT"))
      return Fault::bad_parameter;
    return once(2) ? Fault::none : Fault::bad_parameter;
  }
  if (base::iequals(key, "SMTPUTF8")) {
    out.utf8 = true;
    return once(4) && !has_value ? Fault::none : Fault::bad_parameter;
  }
  if (base::iequals(key, "RET")) {
    if (base::iequals(value, "FULL"))
      out.ret = Ret::full;
    else if (base::iequals(value, "HDRS"))
      out.ret = Ret::headers;
    else
      return Fault::bad_parameter;
    return once(8) ? Fault::none : Fault::bad_parameter;
  }
  if (base::iequals(key, "ENVID")) {
    out.envid = value;
    return once(16) && !value.empty() && value.size() <= 100 && valid_xtext(value) ? Fault::none : Fault::bad_parameter;
  }
  if (base::iequals(key, "REQUIRETLS")) {
    out.require_tls = true;
    return once(32) && !has_value ? Fault::none : Fault::bad_parameter;
  }
  if (base::iequals(key, "AUTH")) {
    out.auth = true;
    const bool good = value == "<>" || (!value.empty() && valid_xtext(value));
    return once(64) && good ? Fault::none : Fault::bad_parameter;
  }
  return Fault::unknown_parameter;
}

Fault rcpt_parameter(std::string_view key, std::string_view value, RcptArguments& out, unsigned& seen) {
  const auto once = [&](unsigned bit) {
    const bool first = (seen & bit) == 0;
    seen |= bit;
    return first;
  };
  if (base::iequals(key, "NOTIFY")) return once(1) ? parse_notify(value, out.notify) : Fault::bad_parameter;
  if (base::iequals(key, "ORCPT")) {
    out.orcpt = value;
    const auto semicolon = value.find(';');
    if (!once(2) || value.size() > 500 || semicolon == 0 || semicolon == std::string_view::npos)
      return Fault::bad_parameter;
    const bool utf8_type = base::iequals(value.substr(0, semicolon), "utf-8");
    const auto address = value.substr(semicolon + 1);
    const bool good = utf8_type ? valid_utf8(address) : valid_xtext(address);
    return good && !address.empty() && is_keyword(value.substr(0, semicolon)) ? Fault::none : Fault::bad_parameter;
  }
  return Fault::unknown_parameter;
}

}  // namespace

CommandView parse_command(std::string_view line) noexcept {
  while (!line.empty() && (line.back() == ' ' || line.back() == '\t')) line.remove_suffix(1);
  const auto space = line.find(' ');
  const auto word = line.substr(0, space);
  CommandView command;
  for (const auto& row : kVerbs) {
    if (base::iequals(word, row.name)) {
      command.verb = row.verb;
      break;
    }
  }
  if (space != std::string_view::npos) command.argument = skip_spaces(line.substr(space));
  return command;
}

std::size_t line_limit(Verb verb) noexcept {
  switch (verb) {
    case Verb::mail:
    case Verb::rcpt:
    case Verb::auth:
    case Verb::xclient:
    case Verb::xforward:
      return kMaxLine;
    default:
      return kMaxPlainLine;
  }
}

Fault parse_mail(std::string_view argument, MailArguments& out) {
  std::string_view rest;
  if (const auto fault = path_after("FROM:", argument, out.from, rest); fault != Fault::none) return fault;
  unsigned seen = 0;
  return each_parameter(rest, [&](std::string_view key, std::string_view value, bool has_value) {
    return mail_parameter(key, value, has_value, out, seen);
  });
}

Fault parse_rcpt(std::string_view argument, RcptArguments& out) {
  std::string_view rest;
  if (const auto fault = path_after("TO:", argument, out.to, rest); fault != Fault::none) return fault;
  if (out.to.is_null()) return Fault::bad_address;  // a recipient is never null
  unsigned seen = 0;
  return each_parameter(
      rest, [&](std::string_view key, std::string_view value, bool) { return rcpt_parameter(key, value, out, seen); });
}

Fault parse_bdat(std::string_view argument, BdatArguments& out) noexcept {
  const auto space = argument.find(' ');
  const auto number = argument.substr(0, space);
  const auto size = base::parse_uint(number);
  if (!size || number.size() > 19) return Fault::syntax;
  out.size = *size;
  out.sized = true;
  if (space == std::string_view::npos) return Fault::none;
  out.last = true;
  return base::iequals(skip_spaces(argument.substr(space)), "LAST") ? Fault::none : Fault::syntax;
}

bool valid_helo(std::string_view argument) noexcept {
  if (!argument.empty() && argument.front() == '[') return valid_address_literal(argument);
  if (!argument.empty() && argument.back() == '.') argument.remove_suffix(1);
  return valid_domain(argument, true) && valid_utf8(argument);
}

bool valid_xtext(std::string_view text) noexcept {
  const auto is_hex = [](char c) { return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'F'); };
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (c < '!' || c > '~' || c == '=') return false;
    if (c == '+') {
      if (i + 2 >= text.size() || !is_hex(text[i + 1]) || !is_hex(text[i + 2])) return false;
      i += 2;
    }
  }
  return true;
}

std::string decode_xtext(std::string_view text) {
  std::string plain;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '+' && i + 2 < text.size()) {
      const auto octet = base::parse_hex(text.substr(i + 1, 2)).value_or('?');
      plain += octet < 0x20 || octet == 0x7f ? '?' : static_cast<char>(octet);
      i += 2;
    } else {
      plain += text[i];
    }
  }
  return plain;
}

std::string encode_xtext(std::string_view text) {
  constexpr char kHex[] = "0123456789ABCDEF";
  std::string out;
  for (const char c : text) {
    const auto u = static_cast<unsigned char>(c);
    if (c >= '!' && c <= '~' && c != '+' && c != '=') {
      out += c;
    } else {
      out += '+';
      out += kHex[u >> 4];
      out += kHex[u & 15];
    }
  }
  return out;
}

}  // namespace genkan::smtp
