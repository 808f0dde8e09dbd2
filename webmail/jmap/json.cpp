// Boost.JSON's definitions, compiled once here and nowhere else in this room.
#include <boost/json/src.hpp>
