// Boost.JSON's definitions, compiled once, for every room.
#include <boost/json/src.hpp>
