// What this room needs to know of local mailboxes: functions that app hands in. They block and run on the offload
// pool.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"

namespace genkan::smtp {

// Views hold during the call only.
struct LocalMessage {
  std::string_view user;       // whose mailbox: "name@domain" in lower case, unquoted
  std::string_view recipient;  // the address as the client wrote it
  std::string_view sender;     // for Return-Path; empty: <>
  std::string_view id;         // ours, for the log
  std::string_view content;    // with CRLF line ends and our Received field
};

// How far the delivery of one message to one mailbox is, and what else comes of it. A user's script may want the
// message sent on: then the first call returns with `redirects` and has delivered nothing; the second one, with
// `asked`, is told what became of them.
struct LocalPlan {
  std::vector<std::string> redirects;
  std::string redirect_fields;  // to put on top of what is sent on
  bool asked = false;
  std::vector<std::string> not_redirected;  // nobody takes mail for these
  std::string refusal;                      // "550 5.7.1 ...": it goes back to its sender, nothing was delivered
  std::string answer, answer_to;            // a message to send from the null sender, after the delivery
  std::string reply;                        // what was done, for the log; empty: delivered
  std::vector<std::string> notes;           // what went wrong with scripts, for the log
};

// Durable when it returns, unless it returns with redirects. Errc::not_found: no such user (5.1.1); Errc::exhausted:
// over quota (4.2.2, tried again); every other error: tried again.
using DeliverLocal = std::function<Result<void>(const LocalMessage&, LocalPlan&)>;

// The account ("name@domain", lower case) that this name and password open; Errc::refused: none.
using CheckLogin = std::function<Result<std::string>(const std::string& user, const std::string& password)>;

// Whether "name@domain" (lower case) has a mailbox here.
using UserExists = std::function<Result<bool>(const std::string& user)>;

// Whether that mailbox takes nothing more.
using MailboxFull = std::function<Result<bool>(const std::string& user)>;

}  // namespace genkan::smtp
