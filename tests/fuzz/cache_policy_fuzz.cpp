// room: cache
// Any header sections, as the cache judges them: no crash, no overflow, and the promises that must hold for all input.
// Input: lines "name: value" of the request, an empty line, those of the response.
#include <cstdlib>

#include "base/text.hpp"
#include "cache/key.hpp"
#include "cache/policy.hpp"
#include "cache/validation.hpp"

using namespace genkan;

namespace {

void must(bool promise) {
  if (!promise) std::abort();
}

void read_fields(std::string_view text, http::Fields& out) {
  for (auto line : base::split(text, '\n')) {
    auto colon = line.find(':');
    if (colon == std::string_view::npos || colon == 0 || colon > 200) continue;
    if (out.entries() < 100) out.add(line.substr(0, colon), base::trim(line.substr(colon + 1)));
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::string_view text(reinterpret_cast<const char*>(data), size);
  auto middle = text.find("\n\n");
  http::Fields request, response;
  read_fields(text.substr(0, middle), request);
  if (middle != std::string_view::npos) read_fields(text.substr(middle + 2), response);

  const auto now = WallClock::from_time_t(1'700'000'000);
  const auto asked = cache::request_directives(request);
  const auto cc = cache::response_directives(response);
  const auto life = cache::freshness_lifetime(200, response, cc, now);
  const auto age = cache::initial_age(response, std::chrono::seconds(1), now);
  must(life.value >= cache::seconds(0) && age >= std::chrono::seconds(1));
  const auto verdict = cache::storable(http::Method::get, request, 200, response, cc, now);
  if (verdict == cache::Storable::yes) must(!cc.is_private && (!cc.no_store || cc.must_understand));

  const auto stored = cache::stored_fields(response, cc, now);
  must(!stored.has(http::FieldId::set_cookie) && !stored.has(http::FieldId::connection));
  for (const auto& name : cc.withheld) must(!stored.get(name) || name == "date");
  cache::freshened_fields(stored, request, cc, now);
  const auto policy = cache::reuse_policy(cc, life.value);
  for (auto a : {0LL, 1LL, 60LL, 1LL << 31}) {
    const auto choice = cache::reuse(policy, asked, cache::seconds(a));
    if (choice == cache::Reuse::fresh) must(policy.lifetime > cache::seconds(a) && !cc.no_cache);
    if (choice == cache::Reuse::stale) must(!policy.never_stale);
    cache::reusable_on_error(policy, cache::seconds(a));
  }
  const auto names = cache::vary_names(response);
  must(cache::vary_key(names, request) == cache::vary_key(names, http::Fields(request)));
  cache::client_is_current(request, stored);
  cache::same_representation(cache::validators_of(stored), request);
  for (std::uint64_t length : {std::uint64_t{0}, std::uint64_t{1}, std::uint64_t{100}, UINT64_MAX}) {
    cache::ByteRange range;
    if (cache::choose_range(request, stored, length, range) == cache::RangeAnswer::partial) {
      must(range.first <= range.last && range.last < length);
    }
  }
  if (auto location = response.get(http::FieldId::location)) (void)cache::url_key_of(*location);
  return 0;
}
