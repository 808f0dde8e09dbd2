// A message that did not come by SMTP: from webmail, or made by a user's Sieve script.
#pragma once

#include <functional>
#include <string>

#include "base/result.hpp"
#include "net/loop.hpp"
#include "net/task.hpp"
#include "smtp/envelope.hpp"

namespace genkan::smtp {

struct Submission {
  enum class Kind {
    user,      // written by a user of ours: filtered and signed
    answer,    // written by this program for one: signed
    redirect,  // somebody else's, sent on as it is: neither
    report,    // of this node itself, signed already: neither
  };
  Kind kind = Kind::user;
  Envelope envelope;    // with recipients; addresses without angle brackets
  std::string content;  // line ends may be LF: they become CRLF
  std::string client;   // the address of whoever sent it, for Received; may be empty
  std::string user;     // who he is, for the log
};

// On a worker's loop. Durable when it returns the queue id. Errc::malformed: a bad address (`why` says which);
// Errc::refused: no route for a recipient, or an unknown local user; Errc::too_large; Errc::exhausted: no space.
using Submit = std::function<net::Task<Result<std::string>>(net::Loop& loop, Submission submission, std::string* why)>;

}  // namespace genkan::smtp
