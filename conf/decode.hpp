// One value of the file into one field, by the row's type.
#pragma once

#include <string>

#include "conf/type.hpp"
#include "conf/value.hpp"

namespace genkan::conf {

struct Complaint {
  Place place;
  std::string what, hint;
};

// False when the value does not fit; `complaint` says why, for a directive `name`. `file` is where the value stands.
bool decode(const Value& value, const Type& type, std::string_view name, const std::string& file, const Slot& slot,
            Complaint& complaint);

}  // namespace genkan::conf
