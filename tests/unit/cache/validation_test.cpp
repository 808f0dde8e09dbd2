#include "cache/validation.hpp"

#include <gtest/gtest.h>

#include "tests/unit/cache/fields_of.hpp"

namespace genkan::cache {
namespace {

using http::FieldId;
using test::fields_of;

constexpr const char* kEarly = "Sun, 06 Nov 1994 08:49:37 GMT";
constexpr const char* kLate = "Sun, 06 Nov 1994 08:49:38 GMT";

TEST(ETag, IsComparedWeaklyOrStrongly) {
  EXPECT_TRUE(etag_equal_weak("W/\"1\"", "\"1\""));
  EXPECT_FALSE(etag_equal_strong("W/\"1\"", "W/\"1\""));
  EXPECT_TRUE(etag_equal_strong("\"1\"", "\"1\""));
  EXPECT_FALSE(etag_equal_weak("\"1\"", "\"2\""));
  EXPECT_FALSE(etag_equal_weak("", ""));
}

TEST(ETag, ThatBreaksTheGrammarIsNoValidator) {
  for (const char* bad : {"", "abc", "\"", "w/\"a\"", "\"a b\"", "\"a\"b\"", "W/"})
    EXPECT_FALSE(etag_valid(bad)) << bad;
  for (const char* good : {"\"\"", "\"a\"", "W/\"a\"", "\"\\\""}) EXPECT_TRUE(etag_valid(good)) << good;
  EXPECT_FALSE(validators_of(fields_of({{"ETag", "abc"}, {"Last-Modified", "yesterday"}})).any());
}

TEST(Validation, TheStoredValidatorsReplaceTheClients) {
  auto request =
      fields_of({{"If-None-Match", "\"old\", \"older\""}, {"If-Modified-Since", kLate}, {"If-Range", "\"x\""}});
  make_conditional(request, validators_of(fields_of({{"ETag", "W/\"s\""}, {"Last-Modified", kEarly}})));
  EXPECT_EQ(request.joined(FieldId::if_none_match), "W/\"s\"");
  EXPECT_EQ(request.joined(FieldId::if_modified_since), kEarly);
  EXPECT_FALSE(request.has(FieldId::if_range));
}

TEST(Validation, A304OfAnotherRepresentationFreshensNothing) {
  auto stored = fields_of({{"ETag", "\"a\""}, {"Last-Modified", kEarly}});
  auto v = validators_of(stored);
  EXPECT_TRUE(same_representation(v, fields_of({{"ETag", "W/\"a\""}})));
  EXPECT_FALSE(same_representation(v, fields_of({{"ETag", "\"b\""}})));
  EXPECT_TRUE(same_representation(v, {}));
  auto dated_fields = fields_of({{"Last-Modified", kEarly}});
  auto dated = validators_of(dated_fields);
  EXPECT_TRUE(same_representation(dated, fields_of({{"Last-Modified", "Sunday, 06-Nov-94 08:49:37 GMT"}})));
  EXPECT_FALSE(same_representation(dated, fields_of({{"Last-Modified", kLate}})));
}

TEST(Conditions, IfNoneMatchDecidesAlone) {
  auto stored = fields_of({{"ETag", "W/\"b\""}, {"Last-Modified", kEarly}});
  EXPECT_TRUE(client_is_current(fields_of({{"If-None-Match", "\"a\", \"b\""}}), stored));
  EXPECT_TRUE(client_is_current(fields_of({{"If-None-Match", "\"a\""}, {"If-None-Match", "W/\"b\""}}), stored));
  EXPECT_TRUE(client_is_current(fields_of({{"If-None-Match", "*"}}), stored));
  EXPECT_FALSE(client_is_current(fields_of({{"If-None-Match", "\"a\""}, {"If-Modified-Since", kLate}}), stored));
  EXPECT_FALSE(client_is_current(fields_of({{"If-None-Match", "b"}}), stored));
}

TEST(Conditions, IfModifiedSinceComparesTheDateOfTheChangeOrElseOfTheResponse) {
  auto stored = fields_of({{"Last-Modified", kEarly}});
  EXPECT_TRUE(client_is_current(fields_of({{"If-Modified-Since", kEarly}}), stored));
  EXPECT_TRUE(client_is_current(fields_of({{"If-Modified-Since", kLate}}), stored));
  EXPECT_FALSE(client_is_current(fields_of({{"If-Modified-Since", kEarly}}), fields_of({{"Last-Modified", kLate}})));
  EXPECT_TRUE(client_is_current(fields_of({{"If-Modified-Since", kLate}}), fields_of({{"Date", kEarly}})));
  EXPECT_FALSE(client_is_current(fields_of({{"If-Modified-Since", "soon"}}), stored));
  EXPECT_FALSE(client_is_current({}, stored));
}

TEST(Conditions, SomeAreForTheOriginAlone) {
  EXPECT_TRUE(has_origin_conditions(fields_of({{"If-Match", "\"a\""}})));
  EXPECT_TRUE(has_origin_conditions(fields_of({{"If-Unmodified-Since", kEarly}})));
  EXPECT_FALSE(has_origin_conditions(fields_of({{"If-None-Match", "\"a\""}})));
  EXPECT_TRUE(has_cache_conditions(fields_of({{"If-None-Match", "\"a\""}})));
}

struct Answer {
  RangeAnswer answer;
  std::uint64_t first = 0, last = 0;
  bool operator==(const Answer&) const = default;
};
Answer range_of(std::string_view range, std::uint64_t size = 100, const http::Fields& stored = {},
                std::string_view if_range = {}) {
  auto request = fields_of({{"Range", range}});
  if (!if_range.empty()) request.add("If-Range", if_range);
  ByteRange out;
  auto answer = choose_range(request, stored, size, out);
  return {answer, out.first, out.last};
}

TEST(Range, OneRangeOfBytesIsCutOut) {
  EXPECT_EQ(range_of("bytes=0-9"), (Answer{RangeAnswer::partial, 0, 9}));
  EXPECT_EQ(range_of("bytes=90-"), (Answer{RangeAnswer::partial, 90, 99}));
  EXPECT_EQ(range_of("bytes=90-1000"), (Answer{RangeAnswer::partial, 90, 99}));
  EXPECT_EQ(range_of("bytes=-10"), (Answer{RangeAnswer::partial, 90, 99}));
  EXPECT_EQ(range_of("BYTES=-1000"), (Answer{RangeAnswer::partial, 0, 99}));
}

TEST(Range, OutsideOfTheContentItCannotBeSatisfied) {
  EXPECT_EQ(range_of("bytes=100-").answer, RangeAnswer::unsatisfiable);
  EXPECT_EQ(range_of("bytes=-0").answer, RangeAnswer::unsatisfiable);
  EXPECT_EQ(range_of("bytes=0-", 0).answer, RangeAnswer::unsatisfiable);
  EXPECT_EQ(range_of("bytes=-5", 0).answer, RangeAnswer::unsatisfiable);
}

TEST(Range, OfAnotherUnitSeveralOrBrokenMeansTheWhole) {
  for (const char* whole : {"bytes=0-1, 5-6", "items=0-1", "bytes", "bytes=", "bytes=5-1", "bytes=a-b", "bytes=-",
                            "bytes=0-99999999999999999999", "bytes=1"}) {
    EXPECT_EQ(range_of(whole).answer, RangeAnswer::whole) << whole;
  }
}

TEST(Range, IfRangeHoldsForAStrongETagOrTheExactDate) {
  auto stored = fields_of({{"ETag", "\"a\""}, {"Last-Modified", kEarly}, {"Date", kLate}});
  EXPECT_EQ(range_of("bytes=0-0", 100, stored, "\"a\"").answer, RangeAnswer::partial);
  EXPECT_EQ(range_of("bytes=0-0", 100, stored, "W/\"a\"").answer, RangeAnswer::whole);
  EXPECT_EQ(range_of("bytes=0-0", 100, stored, "\"b\"").answer, RangeAnswer::whole);
  EXPECT_EQ(range_of("bytes=0-0", 100, stored, kEarly).answer, RangeAnswer::partial);
  EXPECT_EQ(range_of("bytes=0-0", 100, stored, kLate).answer, RangeAnswer::whole);
  auto weak = fields_of({{"Last-Modified", kEarly}, {"Date", kEarly}});  // may have changed twice in that second
  EXPECT_EQ(range_of("bytes=0-0", 100, weak, kEarly).answer, RangeAnswer::whole);
}

}  // namespace
}  // namespace genkan::cache
