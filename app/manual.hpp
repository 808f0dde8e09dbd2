// genkan(8), made from the definitions of the command line, so that a page can not tell of commands that are not there.
#pragma once

#include <string>

namespace CLI {
class App;
}

namespace genkan::app {

std::string manual(const CLI::App& cli);  // roff

}  // namespace genkan::app
