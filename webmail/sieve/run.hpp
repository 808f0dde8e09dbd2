// Runs a script over a message: pure but for the question which mailboxes there are. What comes out is what shall be
// done; nothing is done here.
//
//   implicit keep (RFC 5228 2.10.2): mail goes to the inbox unless fileinto, redirect, discard or reject said otherwise
//   an error while it runs: whatever the script did before counts nothing, the mail is kept, and `error` says why
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "webmail/sieve/program.hpp"

namespace genkan::webmail::sieve {

struct Limits {
  std::size_t actions = 32, redirects = 4;
  std::size_t octets = 16u << 20;  // that tests look at
  std::size_t body = 1u << 20;     // of a body that tests see
};

// What a script may ask about. Views hold during the run.
struct Input {
  std::string_view content;
  std::string_view sender, recipient;  // of the envelope
  std::function<bool(const std::string& mailbox)> mailbox_exists;
};

struct Store {
  std::string mailbox;  // as the script has it
  std::vector<std::string> flags;
  bool create = false;
};

struct VacationWish {
  std::string reason, handle;
  std::optional<std::string> subject, from;
  std::vector<std::string> addresses;
  std::optional<std::uint64_t> seconds;
  bool mime = false;
};

struct Outcome {
  bool implicit_keep = true, explicit_keep = false, discarded = false;
  std::vector<std::string> keep_flags;
  std::vector<Store> stores;
  std::vector<std::string> redirects;
  std::optional<std::string> reject;  // the reason
  std::optional<VacationWish> vacation;
  std::optional<Problem> error;
  std::size_t actions = 0;

  bool keeps() const noexcept { return implicit_keep || explicit_keep; }
};

// `before`: what an earlier script decided, whose limits and duplicates count too; its keep is taken up by this one.
Outcome run(const Program& program, const Input& input, const Limits& limits, Outcome before = {});

}  // namespace genkan::webmail::sieve
