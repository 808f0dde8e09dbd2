#include "smtp/xclient.hpp"

#include "base/text.hpp"

namespace genkan::smtp {
namespace {

bool unknown(std::string_view value) noexcept {
  return base::iequals(value, "[UNAVAILABLE]") || base::iequals(value, "[TEMPUNAVAIL]");
}

bool is_printable(std::string_view text) noexcept {
  for (const char c : text) {
    const auto u = static_cast<unsigned char>(c);
    if (u <= 0x20 || u == 0x7f) return false;
  }
  return true;
}

bool set_address(std::string_view value, ClientClaim& out) {
  if (base::istarts_with(value, "IPV6:")) value.remove_prefix(5);
  const auto ip = base::IpAddress::parse(value);
  if (!ip) return false;
  out.addr = *ip;
  return true;
}

bool set_port(std::string_view value, ClientClaim& out) {
  const auto port = base::parse_uint(value);
  if (!port || *port > 65'535) return false;
  out.port = static_cast<std::uint16_t>(*port);
  return true;
}

bool set_text(std::string value, std::optional<std::string>& out) {
  if (!is_printable(value) || value.size() > kMaxDomain) return false;
  out = std::move(value);
  return true;
}

Fault set_attribute(std::string_view key, std::string_view text, ClaimKind kind, ClientClaim& out) {
  if (!valid_xtext(text) && !unknown(text)) return Fault::bad_parameter;
  const bool nothing = unknown(text);
  const auto value = nothing ? std::string() : decode_xtext(text);
  const bool client = kind == ClaimKind::xclient;
  bool good = true;
  if (base::iequals(key, "NAME")) {
    good = set_text(value, out.name);
  } else if (base::iequals(key, "ADDR")) {
    good = nothing || set_address(value, out);
  } else if (base::iequals(key, "PORT")) {
    good = nothing || set_port(value, out);
  } else if (base::iequals(key, "PROTO")) {
    good = nothing || base::iequals(value, "SMTP") || base::iequals(value, "ESMTP");
    if (good && !nothing) out.esmtp = base::iequals(value, "ESMTP");
  } else if (base::iequals(key, "HELO")) {
    good = set_text(value, out.helo);
  } else if (client && base::iequals(key, "LOGIN")) {
    good = set_text(value, out.login);
  } else if (!client && base::iequals(key, "IDENT")) {
    good = set_text(value, out.ident);
  } else if (!client && base::iequals(key, "SOURCE")) {
    good = nothing || base::iequals(value, "LOCAL") || base::iequals(value, "REMOTE");
  } else if (client && (base::iequals(key, "DESTADDR") || base::iequals(key, "DESTPORT"))) {
    good = true;  // where the client had connected to: nothing depends on it here
  } else {
    return Fault::unknown_parameter;
  }
  return good ? Fault::none : Fault::bad_parameter;
}

}  // namespace

Fault parse_claim(std::string_view argument, ClaimKind kind, ClientClaim& out) {
  if (argument.empty()) return Fault::syntax;
  for (const auto word : base::split(argument, ' ')) {
    if (word.empty()) continue;
    const auto equals = word.find('=');
    if (equals == std::string_view::npos || equals == 0) return Fault::syntax;
    const auto fault = set_attribute(word.substr(0, equals), word.substr(equals + 1), kind, out);
    if (fault != Fault::none) return fault;
  }
  return Fault::none;
}

}  // namespace genkan::smtp
