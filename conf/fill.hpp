// Fills a Conf from the tree of values by the table: types, ranges, unknown names, missing directives.
#pragma once

#include <string>
#include <vector>

#include "conf/reader.hpp"
#include "conf/table.hpp"
#include "conf/value.hpp"

namespace genkan::conf {

// Complains about everything that is wrong, and fills in the rest. `conf.files` must be set; fills `conf.places`.
void fill(Conf& conf, const Value& root, std::vector<Problem>& problems);

}  // namespace genkan::conf
