// Delivery status notifications: "undeliverable", "delayed" and "delivered" messages as multipart/report. Pure text.
// RFC 3464 (message/delivery-status), 6522 (multipart/report), 3461 (whom, original recipient), 6533 (UTF-8 addresses),
// 3834 (Auto-Submitted). The report itself has the null sender, so that it can cause no other.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "smtp/delivery/settle.hpp"
#include "smtp/envelope.hpp"

namespace genkan::smtp {

struct ReportRecipient {
  Recipient recipient;
  std::string status;  // "5.1.1"; empty: taken from the reply, or the general one of the kind
  std::string reply;   // what the next hop said, or our own words
};

struct ReportInput {
  ReportKind kind = ReportKind::failed;
  std::string hostname;
  std::string token;       // random: for the boundary and the Message-ID
  std::string message_id;  // ours, of the message that this is about
  const Envelope* envelope = nullptr;
  WallTime arrival{}, now{}, retry_until{};
  bool relayed = false;  // with ReportKind::delivered: handed to a host that reports no further
  std::vector<ReportRecipient> recipients;
  std::string_view content;  // of the message; the header or all of it is returned
};

std::string build_report(const ReportInput& input);

// The enhanced status code in "550 5.1.1 text", or the general one for the reply's class.
std::string status_of_reply(std::string_view reply, ReportKind kind);

}  // namespace genkan::smtp
