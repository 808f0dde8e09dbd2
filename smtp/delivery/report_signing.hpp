// DKIM signatures of our own reports (RFC 6376). They come from MAILER-DAEMON@HOSTNAME, so a key signs them whose
// domain is the host's name or one above it, the nearest: that is aligned for DMARC (RFC 7489 3.1.1, relaxed).
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "smtp/auth/dkim.hpp"

namespace genkan::smtp {

// All keys of the nearest domain; none: reports go unsigned.
std::vector<const DkimKey*> report_keys(const std::vector<DkimKey>& keys, std::string_view hostname);

// The fields to put on top of `message`. Slow (RSA): not on a worker.
Result<std::string> report_signatures(const std::vector<const DkimKey*>& keys, std::string_view message,
                                      std::int64_t now_s);

}  // namespace genkan::smtp
