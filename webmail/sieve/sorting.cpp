#include "webmail/sieve/sorting.hpp"

#include "base/file.hpp"

namespace genkan::webmail::sieve {

namespace {

// Errc::not_found: there is none.
Result<Program> load(const std::string& path, std::uint64_t max, std::string& why) {
  const auto text = base::read_file(path, max);
  if (!text) {
    if (text.error() == Error(ENOENT, boost::system::system_category()) || text.error() == Errc::not_found)
      return Errc::not_found;
    why = path + ": " + text.error().message();
    return text.error();
  }
  auto compiled = compile(*text);
  if (compiled.program) return std::move(*compiled.program);
  why = path + ":" + compiled.problem.where();
  return Errc::malformed;
}

}  // namespace

std::string script_path(const std::string& state_dir, std::string_view address) {
  const auto at = address.rfind('@');
  return state_dir + "/sieve/" + std::string(address.substr(at + 1)) + "/" + std::string(address.substr(0, at)) +
         ".sieve";
}

Sorting sort_mail(const std::vector<std::string>& scripts, const Input& input, const Limits& limits,
                  std::uint64_t max_script) {
  Sorting sorting;
  for (const auto& path : scripts) {
    std::string why;
    const auto program = load(path, max_script, why);
    if (!program) {
      if (!why.empty()) sorting.notes.push_back(std::move(why));
      continue;
    }
    auto outcome = run(*program, input, limits, sorting.outcome);
    if (outcome.error) {  // what this one wanted counts nothing
      sorting.notes.push_back(path + ":" + outcome.error->where());
      continue;
    }
    sorting.outcome = std::move(outcome);
    if (!sorting.outcome.keeps()) break;
  }
  return sorting;
}

}  // namespace genkan::webmail::sieve
