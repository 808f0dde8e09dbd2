// What a CA says (RFC 8555 7.1, RFC 7807), read from JSON. Its bytes are a stranger's: depth, counts and lengths are
// limited, URLs must be HTTPS, tokens base64url; what is shown to people is cut to one short line. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "base/result.hpp"

namespace genkan::acme {

struct Url {
  std::string host;  // a literal IPv6 address without its brackets
  std::uint16_t port = 443;
  std::string target = "/";  // path and query

  std::string authority() const;  // for the Host field
  // "https://host[:port]/path?query", at most 2048 bytes, no user, no fragment.
  static Result<Url> parse(std::string_view text);
};

struct Directory {
  std::string new_nonce, new_account, new_order;
  std::string terms;  // URL, for people; may be empty
  bool external_account_required = false;
};

struct Problem {
  std::string type;    // "rateLimited": without "urn:ietf:params:acme:error:"; other types as they are; may be empty
  std::string detail;  // with those of the subproblems; printable, one line
};

struct Order {
  enum class Status { pending, ready, processing, valid, invalid };
  Status status = Status::pending;
  std::vector<std::string> authorizations;
  std::string finalize, certificate;
  Problem error;
};

struct Challenge {
  enum class Status { pending, processing, valid, invalid };
  std::string type, url, token;
  Status status = Status::pending;
  Problem error;
};

struct Authorization {
  enum class Status { pending, valid, invalid, deactivated, expired, revoked };
  Status status = Status::pending;
  std::string name;                   // lower case
  std::vector<Challenge> challenges;  // the types that we know, with a URL and a token

  const Challenge* find(std::string_view type) const;
};

constexpr std::size_t kMaxJson = 64 * 1024;

Result<Directory> read_directory(std::string_view json);
Result<Order> read_order(std::string_view json);
Result<Authorization> read_authorization(std::string_view json);
// Never fails: what can't be read has no type.
Problem read_problem(std::string_view json);
// "valid" of an account object; empty when it can't be read.
std::string read_account_status(std::string_view json);

// RFC 9110 10.2.3: seconds or a date. Nothing when absent or nonsense; at most a week.
std::optional<Duration> read_retry_after(std::string_view field, WallTime now);

// RFC 8555 8.1: base64url, at least 1 and at most 256 characters.
bool is_token(std::string_view text) noexcept;
// One printable line of at most `limit` bytes.
std::string for_people(std::string_view text, std::size_t limit = 300);

}  // namespace genkan::acme
