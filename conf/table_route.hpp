// The rows of [[route]] stand in two files.
#pragma once

#include "conf/table.hpp"

namespace genkan::conf {

void route_layers(SectionOf<Route>& s);

}  // namespace genkan::conf
