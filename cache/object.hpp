// A stored response. Immutable once made, shared by every worker that serves it; a freshened one is a new Object that
// shares the content of the old.
#pragma once

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "cache/policy.hpp"
#include "http/fields.hpp"

namespace genkan::cache {

struct Object {
  int status = 200;
  http::Fields fields;  // as stored_fields() made them
  std::shared_ptr<const std::string> content;

  std::string scope;  // the route that it answered
  std::vector<std::string> vary_names;
  std::string vary_key;

  ReusePolicy policy;
  Time received{};      // on the monotonic clock: an Age must not jump when somebody sets the clock
  Duration age_then{};  // corrected_initial_age

  seconds age(Time now) const noexcept {
    return std::chrono::duration_cast<seconds>(age_then + std::max(Duration::zero(), now - received));
  }
  // What it costs the byte limit, with an estimate of the bookkeeping.
  std::size_t weight() const noexcept;
};

using ObjectPtr = std::shared_ptr<const Object>;

}  // namespace genkan::cache
