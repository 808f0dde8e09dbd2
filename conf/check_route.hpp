// The parts of the checks of [[route]], which stand in two files.
#pragma once

#include <string>

#include "conf/check.hpp"

namespace genkan::conf {

void check_pool_name(Checker& check, const std::string& name, const std::string& place);
void check_route_layers(Checker& check, const Route& route, const std::string& place);
void check_limits(Checker& check);  // and the names of [http] limits

}  // namespace genkan::conf
