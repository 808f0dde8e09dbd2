// Vacation answers (RFC 5230) by the rules for automatic ones (RFC 3834): never to nobody, lists, robots and ourselves,
// and only for mail that names the user among its recipients. Pure.
#pragma once

#include <string>
#include <string_view>

#include "base/clock.hpp"
#include "webmail/sieve/mail_view.hpp"
#include "webmail/sieve/run.hpp"

namespace genkan::webmail::sieve {

struct VacationFacts {
  std::string_view user;  // whose mailbox it is
  std::string_view name;  // for From; may be empty
  std::string_view sender, recipient;
};

constexpr std::uint64_t kVacationSeconds = 7 * 86'400;  // unless the script says otherwise

// Why no answer may be sent; empty: it may.
std::string_view vacation_refusal(const VacationWish& wish, const VacationFacts& facts, const MailView& mail);

// The same for answers that count as one: who got one with this key is not told again.
std::string vacation_key(const VacationWish& wish, std::string_view sender);

std::string vacation_message(const VacationWish& wish, const VacationFacts& facts, const MailView& mail, WallTime now);

}  // namespace genkan::webmail::sieve
