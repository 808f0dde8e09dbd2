// XCLIENT and XFORWARD: what a proxy that we trust says about the real client. Pure.
//
// XCLIENT makes the session that client's: address, name and login count as if he had connected himself. XFORWARD only
// says what trace and log should name. Both as Postfix defines them (its XCLIENT_README and XFORWARD_README):
// attributes as name=xtext, "[UNAVAILABLE]" and "[TEMPUNAVAIL]" for what is not known, IPv6 addresses as
// "IPV6:2001:db8::1".
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/address.hpp"
#include "smtp/command.hpp"

namespace genkan::smtp {

// What was said; absent: not mentioned. An empty text: said to be unknown.
struct ClientClaim {
  std::optional<std::string> name, helo, login, ident;
  std::optional<base::IpAddress> addr;
  std::optional<std::uint16_t> port;
  std::optional<bool> esmtp;
};

enum class ClaimKind { xclient, xforward };

// Fault::syntax: not name=value; unknown_parameter; bad_parameter: a value that cannot be.
Fault parse_claim(std::string_view argument, ClaimKind kind, ClientClaim& out);

constexpr std::string_view kXclientOffer = "XCLIENT NAME ADDR PORT PROTO HELO LOGIN DESTADDR DESTPORT";
constexpr std::string_view kXforwardOffer = "XFORWARD NAME ADDR PORT PROTO HELO IDENT SOURCE";

}  // namespace genkan::smtp
