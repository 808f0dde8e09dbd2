// The envelope: what SMTP said about a message, apart from the message itself. Plain values; the spool stores them, the
// client repeats them to the next hop, bounces are made from them.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "smtp/command.hpp"

namespace genkan::smtp {

struct Recipient {
  std::string address;  // as the client wrote it, without a source route
  std::string orcpt;    // xtext as it came; empty: none
  std::uint8_t notify = kNotifyUnset;
};

struct Envelope {
  std::string sender;  // empty: the null sender, for which no bounce is ever made
  std::string envid;
  Ret ret = Ret::unset;
  BodyType body = BodyType::seven_bit;
  bool utf8 = false;
  bool require_tls = false;  // RFC 8689: only over verified TLS, or not at all
  std::vector<Recipient> recipients;
};

// Who brought it: for the Received field and for operators.
struct Origin {
  std::string ip;  // as text; empty: made here (bounce, webmail)
  std::string helo;
  std::string protocol = "ESMTP";  // RFC 3848: SMTP, ESMTP, ESMTPS, UTF8SMTP, ...
};

}  // namespace genkan::smtp
