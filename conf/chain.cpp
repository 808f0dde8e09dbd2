#include "conf/chain.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>

#include "base/text.hpp"

namespace genkan::conf {
namespace {

// "5s", and mod_backhand's bare seconds: "5".
bool is_age(std::string_view text) {
  if (const auto seconds = base::parse_uint(text)) return *seconds > 0 && *seconds <= 86'400;
  const auto parsed = base::parse_duration(text);
  return parsed && parsed->count() > 0;
}

bool is_bias(std::string_view text) {
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc{} && end == text.data() + text.size() && std::isfinite(value);
}

void unknown(std::string_view name, std::string& why, std::string& hint) {
  why = "there is no candidacy function `" + std::string(name) + "`";
  std::vector<std::string_view> names;
  std::string list;
  for (const auto& f : candidacy_functions()) {
    names.push_back(f.name);
    list += (list.empty() ? "" : ", ") + std::string(f.name);
  }
  const auto near = base::nearest(name, names);
  hint = near.empty() ? "there are " + list : "did you mean `" + std::string(near) + "`?";
}

}  // namespace

const std::vector<CandidacyFunction>& candidacy_functions() {
  static const std::vector<CandidacyFunction> functions = {
      {"byAge", Argument::age,
       "leaves out backends whose node was not heard from for this long, such as `byAge 5s`; without an argument, "
       "`max_age` of [cluster]"},
      {"byRandom", Argument::none, "shuffles the list, so that nodes that see the same load don't all choose alike"},
      {"byLogWindow", Argument::none, "keeps the first log2(n) of the list, at least one"},
      {"byLoad", Argument::bias,
       "sorts by load average, the least loaded first; the bias is taken off this node's own load"},
      {"byCPU", Argument::none, "sorts by idle processor time, the most idle first"},
      {"byBusyChildren", Argument::bias, "sorts by requests in flight, the fewest first; the bias as for `byLoad`"},
      {"byQueue", Argument::none, "sorts by messages in the node's mail queue, the fewest first"},
      {"byCost", Argument::none, "sorts by what one more request would cost there in processor and memory"},
  };
  return functions;
}

bool check_candidacy(std::string_view text, std::string& why, std::string& hint) {
  text = base::trim(text);
  const auto space = text.find_first_of(" \t");
  const auto name = text.substr(0, space);
  const auto argument = space == std::string_view::npos ? std::string_view{} : base::trim(text.substr(space));
  const auto& all = candidacy_functions();
  const auto found = std::find_if(all.begin(), all.end(), [&](const auto& f) { return base::iequals(f.name, name); });
  if (found == all.end()) return unknown(name, why, hint), false;
  if (argument.empty()) return true;
  switch (found->argument) {
    case Argument::none:
      why = "takes no argument";
      break;
    case Argument::age:
      if (is_age(argument)) return true;
      why = "takes an age, such as 5s";
      break;
    case Argument::bias:
      if (is_bias(argument)) return true;
      why = "takes a bias, such as 0.5";
      break;
  }
  why = "`" + std::string(found->name) + "` " + why + ", not \"" + std::string(argument) + "\"";
  return false;
}

}  // namespace genkan::conf
