#include <gtest/gtest.h>

#include "base/text.hpp"

namespace genkan::base {
namespace {

const WallTime kExample = WallClock::from_time_t(784111777);  // the date that RFC 9110 uses

TEST(HttpDate, AllThreeFormsMeanTheSameMoment) {
  EXPECT_EQ(parse_http_date("Sun, 06 Nov 1994 08:49:37 GMT"), kExample);
  EXPECT_EQ(parse_http_date("Sunday, 06-Nov-94 08:49:37 GMT"), kExample);
  EXPECT_EQ(parse_http_date("Sun Nov  6 08:49:37 1994"), kExample);
  EXPECT_EQ(parse_http_date("Sun Nov 06 08:49:37 1994"), kExample);
}

TEST(HttpDate, IsReadWithoutRegardToCase) { EXPECT_EQ(parse_http_date("sun, 06 NOV 1994 08:49:37 gmt"), kExample); }

TEST(HttpDate, IsWrittenAsImfFixdate) {
  EXPECT_EQ(http_date(kExample), "Sun, 06 Nov 1994 08:49:37 GMT");
  EXPECT_EQ(http_date(kExample + std::chrono::milliseconds(999)), "Sun, 06 Nov 1994 08:49:37 GMT");
  EXPECT_EQ(http_date(WallClock::from_time_t(951782400)), "Tue, 29 Feb 2000 00:00:00 GMT");
  EXPECT_EQ(http_date(WallClock::from_time_t(-1)), "Wed, 31 Dec 1969 23:59:59 GMT");
}

TEST(HttpDate, WhatIsNotADateIsRefused) {
  for (const char* bad : {"",
                          "0",
                          "-1",
                          "Sun",
                          "Sun, ",
                          "Sun, 06 Nov 1994 08:49:37",
                          "Sun, 06 Nov 1994 08:49:37 UTC",
                          "Sun, 06 Nov 1994 08:49:37 AEST",
                          "Sun, 6 Nov 1994 08:49:37 GMT",
                          "Sun, 06 Nov 94 08:49:37 GMT",
                          "Sun, 06 Nov 1994 8:49:37 GMT",
                          "Sun, 06  Nov 1994 08:49:37 GMT",
                          "Sun 06 Nov 1994 08:49:37 GMT",
                          "Sun, 06-Nov-1994 08:49:37 GMT",
                          "Sun, 06 Nov 1994 08.49.37 GMT",
                          "Sun, 06 Nov 1994 08:49:37 GMT+1",
                          "Sun, 06 Nov 1994 08:49:37 GMT ",
                          "Sun, 31 Nov 1994 08:49:37 GMT",
                          "Sun, 00 Nov 1994 08:49:37 GMT",
                          "Sun, 06 Nov 1994 24:49:37 GMT",
                          "Sun, 06 Nov 1994 08:60:37 GMT",
                          "Sun, 06 Nov 1994 08:49:61 GMT",
                          "Xyz, 06 Nov 1994 08:49:37 GMT",
                          "Sunday, 06-Nov-1994 08:49:37 GMT",
                          "Sunday Nov  6 08:49:37 1994"}) {
    EXPECT_FALSE(parse_http_date(bad)) << bad;
  }
}

TEST(HttpDate, AFarYearIsTheEndOfTimeAndNotAnOverflow) {
  auto far = parse_http_date("Fri, 31 Dec 9999 23:59:59 GMT");
  ASSERT_TRUE(far);
  EXPECT_GT(*far, WallClock::now() + std::chrono::hours(24 * 365 * 200));
  EXPECT_TRUE(parse_http_date("Mon, 01 Jan 0001 00:00:00 GMT"));
}

TEST(HttpDate, ATwoDigitYearFarAheadLiesInThePast) {
  auto t = parse_http_date("Monday, 01-Jan-99 00:00:00 GMT");
  ASSERT_TRUE(t);
  EXPECT_LT(*t, WallClock::now());
  EXPECT_EQ(http_date(*t), "Fri, 01 Jan 1999 00:00:00 GMT");
}

TEST(Dates, MailAndLogFormsAreUtc) {
  EXPECT_EQ(rfc5322_date(kExample), "Sun, 6 Nov 1994 08:49:37 +0000");
  EXPECT_EQ(rfc3339(kExample + std::chrono::milliseconds(7)), "1994-11-06T08:49:37.007Z");
  EXPECT_EQ(rfc3339(WallClock::from_time_t(0) - std::chrono::milliseconds(1)), "1969-12-31T23:59:59.999Z");
}

}  // namespace
}  // namespace genkan::base
