// The candidacy functions that a pool's `chain` may name, and the form of their arguments: what cluster/chain.cpp reads
// and cluster/choice.hpp explains.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace genkan::conf {

enum class Argument { none, age, bias };  // an argument may always be left out

struct CandidacyFunction {
  std::string_view name;
  Argument argument;
  std::string_view help;
};

const std::vector<CandidacyFunction>& candidacy_functions();

// True for "byAge 5s" and the like; else `why` and perhaps `hint`.
bool check_candidacy(std::string_view text, std::string& why, std::string& hint);

}  // namespace genkan::conf
