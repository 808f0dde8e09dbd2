// Fills a Conf from the tree of values by the table: types, ranges, unknown names, missing directives.
#pragma once

#include <functional>
#include <set>
#include <string>
#include <vector>

#include "conf/reader.hpp"
#include "conf/table.hpp"
#include "conf/value.hpp"

namespace genkan::conf {

// Complains about everything that is wrong, and fills in the rest. `conf.files` must be set; fills `conf.places`.
// Returns the directives whose value could not be read, as in `conf.places`.
std::set<std::string, std::less<>> fill(Conf& conf, const Value& root, std::vector<Problem>& problems);

}  // namespace genkan::conf
