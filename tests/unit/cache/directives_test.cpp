#include "cache/directives.hpp"

#include <gtest/gtest.h>

#include "tests/unit/cache/fields_of.hpp"

namespace genkan::cache {
namespace {

using test::fields_of;

ResponseDirectives response(std::string_view text) { return response_directives(fields_of({{"Cache-Control", text}})); }
RequestDirectives request(std::string_view text) { return request_directives(fields_of({{"Cache-Control", text}})); }

TEST(Directives, ANumberOfSecondsIsDigitsOnlyAndNeverOverflows) {
  EXPECT_EQ(parse_delta_seconds("0"), seconds(0));
  EXPECT_EQ(parse_delta_seconds("003600"), seconds(3600));
  EXPECT_EQ(parse_delta_seconds("2147483648"), seconds(1LL << 31));
  EXPECT_EQ(parse_delta_seconds("99999999999999999999999"), seconds(1LL << 31));
  for (const char* bad : {"", "-1", "3600.0", "a1", "1a", " 1", "'1'"}) EXPECT_FALSE(parse_delta_seconds(bad)) << bad;
}

TEST(Directives, AreReadInAnyCaseQuotedOrNotAndOverSeveralLines) {
  EXPECT_EQ(response("MaX-aGe=\"60\"").max_age, seconds(60));
  auto both = response_directives(fields_of({{"Cache-Control", "public"}, {"cache-control", "S-MaxAge=5, max-age=7"}}));
  EXPECT_TRUE(both.is_public);
  EXPECT_EQ(both.s_maxage, seconds(5));
  EXPECT_EQ(both.max_age, seconds(7));
}

TEST(Directives, AnUnreadableMaxAgeCountsAsZero) {
  for (const char* bad : {"max-age", "max-age=", "max-age=3600a", "max-age='3600'", "max-age=3600.0", "max-age=-5",
                          "max-age= 3600", "max-age = 3600"}) {
    EXPECT_EQ(response(bad).max_age, seconds(0)) << bad;
  }
}

TEST(Directives, TheFirstOfTwoValuesCounts) {
  EXPECT_EQ(response("max-age=1, max-age=1800").max_age, seconds(1));
  EXPECT_EQ(response("max-age=x, max-age=1800").max_age, seconds(0));
}

TEST(Directives, ATextInsideAQuotedExtensionIsNoDirective) {
  auto d = response("extension=\"max-age=3600, no-store\", max-age=1");
  EXPECT_EQ(d.max_age, seconds(1));
  EXPECT_FALSE(d.no_store);
}

TEST(Directives, PrivateAndNoCacheMayNameFieldsInsteadOfTheWhole) {
  auto d = response("private=\"X-User, X-Mail\", no-cache=\"set-cookie\"");
  EXPECT_FALSE(d.is_private);
  EXPECT_FALSE(d.no_cache);
  EXPECT_EQ(d.withheld, (std::vector<std::string>{"x-user", "x-mail", "set-cookie"}));
  EXPECT_TRUE(response("private").is_private);
  EXPECT_TRUE(response("private=\"\"").is_private);
  EXPECT_TRUE(response("no-cache=").no_cache);
}

TEST(Directives, OfAResponseAreAllKnown) {
  auto d = response("no-store, must-revalidate, proxy-revalidate, must-understand, stale-if-error=30, unknown=1");
  EXPECT_TRUE(d.no_store && d.must_revalidate && d.proxy_revalidate && d.must_understand);
  EXPECT_EQ(d.stale_if_error, seconds(30));
}

TEST(Directives, OfARequestAreAllKnown) {
  auto d = request("no-cache, no-store, only-if-cached, max-age=1, min-fresh=2, max-stale=3");
  EXPECT_TRUE(d.no_cache && d.no_store && d.only_if_cached);
  EXPECT_EQ(d.max_age, seconds(1));
  EXPECT_EQ(d.min_fresh, seconds(2));
  EXPECT_EQ(d.max_stale, seconds(3));
  EXPECT_EQ(request("max-stale").max_stale, seconds::max());
  EXPECT_FALSE(request("max-stale=x").max_stale);
}

TEST(Directives, PragmaCountsOnlyWhereThereIsNoCacheControl) {
  EXPECT_TRUE(request_directives(fields_of({{"Pragma", "no-cache"}})).no_cache);
  EXPECT_FALSE(request_directives(fields_of({{"Pragma", "no-cache"}, {"Cache-Control", "max-age=1"}})).no_cache);
}

}  // namespace
}  // namespace genkan::cache
