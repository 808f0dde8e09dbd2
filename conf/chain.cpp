#include "conf/chain.hpp"

#include <algorithm>
#include <cstdlib>

#include "base/text.hpp"

namespace genkan::conf {
namespace {

bool is_bias(const std::string& text) {
  char* end = nullptr;
  const double value = std::strtod(text.c_str(), &end);
  return end != text.c_str() && *end == '\0' && value >= -1000 && value <= 1000;
}

}  // namespace

const std::vector<CandidacyFunction>& candidacy_functions() {
  static const std::vector<CandidacyFunction> functions = {
      {"byAge", Argument::duration,
       "leaves out backends whose node was not heard for this long; without an argument, `max_age` of [cluster]"},
      {"byRandom", Argument::none, "shuffles the list, so that nodes that see the same load don't all choose alike"},
      {"byLogWindow", Argument::none, "keeps the first log2(n) of the list"},
      {"byLoad", Argument::none, "sorts by load, the least loaded first"},
  };
  return functions;
}

bool check_candidacy(std::string_view text, std::string& why, std::string& hint) {
  std::vector<std::string> parts;
  for (const auto part : base::split(text, ' ')) {
    if (!part.empty()) parts.emplace_back(part);
  }
  if (parts.empty()) {
    why = "a candidacy function is missing";
    return false;
  }
  const auto& all = candidacy_functions();
  const auto found = std::find_if(all.begin(), all.end(), [&](const auto& f) { return f.name == parts[0]; });
  if (found == all.end()) {
    why = "there is no candidacy function `" + parts[0] + "`";
    std::vector<std::string_view> names;
    std::string list;
    for (const auto& f : all) {
      names.push_back(f.name);
      list += (list.empty() ? "" : ", ") + std::string(f.name);
    }
    const auto near = base::nearest(parts[0], names);
    hint = near.empty() ? "there are " + list : "did you mean `" + std::string(near) + "`?";
    return false;
  }
  if (parts.size() > 2 || (parts.size() == 2 && found->argument == Argument::none)) {
    why = "`" + parts[0] + "` takes " + (found->argument == Argument::none ? "no argument" : "one argument");
    return false;
  }
  if (parts.size() == 2 && found->argument == Argument::duration && !base::parse_duration(parts[1])) {
    why = "the argument of `" + parts[0] + "` must be a duration";
    hint = parts[0] + " 5s";
    return false;
  }
  if (parts.size() == 2 && found->argument == Argument::bias && !is_bias(parts[1])) {
    why = "the argument of `" + parts[0] + "` must be a number from -1000 to 1000";
    return false;
  }
  return true;
}

}  // namespace genkan::conf
