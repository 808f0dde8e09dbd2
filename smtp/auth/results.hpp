// Authentication-Results (RFC 8601): what was found, as a field; and which of those that a message came with pretend to
// be ours. Pure.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "smtp/auth/arc.hpp"
#include "smtp/auth/client_auth.hpp"
#include "smtp/auth/dkim.hpp"
#include "smtp/auth/dmarc.hpp"
#include "smtp/auth/header.hpp"

namespace genkan::smtp {

struct AuthFindings {
  ClientAuth client;
  ClientQuestion question;
  bool dkim_asked = false, dmarc_asked = false, arc_asked = false;
  std::vector<DkimResult> dkim;
  DmarcAnswer dmarc;
  ArcAnswer arc;
};

// "mx.example.org;\r\n\tspf=pass ...": what stands behind the name of the field, without the last line end. Every octet
// that comes from outside is one that may stand there.
std::string results_text(std::string_view authserv_id, const AuthFindings& findings);

// The authserv-id of a field's value, lower case; empty: there is none.
std::string authserv_id_of(std::string_view value);
// Whether the field claims to be ours.
bool is_forged(const MailField& field, std::string_view authserv_id);
// The header without fields that claim to be ours. `removed`: how many there were.
std::string without_forged(const MailHeader& header, std::string_view authserv_id, std::size_t* removed);

}  // namespace genkan::smtp
