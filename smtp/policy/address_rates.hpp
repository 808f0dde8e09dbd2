// A token bucket for every address that mail comes from, or goes to. Shared by all workers, so that a limit is one
// limit. Bounded: the address seen longest ago is forgotten first.
#pragma once

#include <cstddef>
#include <list>
#include <map>
#include <mutex>
#include <string>
#include <string_view>

#include "net/token_bucket.hpp"

namespace genkan::smtp {

class AddressRates {
 public:
  explicit AddressRates(std::size_t max_addresses) : max_(max_addresses) {}
  // One message more for this address, of `per_minute` (0: no limit), all of which may come at once? Any thread.
  bool take(std::string_view address, std::uint32_t per_minute, Time now);
  std::size_t size() const;

 private:
  struct Entry {
    std::string address;
    net::TokenBucket bucket;
  };
  const std::size_t max_;
  mutable std::mutex mutex_;  // guards what follows; held for one look-up
  std::list<Entry> order_;    // the one used last is in front
  // Views of the entries' addresses; a tree, since strangers choose the keys.
  std::map<std::string_view, std::list<Entry>::iterator> index_;
};

// Who the sender is for a limit: `user` when somebody logged in, else the address without its +tag. The null sender has
// no limit of its own: reports for many senders come from it.
std::string sender_key(std::string_view user, std::string_view sender);
std::string recipient_key(std::string_view recipient);

}  // namespace genkan::smtp
