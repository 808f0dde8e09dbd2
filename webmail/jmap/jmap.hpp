// JMAP (RFC 8620, RFC 8621) as a function: an account and the text of a request in, the text of a response out. No HTTP
// here. Blocks on the disk.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "webmail/jmap/blobs.hpp"
#include "webmail/store/mail_store.hpp"
#include "webmail/users/users.hpp"

namespace genkan::webmail {

struct Envelope {
  std::string from;
  std::vector<std::string> to;
};
// Hands a message to the queue; when it returns without error the message is on the disk. Returns the queue's id.
using Submit = std::function<Result<std::string>(const Envelope& envelope, std::string_view message)>;

namespace jmap {

struct Limits {
  std::uint64_t max_size_upload = 50u << 20;
  std::uint64_t max_size_request = 10u << 20;
  std::uint64_t max_concurrent_upload = 4;
  std::uint64_t max_concurrent_requests = 8;
  std::size_t max_calls = 32;
  std::size_t max_objects_in_get = 1000;
  std::size_t max_objects_in_set = 1000;
  std::uint64_t max_attachments = 50u << 20;  // of one email, decoded bytes
  std::size_t max_query = 10'000;             // ids in one answer
  std::size_t max_recipients = 1000;
};

struct Context {
  const User& user;
  MailStore& store;  // locked by the caller
  Uploads& uploads;
  const Submit& submit;
  const Limits& limits;
  std::int64_t now = 0;                    // seconds since 1970
  std::uint64_t read_budget = 256u << 20;  // bytes of messages that the calls of one request may read
};

struct Reply {
  int status = 200;
  std::string type = "application/json";  // or application/problem+json
  std::string body;
};

// `request` is the body of a POST to the API.
Reply process(Context& context, std::string_view request);

// The session object (RFC 8620 section 2). `base` is "https://host".
std::string session_json(const User& user, const Limits& limits, std::string_view base);

// RFC 7807. `type` "about:blank" or a URN; `limit` only for urn:ietf:params:jmap:error:limit.
std::string problem_json(int status, std::string_view type, std::string_view detail, std::string_view limit = {});

// RFC 8620 7.1: {"@type":"StateChange","changed":{ACCOUNT:{TYPE:STATE}}} for the types that are asked for ("*": all).
std::string state_change_json(const User& user, MailStore& store, std::string_view types);

constexpr std::string_view kSessionState = "1";

}  // namespace jmap
}  // namespace genkan::webmail
