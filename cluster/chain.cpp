// Reading candidacy chains from the configuration.
#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>

#include "base/text.hpp"
#include "cluster/choice.hpp"

namespace genkan::cluster {

namespace {

enum class Takes { nothing, bias, age };
struct Row {
  std::string_view name;
  Function function;
  Takes takes;
};
constexpr std::array<Row, 8> kRows{{
    {"byAge", Function::by_age, Takes::age},
    {"byRandom", Function::by_random, Takes::nothing},
    {"byLogWindow", Function::by_log_window, Takes::nothing},
    {"byLoad", Function::by_load, Takes::bias},
    {"byCPU", Function::by_cpu, Takes::nothing},
    {"byBusyChildren", Function::by_busy_children, Takes::bias},
    {"byQueue", Function::by_queue, Takes::nothing},
    {"byCost", Function::by_cost, Takes::nothing},
}};

// "5s", and mod_backhand's bare seconds: "5".
bool read_age(std::string_view text, Duration& out) {
  if (const auto seconds = base::parse_uint(text); seconds && *seconds > 0 && *seconds <= 86'400) {
    out = std::chrono::seconds(*seconds);
    return true;
  }
  const auto parsed = base::parse_duration(text);
  if (!parsed || parsed->count() <= 0) return false;
  out = *parsed;
  return true;
}

bool read_bias(std::string_view text, double& out) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out);
  return error == std::errc{} && end == text.data() + text.size() && std::isfinite(out);
}

Result<Step> parse_step(std::string_view text, Duration default_age, std::string& why) {
  text = base::trim(text);
  const auto space = text.find_first_of(" \t");
  const auto name = text.substr(0, space);
  const auto argument = space == std::string_view::npos ? std::string_view{} : base::trim(text.substr(space));
  const auto row = std::find_if(kRows.begin(), kRows.end(), [&](const Row& r) { return base::iequals(r.name, name); });
  if (row == kRows.end()) {
    std::vector<std::string_view> names;
    for (const auto& r : kRows) names.push_back(r.name);
    const auto near = base::nearest(name, names);
    why = "no candidacy function is called `" + std::string(name) + "`";
    if (!near.empty()) why += "; did you mean `" + std::string(near) + "`?";
    return Errc::not_found;
  }
  Step step{row->function, 0, default_age};
  if (argument.empty()) return step;
  const bool good = row->takes == Takes::age    ? read_age(argument, step.age)
                    : row->takes == Takes::bias ? read_bias(argument, step.argument)
                                                : false;
  if (good) return step;
  why = std::string(row->name);
  why += row->takes == Takes::age    ? " takes an age such as 5s"
         : row->takes == Takes::bias ? " takes a bias such as 0.5"
                                     : " takes no argument";
  why += ", not `" + std::string(argument) + "`";
  return Errc::malformed;
}

}  // namespace

std::string_view name_of(Function f) noexcept {
  return kRows[static_cast<std::size_t>(f)].name;  // rows stand in the order of the enumeration
}

Result<Chain> parse_chain(std::span<const std::string> text, Duration default_age, std::string& why) {
  Chain chain;
  if (text.size() > 16) {
    why = "a chain has at most 16 functions";
    return Errc::too_large;
  }
  for (const auto& one : text) {
    const auto step = parse_step(one, default_age, why);
    if (!step) return step.error();
    chain.push_back(*step);
  }
  if (chain.empty()) {
    why = "the chain is empty";
    return Errc::malformed;
  }
  return chain;
}

}  // namespace genkan::cluster
