// Which items of the queue an operator means.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "smtp/queue/spool.hpp"

namespace genkan::smtp {

using QueueArguments = std::map<std::string, std::string>;

struct QueueFilter {
  std::string destination;        // "relay:NAME", "local"
  std::string sender, recipient;  // a whole address, or "@domain"; sender "<>": the null sender
  std::string state;              // new, deferred, held
  std::int64_t older_s = 0;       // arrived at least so long ago
  std::uint64_t after = 0;        // ids over this

  bool selects() const noexcept {  // anything at all was said
    return !destination.empty() || !sender.empty() || !recipient.empty() || !state.empty() || older_s != 0;
  }
};

// Errc::malformed: `why` says which argument.
Result<QueueFilter> read_filter(const QueueArguments& arguments, std::string& why);

std::string_view state_of(const ItemInfo& item) noexcept;
bool address_matches(std::string_view wanted, std::string_view address);

struct Selection {
  std::vector<ItemInfo> items;
  bool more = false;       // there may be more behind `last`
  std::uint64_t last = 0;  // the last id looked at
};

// At most `limit` items. What asks for a sender or recipient reads each record, so that a call looks at a part of a
// huge queue only: `more` is set and `items` may be empty. Blocking.
Selection select_items(const Spool& spool, const QueueFilter& filter, std::size_t limit, std::int64_t now_s);

}  // namespace genkan::smtp
