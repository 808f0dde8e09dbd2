#include "cache/policy.hpp"

#include <gtest/gtest.h>

#include "base/text.hpp"
#include "tests/unit/cache/fields_of.hpp"

namespace genkan::cache {
namespace {

using http::FieldId;
using http::Fields;
using http::Method;
using test::fields_of;

const WallTime kNow = WallClock::from_time_t(1'700'000'000);
const std::string kDate = base::http_date(kNow);

std::string ago(std::chrono::seconds s) { return base::http_date(kNow - s); }

Storable verdict(const Fields& response, int status = 200, const Fields& request = {}, Method method = Method::get) {
  return storable(method, request, status, response, response_directives(response), kNow);
}

Lifetime lifetime(const Fields& response, int status = 200) {
  return freshness_lifetime(status, response, response_directives(response), kNow);
}

TEST(Storable, IsWhatTheOriginGaveALifetime) {
  EXPECT_EQ(verdict(fields_of({{"Cache-Control", "max-age=60"}})), Storable::yes);
  EXPECT_EQ(verdict(fields_of({{"Cache-Control", "s-maxage=60"}})), Storable::yes);
  EXPECT_EQ(verdict(fields_of({{"Expires", ago(std::chrono::seconds(-60))}})), Storable::yes);
  EXPECT_EQ(verdict(fields_of({{"Cache-Control", "max-age=60"}}), 599), Storable::yes);  // unknown, but explicit
}

TEST(Storable, IsOnlyWhatAGetBrought) {
  auto r = fields_of({{"Cache-Control", "max-age=60"}});
  EXPECT_EQ(verdict(r, 200, {}, Method::post), Storable::method);
  EXPECT_EQ(verdict(r, 200, {}, Method::head), Storable::method);
}

TEST(Storable, IsNoPartOfAResponse) {
  auto r = fields_of({{"Cache-Control", "max-age=60"}});
  EXPECT_EQ(verdict(r, 206), Storable::status);
  EXPECT_EQ(verdict(r, 304), Storable::status);
}

TEST(Storable, NeitherSideMayForbidIt) {
  EXPECT_EQ(verdict(fields_of({{"Cache-Control", "no-store, max-age=60"}})), Storable::no_store);
  EXPECT_EQ(verdict(fields_of({{"Cache-Control", "private, max-age=60"}})), Storable::is_private);
  EXPECT_EQ(verdict(fields_of({{"Cache-Control", "max-age=60"}}), 200, fields_of({{"Cache-Control", "no-store"}})),
            Storable::no_store);
}

TEST(Storable, MustUnderstandOverridesNoStoreForAKnownStatusOnly) {
  auto r = fields_of({{"Cache-Control", "no-store, must-understand, max-age=60"}});
  EXPECT_EQ(verdict(r, 200), Storable::yes);
  EXPECT_EQ(verdict(r, 299), Storable::status);
  EXPECT_FALSE(understood_status(206));
}

TEST(Storable, ARequestWithCredentialsNeedsLeaveToShare) {
  auto request = fields_of({{"Authorization", "Basic eDp5"}});
  EXPECT_EQ(verdict(fields_of({{"Cache-Control", "max-age=60"}}), 200, request), Storable::authorization);
  for (const char* leave : {"public, max-age=60", "s-maxage=60", "must-revalidate, max-age=60"}) {
    EXPECT_EQ(verdict(fields_of({{"Cache-Control", leave}}), 200, request), Storable::yes) << leave;
  }
}

TEST(Storable, ACookieIsNotSharedUnlessTheOriginSaysSoAndEvenThenItIsLeftOut) {
  EXPECT_EQ(verdict(fields_of({{"Cache-Control", "max-age=60"}, {"Set-Cookie", "id=1"}})), Storable::set_cookie);
  auto shared = fields_of({{"Cache-Control", "public, max-age=60"}, {"Set-Cookie", "id=1"}});
  EXPECT_EQ(verdict(shared), Storable::yes);
  EXPECT_FALSE(stored_fields(shared, response_directives(shared), kNow).has(FieldId::set_cookie));
}

TEST(Storable, VaryStarMatchesNothing) {
  EXPECT_EQ(verdict(fields_of({{"Cache-Control", "max-age=60"}, {"Vary", "Accept, *"}})), Storable::vary_any);
}

TEST(Storable, WithoutAWordFromTheOriginTheStatusDecides) {
  auto r = fields_of({{"Last-Modified", ago(std::chrono::hours(24))}});
  for (int status : {200, 203, 204, 300, 301, 308, 404, 405, 410, 414, 501})
    EXPECT_EQ(verdict(r, status), Storable::yes);
  for (int status : {201, 202, 302, 303, 307, 400, 403, 500, 503}) {
    EXPECT_EQ(verdict(r, status), Storable::no_lifetime) << status;
  }
}

TEST(Storable, WhatIsStaleAtOnceIsKeptOnlyToBeValidated) {
  EXPECT_EQ(verdict(fields_of({{"Cache-Control", "max-age=0"}})), Storable::useless);
  EXPECT_EQ(verdict(fields_of({{"Cache-Control", "no-cache, max-age=60"}})), Storable::useless);
  EXPECT_EQ(verdict(fields_of({{"Cache-Control", "max-age=0"}, {"ETag", "\"a\""}})), Storable::yes);
  EXPECT_EQ(verdict(fields_of({{"Cache-Control", "max-age=60"}, {"Age", "60"}})), Storable::useless);
  EXPECT_EQ(verdict({}), Storable::useless);
}

TEST(StoredFields, LeaveOutWhatBelongsToOneConnectionOrIsWithheld) {
  auto r = fields_of({{"Connection", "close, X-Hop"},
                      {"X-Hop", "1"},
                      {"Keep-Alive", "timeout=5"},
                      {"Transfer-Encoding", "chunked"},
                      {"Proxy-Authentication-Info", "x"},
                      {"Content-Length", "5"},
                      {"Age", "9"},
                      {"X-User", "me"},
                      {"X-Kept", "a"},
                      {"X-Kept", "b"},
                      {"Cache-Control", "private=\"X-User\", max-age=60"}});
  auto kept = stored_fields(r, response_directives(r), kNow);
  EXPECT_EQ(kept.size(), 4u);
  EXPECT_EQ(kept.joined("X-Kept"), "a, b");
  EXPECT_TRUE(kept.has(FieldId::cache_control));
  EXPECT_EQ(kept.get(FieldId::date), kDate);  // added: there was none
}

TEST(FreshenedFields, ReplaceWhatTheNewerHeadNamesButNotTheContentsCoding) {
  auto stored = fields_of(
      {{"X-A", "1"}, {"X-A", "2"}, {"X-B", "3"}, {"Content-Encoding", "gzip"}, {"Date", ago(std::chrono::hours(1))}});
  auto newer = fields_of({{"X-A", "9"},
                          {"Content-Encoding", "br"},
                          {"Content-Length", "0"},
                          {"Set-Cookie", "a=b"},
                          {"Connection", "X-C"},
                          {"X-C", "no"},
                          {"Date", kDate}});
  auto out = freshened_fields(stored, newer, response_directives(newer), kNow);
  EXPECT_EQ(out.joined("X-A"), "9");
  EXPECT_EQ(out.joined("X-B"), "3");
  EXPECT_EQ(out.get(FieldId::content_encoding), "gzip");
  EXPECT_EQ(out.get(FieldId::date), kDate);
  EXPECT_FALSE(out.has(FieldId::content_length) || out.has(FieldId::set_cookie) || out.get("X-C"));
}

TEST(Freshness, SharedMaxAgeGoesBeforeMaxAgeBeforeExpires) {
  auto soon = ago(std::chrono::seconds(-10));
  EXPECT_EQ(lifetime(fields_of({{"Cache-Control", "max-age=20, s-maxage=30"}, {"Expires", soon}})).value, seconds(30));
  EXPECT_EQ(lifetime(fields_of({{"Cache-Control", "max-age=20"}, {"Expires", soon}})).value, seconds(20));
  EXPECT_EQ(lifetime(fields_of({{"Expires", soon}})).value, seconds(10));
}

TEST(Freshness, ExpiresIsComparedWithTheOriginsOwnClock) {
  auto r = fields_of({{"Date", ago(std::chrono::hours(-2))}, {"Expires", ago(std::chrono::hours(-3))}});
  EXPECT_EQ(lifetime(r).value, std::chrono::hours(1));
}

TEST(Freshness, AnExpiresThatIsNoDateOrLiesInThePastIsZero) {
  for (const char* past : {"0", "-1", "never", "", "Sun, 06 Nov 1994 08:49:37 GMT", "Sun, 06 Nov 2094 08:49:37 CET"}) {
    auto l = lifetime(fields_of({{"Expires", past}}));
    EXPECT_TRUE(l.known) << past;
    EXPECT_EQ(l.value, seconds(0)) << past;
  }
}

TEST(Freshness, DatesAtBothEndsOfTimeDoNotOverflow) {
  auto r = fields_of({{"Date", "Mon, 01 Jan 0001 00:00:00 GMT"},
                      {"Expires", "Fri, 31 Dec 9999 23:59:59 GMT"},
                      {"Last-Modified", "Mon, 01 Jan 0001 00:00:00 GMT"}});
  EXPECT_EQ(lifetime(r).value, seconds(1LL << 31));
  EXPECT_EQ(verdict(r), Storable::yes);  // to be validated
  EXPECT_GT(initial_age(r, Duration::zero(), kNow), std::chrono::hours(24 * 365 * 90));
}

TEST(Freshness, HeuristicIsATenthOfTheTimeSinceTheChangeUpToADay) {
  auto l = lifetime(fields_of({{"Date", kDate}, {"Last-Modified", ago(std::chrono::seconds(1000))}}));
  EXPECT_TRUE(l.heuristic);
  EXPECT_EQ(l.value, seconds(100));
  EXPECT_EQ(lifetime(fields_of({{"Last-Modified", ago(std::chrono::hours(24 * 365))}})).value, std::chrono::hours(24));
  EXPECT_EQ(lifetime(fields_of({{"Last-Modified", ago(std::chrono::hours(-1))}})).value, seconds(0));
  EXPECT_FALSE(lifetime(fields_of({{"Last-Modified", ago(std::chrono::hours(1))}}), 302).known);
  EXPECT_TRUE(lifetime(fields_of({{"Cache-Control", "public"}}), 302).known);
}

TEST(Age, IsTheLargerOfWhatTheClocksAndTheFieldSay) {
  EXPECT_EQ(initial_age(fields_of({{"Date", ago(std::chrono::seconds(30))}}), 2s, kNow), 30s);
  EXPECT_EQ(initial_age(fields_of({{"Date", kDate}, {"Age", "30"}}), 2s, kNow), 32s);
  EXPECT_EQ(initial_age(fields_of({{"Date", ago(std::chrono::seconds(-30))}}), 2s, kNow), 2s);  // a fast clock
  EXPECT_EQ(initial_age({}, 0s, kNow), 0s);
}

TEST(Age, TheFirstOfAListCountsAndWhatIsNoNumberIsIgnored) {
  EXPECT_EQ(initial_age(fields_of({{"Age", "7, 9000"}}), 0s, kNow), 7s);
  EXPECT_EQ(initial_age(fields_of({{"Age", "7200.5"}}), 0s, kNow), 0s);
  EXPECT_EQ(initial_age(fields_of({{"Age", "-7200"}}), 0s, kNow), 0s);
  EXPECT_EQ(initial_age(fields_of({{"Age", "99999999999999999999"}}), 0s, kNow), seconds(1LL << 31));
}

ReusePolicy policy(std::string_view cc, seconds life = seconds(60)) {
  return reuse_policy(response_directives(fields_of({{"Cache-Control", cc}})), life);
}
Reuse choice(const ReusePolicy& p, std::string_view request, int age) {
  return reuse(p, request.empty() ? RequestDirectives{} : request_directives(fields_of({{"Cache-Control", request}})),
               seconds(age));
}

TEST(Reuse, IsFreshUntilTheLifetimeIsOver) {
  EXPECT_EQ(choice(policy(""), "", 59), Reuse::fresh);
  EXPECT_EQ(choice(policy(""), "", 60), Reuse::validate);
}

TEST(Reuse, NoCacheOfTheOriginValidatesEveryTime) {
  EXPECT_EQ(choice(policy("no-cache"), "", 0), Reuse::validate);
  EXPECT_EQ(choice(policy("no-cache"), "max-stale", 0), Reuse::validate);
}

TEST(Reuse, TheClientMayWantSomethingFresher) {
  EXPECT_EQ(choice(policy(""), "no-cache", 1), Reuse::refused);
  EXPECT_EQ(choice(policy(""), "no-cache", 61), Reuse::validate);
  EXPECT_EQ(choice(policy(""), "max-age=10", 10), Reuse::fresh);
  EXPECT_EQ(choice(policy(""), "max-age=10", 11), Reuse::refused);
  EXPECT_EQ(choice(policy(""), "max-age=10, max-stale", 11), Reuse::fresh);
  EXPECT_EQ(choice(policy(""), "min-fresh=30", 30), Reuse::fresh);
  EXPECT_EQ(choice(policy(""), "min-fresh=30", 31), Reuse::refused);
}

TEST(Reuse, TheClientMayTakeAStaleOneUnlessTheOriginForbidsIt) {
  EXPECT_EQ(choice(policy(""), "max-stale", 1000), Reuse::stale);
  EXPECT_EQ(choice(policy(""), "max-stale=10", 70), Reuse::stale);
  EXPECT_EQ(choice(policy(""), "max-stale=10", 71), Reuse::validate);
  EXPECT_EQ(choice(policy(""), "max-stale, min-fresh=1", 61), Reuse::validate);
  for (const char* forbids : {"must-revalidate", "proxy-revalidate", "s-maxage=60"}) {
    EXPECT_EQ(choice(policy(forbids), "max-stale", 61), Reuse::validate) << forbids;
  }
}

TEST(Reuse, AfterAnErrorOnlyWithTheOriginsLeave) {
  EXPECT_TRUE(reusable_on_error(policy("stale-if-error=10"), seconds(70)));
  EXPECT_FALSE(reusable_on_error(policy("stale-if-error=10"), seconds(71)));
  EXPECT_FALSE(reusable_on_error(policy(""), seconds(61)));
  EXPECT_FALSE(reusable_on_error(policy("stale-if-error=10, must-revalidate"), seconds(61)));
}

TEST(Invalidation, FollowsAnUnsafeMethodThatSucceeded) {
  EXPECT_TRUE(invalidates(Method::post, 201));
  EXPECT_TRUE(invalidates(Method::other, 303));  // who knows what it did
  EXPECT_FALSE(invalidates(Method::delete_, 404));
  EXPECT_FALSE(invalidates(Method::put, 500));
  EXPECT_FALSE(invalidates(Method::get, 200));
  EXPECT_FALSE(invalidates(Method::options, 200));
}

}  // namespace
}  // namespace genkan::cache
