// What this room needs to know of local mailboxes: functions that app hands in. They block and run on the offload
// pool.
#pragma once

#include <functional>
#include <string>
#include <string_view>

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

// Durable when it returns. Errc::not_found: no such user (5.1.1); Errc::exhausted: over quota (4.2.2, tried again);
// every other error: tried again.
using DeliverLocal = std::function<Result<void>(const LocalMessage&)>;

// The account ("name@domain", lower case) that this name and password open; Errc::refused: none.
using CheckLogin = std::function<Result<std::string>(const std::string& user, const std::string& password)>;

// Whether "name@domain" (lower case) has a mailbox here.
using UserExists = std::function<Result<bool>(const std::string& user)>;

// Whether that mailbox takes nothing more.
using MailboxFull = std::function<Result<bool>(const std::string& user)>;

}  // namespace genkan::smtp
