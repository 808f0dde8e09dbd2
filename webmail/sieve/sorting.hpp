// The scripts that one message passes: the site's, then the user's own. Files are read anew each time: a script is
// small, and what was changed holds from then on. Blocks on the disk.
#pragma once

#include <string>
#include <vector>

#include "base/result.hpp"
#include "webmail/sieve/run.hpp"

namespace genkan::webmail::sieve {

// STATE/sieve/DOMAIN/LOCAL.sieve. `address` as normal_address() returns it.
std::string script_path(const std::string& state_dir, std::string_view address);

struct Sorting {
  Outcome outcome;
  std::vector<std::string> notes;  // what is wrong with a script; then the mail is kept
};

// Of scripts that are not there nothing is said. The next one runs only when the mail is still kept (RFC 5228 has one
// script; this is what Pigeonhole does).
Sorting sort_mail(const std::vector<std::string>& scripts, const Input& input, const Limits& limits,
                  std::uint64_t max_script);

}  // namespace genkan::webmail::sieve
