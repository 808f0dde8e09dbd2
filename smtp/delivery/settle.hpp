// What an attempt means for an item: who is done, who waits, until when. Pure.
#pragma once

#include <cstdint>
#include <vector>

#include "base/clock.hpp"
#include "smtp/client/transaction.hpp"
#include "smtp/queue/spool.hpp"

namespace genkan::smtp {

struct RetryRules {
  Duration first = std::chrono::minutes(1);
  Duration max = std::chrono::hours(1);
  Duration expire = std::chrono::hours(120);
  Duration delay_notice = std::chrono::hours(4);
};

struct Settlement {
  ItemState state;                     // to be kept when not finished
  bool finished = false;               // nobody is pending any more
  std::vector<std::size_t> delivered;  // indices of recipients, of this attempt
  std::vector<std::size_t> failed;
};

// `indices[i]` is the recipient that `outcomes[i]` is about. `random` in [0, 1).
Settlement settle(const LoadedItem& item, const std::vector<std::size_t>& indices, const std::vector<Outcome>& outcomes,
                  const RetryRules& rules, std::int64_t now_ms, double random);

// All that still wait fail, because the time is over.
Settlement expire(const LoadedItem& item);

std::vector<std::size_t> pending(const LoadedItem& item);

// Who is to be told what (RFC 3461 4.1, 5321 6.1: never for the null sender).
enum class ReportKind { failed, delayed, delivered };
bool wants_report(const Envelope& envelope, const Recipient& recipient, ReportKind kind) noexcept;

}  // namespace genkan::smtp
