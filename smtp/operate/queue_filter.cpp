#include "smtp/operate/queue_filter.hpp"

#include <algorithm>

#include "base/text.hpp"

namespace genkan::smtp {
namespace {

constexpr std::size_t kChunk = 4096;       // items looked at under the index lock
constexpr std::size_t kMaxReads = 20'000;  // records read for one call

bool index_matches(const QueueFilter& filter, const ItemInfo& item, std::int64_t now_s) {
  if (!filter.destination.empty() && item.destination != filter.destination) return false;
  if (!filter.state.empty() && state_of(item) != filter.state) return false;
  return now_s - item.arrival_s >= filter.older_s;
}

bool record_matches(const QueueFilter& filter, const LoadedItem& item) {
  if (!filter.sender.empty() && !address_matches(filter.sender, item.message->meta.envelope.sender)) return false;
  const auto& recipients = item.meta().recipients;
  return filter.recipient.empty() || std::any_of(recipients.begin(), recipients.end(), [&](const Recipient& r) {
           return address_matches(filter.recipient, r.address);
         });
}

}  // namespace

std::string_view state_of(const ItemInfo& item) noexcept {
  return item.held ? "held" : item.attempts == 0 ? "new" : "deferred";
}

bool address_matches(std::string_view wanted, std::string_view address) {
  if (wanted == "<>") return address.empty();
  if (!wanted.starts_with('@')) return base::iequals(wanted, address);
  const auto at = address.rfind('@');
  return at != std::string_view::npos && base::iequals(wanted, address.substr(at));
}

Result<QueueFilter> read_filter(const QueueArguments& arguments, std::string& why) {
  QueueFilter filter;
  for (const auto& [name, value] : arguments) {
    if (name == "destination") filter.destination = value;
    if (name == "sender") filter.sender = value;
    if (name == "recipient") filter.recipient = value;
    if (name == "state") {
      filter.state = value;
      if (value != "new" && value != "deferred" && value != "held") {
        why = "state: new, deferred or held, not " + value;
        return Errc::malformed;
      }
    }
    if (name == "older") {
      const auto age = base::parse_duration(value);
      if (!age) {
        why = "older: a duration such as 30m or 4h, not " + value;
        return Errc::malformed;
      }
      filter.older_s = std::chrono::duration_cast<std::chrono::seconds>(*age).count();
    }
    if (name == "after" && !value.empty()) {
      const auto id = parse_id(value);
      if (!id) {
        why = "after: not a queue id: " + value;
        return Errc::malformed;
      }
      filter.after = *id;
    }
  }
  return filter;
}

Selection select_items(const Spool& spool, const QueueFilter& filter, std::size_t limit, std::int64_t now_s) {
  Selection selection;
  selection.last = filter.after;
  const bool reads = !filter.sender.empty() || !filter.recipient.empty();
  std::size_t read = 0;
  for (bool end = false; !end;) {
    std::vector<ItemInfo> chunk;
    std::size_t looked = 0;
    end = true;
    spool.visit(selection.last, [&](const ItemInfo& item) {
      if (looked++ == kChunk) {
        end = false;
        return false;
      }
      selection.last = item.id;
      if (index_matches(filter, item, now_s)) chunk.push_back(item);
      return true;
    });
    for (auto& item : chunk) {
      if (selection.items.size() >= limit || read >= kMaxReads) {
        selection.last = item.id - 1;
        selection.more = true;
        return selection;
      }
      if (reads) {
        ++read;
        const auto loaded = spool.load(item.id, false);
        if (!loaded || !record_matches(filter, *loaded)) continue;
      }
      selection.items.push_back(std::move(item));
    }
  }
  return selection;
}

}  // namespace genkan::smtp
