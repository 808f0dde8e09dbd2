// SMTP commands as values: one line without its CRLF in, verb and arguments out. Pure, no state: what is allowed when
// is smtp/session.hpp's business, and so are the reply codes. RFC 5321 4.1.1 (commands), 1870 (SIZE), 6152 (BODY), 6531
// (SMTPUTF8), 3461 (RET, ENVID, NOTIFY, ORCPT), 3030 (BDAT, BINARYMIME), 4954 (AUTH), 8689 (REQUIRETLS).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "smtp/address.hpp"

namespace genkan::smtp {

enum class Verb {
  helo,
  ehlo,
  mail,
  rcpt,
  data,
  bdat,
  rset,
  noop,
  help,
  vrfy,
  expn,
  quit,
  starttls,
  auth,
  lhlo,
  xclient,
  xforward,
  unknown
};

struct CommandView {
  Verb verb = Verb::unknown;
  std::string_view argument;  // after the verb and one space, trailing spaces cut
};

// Longest command line with its CRLF: 512 (RFC 5321 4.5.3.1.4) and for MAIL and RCPT what their parameters add
// (SIZE 26, BODY 17, SMTPUTF8 10, RET and ENVID 118, NOTIFY and ORCPT 528) with room for what we do not know; AUTH with
// its first response, and XCLIENT and XFORWARD, may be as long.
constexpr std::size_t kMaxPlainLine = 512;
constexpr std::size_t kMaxLine = 2048;

CommandView parse_command(std::string_view line) noexcept;
std::size_t line_limit(Verb verb) noexcept;

enum class BodyType : std::uint8_t { seven_bit, eight_bit, binary };
enum class Ret : std::uint8_t { unset, full, headers };

// NOTIFY as a set; unset means what the next hop does by itself: failures and delays (RFC 3461 4.1).
enum Notify : std::uint8_t {
  kNotifyUnset = 0,
  kNotifyNever = 1,
  kNotifySuccess = 2,
  kNotifyFailure = 4,
  kNotifyDelay = 8
};

enum class Fault {
  none,
  syntax,       // not the command's grammar at all
  bad_address,  // a path that breaks the grammar
  address_too_long,
  unknown_parameter,  // 555
  bad_parameter,      // known, but its value is wrong or it stands twice
};

struct MailArguments {
  AddressView from;
  std::optional<std::uint64_t> size;
  BodyType body = BodyType::seven_bit;
  bool utf8 = false;
  bool require_tls = false;
  bool auth = false;  // AUTH=mailbox stood there; who it names does not matter to us
  Ret ret = Ret::unset;
  std::string_view envid;  // xtext, as it came
};

struct RcptArguments {
  AddressView to;
  std::uint8_t notify = kNotifyUnset;
  std::string_view orcpt;  // "addr-type;xtext", as it came
};

struct BdatArguments {
  std::uint64_t size = 0;
  bool last = false;
  bool sized = false;  // `size` was said, whatever is wrong with the rest
};

Fault parse_mail(std::string_view argument, MailArguments& out);
Fault parse_rcpt(std::string_view argument, RcptArguments& out);
Fault parse_bdat(std::string_view argument, BdatArguments& out) noexcept;
bool valid_helo(std::string_view argument) noexcept;  // a domain or an address literal
bool valid_xtext(std::string_view text) noexcept;     // RFC 3461 4
// "user+40example.org" as plain text; controls become "?", because they would end the line that this becomes part of.
std::string decode_xtext(std::string_view text);
std::string encode_xtext(std::string_view text);

}  // namespace genkan::smtp
