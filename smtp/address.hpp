// Mail addresses by the grammar of RFC 5321 4.1.2 and, with UTF-8 in local part and domain, RFC 6531 3.3.
// Views only: what the parser returns points into the text that it was given. An address is kept octet by octet as the
// client wrote it (quotes included), because only the final host may interpret a local part (RFC 5321 2.3.11).
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace genkan::smtp {

constexpr std::size_t kMaxLocalPart = 64;  // RFC 5321 4.5.3.1.1
constexpr std::size_t kMaxDomain = 255;    // 4.5.3.1.2
constexpr std::size_t kMaxPath = 256;      // 4.5.3.1.3, with the angle brackets

struct AddressView {
  std::string_view text;    // local@domain; empty: the null path <>
  std::string_view local;   // quoted when the client quoted it
  std::string_view domain;  // "example.org" or "[192.0.2.1]"; empty in <Postmaster>
  bool non_ascii = false;   // allowed with SMTPUTF8 only

  bool is_null() const noexcept { return text.empty(); }
};

enum class AddressFault { none, syntax, local_too_long, domain_too_long, path_too_long };

// A path at the start of `text`: "<...>" with an optional source route, which is dropped (RFC 5321 4.1.1.3, Appendix
// C). On success `rest` is what follows the ">".
AddressFault parse_path(std::string_view text, AddressView& out, std::string_view& rest);

// local@domain, whole text. Used for what is not an SMTP command: configuration, the command line, submissions.
AddressFault parse_mailbox(std::string_view text, AddressView& out);

bool valid_domain(std::string_view text, bool allow_utf8) noexcept;
bool valid_address_literal(std::string_view text) noexcept;  // with the brackets
bool valid_utf8(std::string_view text) noexcept;

// The part after the last '@' of an address that was parsed before.
std::string_view domain_of(std::string_view address) noexcept;
// The local part without quotes and quoted pairs, lower case, for looking up a user of ours.
std::string local_of(std::string_view address);
// <postmaster> and postmaster@anything, in any case (RFC 5321 4.5.1).
bool is_postmaster(const AddressView& address) noexcept;

}  // namespace genkan::smtp
