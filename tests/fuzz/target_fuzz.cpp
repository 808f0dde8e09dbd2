// room: http
// Any request target: what the normaliser lets through must be normal, stay so, and hide no climb above the root,
// however a server behind us decodes it once more.
#include <cstdint>
#include <cstdlib>

#include "base/text.hpp"
#include "http/lookup.hpp"
#include "http/target.hpp"

using namespace genkan;

namespace {

void must(bool promise) {
  if (!promise) std::abort();
}

// As a careless server would: decodes once, takes backslashes for slashes, cuts parameters, resolves dots.
bool climbs(std::string_view path) {
  std::string decoded = http::percent_decoded(path);
  for (char& c : decoded) c = c == '\\' ? '/' : c;
  int depth = 0;
  for (auto segment : base::split(decoded, '/')) {
    segment = segment.substr(0, segment.find(';'));
    if (segment == "..") --depth;
    if (!segment.empty() && segment != "." && segment != "..") ++depth;
    if (depth < 0) return true;
  }
  return false;
}

void check(std::string_view path, bool merge_slashes) {
  std::string store, again_store;
  const auto normal = http::normalise_path(path, store, merge_slashes);
  if (!normal) return;
  must(normal->starts_with('/'));
  must(normal->find('\\') == std::string_view::npos && normal->find('\0') == std::string_view::npos);
  must(normal->find("/../") == std::string_view::npos && !normal->ends_with("/.."));
  if (merge_slashes) must(normal->find("//") == std::string_view::npos);
  must(!climbs(*normal));
  const auto again = http::normalise_path(*normal, again_store, merge_slashes);
  must(again && *again == *normal);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto target = http::split_target(text);
  if (!target) return 0;
  if (target->form == http::TargetForm::origin || target->form == http::TargetForm::absolute) {
    check(target->path, true);
    check(target->path, false);
  }
  if (target->form == http::TargetForm::absolute) {
    const auto authority = http::parse_authority(target->authority);
    if (authority) must(!authority->host.empty());
  }
  std::string store;
  http::query_value(target->query, "a", store);
  return 0;
}
