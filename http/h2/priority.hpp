// RFC 9218: the Priority field, of a request or of the answer to it. Pure.
#pragma once

#include <string_view>

#include "base/text.hpp"

namespace genkan::http::h2 {

struct Priority {
  unsigned urgency = 3;  // 0 first, 7 last
  bool incremental = false;
};

// Takes over what the field names and leaves the rest; what is not understood is skipped (RFC 9218 4).
inline void merge_priority(std::string_view field, Priority& out) {
  base::each_in_list(field, [&](std::string_view e) {
    if (e.size() == 3 && e.starts_with("u=") && e[2] >= '0' && e[2] <= '7') {
      out.urgency = static_cast<unsigned>(e[2] - '0');
    } else if (e == "i" || e == "i=?1") {
      out.incremental = true;
    } else if (e == "i=?0") {
      out.incremental = false;
    }
  });
}

}  // namespace genkan::http::h2
