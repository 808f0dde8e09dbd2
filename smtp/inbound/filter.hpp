// A message that has arrived, shown to the configured filters in turn, and changed as they want before it is stored.
#pragma once

#include <string>
#include <vector>

#include "smtp/inbound/front.hpp"
#include "smtp/inbound/intake.hpp"
#include "smtp/milter/client.hpp"

namespace genkan::smtp {

struct FilterResult {
  enum class Kind {
    take,
    refuse,   // with `reply`
    discard,  // say 250, store nothing
  } kind = Kind::take;
  std::string reply;     // "550 5.7.1 text"
  bool changed = false;  // the content is another
  bool hold = false;     // store it, deliver when an operator releases it
};

// So many destinations more than it came with may filters give a message; their ids must be free behind its own.
constexpr std::size_t kFilterItems = 16;

// Changes sender, items and the intake's content. `subject.content` is set here.
net::Task<FilterResult> filter_message(Front& front, MilterSubject subject, Intake& intake, std::string& sender,
                                       std::vector<ItemMeta>& items);

}  // namespace genkan::smtp
