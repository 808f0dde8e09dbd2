// room: conf
// A whole configuration text: parsing, ${NAME}, includes, every check. A Conf that comes out is consistent.
#include <unistd.h>

#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "conf/reader.hpp"

using namespace genkan;

namespace {

// An empty folder to be in, so that an `include` finds nothing of this host but what it names in full.
bool enter_empty_folder() {
  char pattern[] = "/tmp/genkan-fuzz-XXXXXX";
  const char* folder = ::mkdtemp(pattern);
  if (folder == nullptr || ::chdir(folder) != 0 || ::rmdir(folder) != 0) std::abort();
  ::setenv("GENKAN_FUZZ_VALUE", "value", 1);
  return true;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const bool ready = enter_empty_folder();
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  // Patterns from the root, and upwards, would walk the disk.
  if (!ready || size > 16 * 1024 || text.find("/*") != text.npos || text.find("*/") != text.npos) return 0;
  const auto result = conf::read_text(text, "fuzz.toml");
  bool failed = false;
  for (const auto& problem : result.problems) {
    failed = failed || !problem.warning;
    if (problem.what.empty() || problem.text().empty()) std::abort();
  }
  if (failed == (result.conf != nullptr)) std::abort();
  if (!result.conf) return 0;
  for (const auto& route : result.conf->routes) {
    if (!route.pool.empty() && result.conf->find_pool(route.pool) == nullptr) std::abort();
  }
  for (const auto& route : result.conf->smtp.routes) {
    if (route.local != route.relay.empty()) std::abort();
  }
  return 0;
}
