#include "base/text.hpp"

#include <gtest/gtest.h>

namespace genkan::base {
namespace {

TEST(Text, ComparesAndTrimsByAsciiRulesOnly) {
  EXPECT_TRUE(iequals("Content-TYPE", "content-type"));
  EXPECT_FALSE(iequals("abc", "abcd"));
  EXPECT_FALSE(iequals("\xc4", "\xe4"));
  EXPECT_TRUE(istarts_with("Bearer x", "bearer "));
  EXPECT_FALSE(istarts_with("Be", "bearer"));
  EXPECT_EQ(trim(" \t a b \t"), "a b");
  EXPECT_EQ(trim(" \t "), "");
  EXPECT_EQ(trim("\n a"), "\n a");
  EXPECT_EQ(to_lower("AbC-\xc4"), "abc-\xc4");
}

TEST(Text, SplitKeepsEmptyParts) {
  EXPECT_EQ(split("a,,b,", ','), (std::vector<std::string_view>{"a", "", "b", ""}));
  EXPECT_EQ(split("", ','), (std::vector<std::string_view>{""}));
}

TEST(Text, AListElementMayHoldACommaInQuotes) {
  std::vector<std::string> parts;
  each_in_list(" a , ,b=\"x, \\\" y\",c", [&](std::string_view p) { parts.emplace_back(p); });
  EXPECT_EQ(parts, (std::vector<std::string>{"a", "b=\"x, \\\" y\"", "c"}));
}

TEST(Text, ANumberIsDigitsAndNothingElse) {
  EXPECT_EQ(parse_uint("0"), 0u);
  EXPECT_EQ(parse_uint("18446744073709551615"), UINT64_MAX);
  for (const char* bad : {"", "18446744073709551616", "99999999999999999999", "-1", "+1", " 1", "1 ", "0x1", "1.0"}) {
    EXPECT_FALSE(parse_uint(bad)) << bad;
  }
  EXPECT_EQ(parse_hex("fF"), 255u);
  EXPECT_EQ(parse_hex("ffffffffffffffff"), UINT64_MAX);
  for (const char* bad : {"", "10000000000000000", "g", "0x1", "-1"}) EXPECT_FALSE(parse_hex(bad)) << bad;
}

TEST(Text, DurationsAreReadWithTheirUnits) {
  using std::chrono::milliseconds;
  EXPECT_EQ(parse_duration("250ms").value(), milliseconds(250));
  EXPECT_EQ(parse_duration("0s").value(), milliseconds(0));
  EXPECT_EQ(parse_duration("1m30s").value(), milliseconds(90'000));
  EXPECT_EQ(parse_duration("2h").value(), milliseconds(7'200'000));
  EXPECT_EQ(parse_duration("7d").value(), milliseconds(604'800'000));
  EXPECT_EQ(parse_duration("1d2h3m4s5ms").value(), milliseconds(93'784'005));
}

TEST(Text, ADurationWithoutUnitOrWithTheWrongOneIsRefused) {
  for (const char* bad : {"", "5", "s", "5 s", "-5s", "1.5s", "5x", "5S", "1s1m", "1s1s", "ms", "5us", "1m30"}) {
    EXPECT_EQ(parse_duration(bad).error(), Errc::malformed) << bad;
  }
  for (const char* huge : {"36526d", "9223372036854775807s", "99999999999999999999ms"}) {
    EXPECT_FALSE(parse_duration(huge)) << huge;
  }
}

TEST(Text, ADurationIsWrittenTheWayItIsRead) {
  for (const char* text : {"0s", "250ms", "1m30s", "2h", "7d", "1d2h3m4s5ms"}) {
    EXPECT_EQ(format_duration(parse_duration(text).value()), text);
  }
}

TEST(Text, SizesArePowersOf1024) {
  EXPECT_EQ(parse_size("512").value(), 512u);
  EXPECT_EQ(parse_size("64KiB").value(), 65536u);
  EXPECT_EQ(parse_size("64k").value(), 65536u);
  EXPECT_EQ(parse_size("10MiB").value(), 10u << 20);
  EXPECT_EQ(parse_size("1G").value(), 1u << 30);
  EXPECT_EQ(format_size(0), "0");
  EXPECT_EQ(format_size(1000), "1000");
  EXPECT_EQ(format_size(65536), "64KiB");
  EXPECT_EQ(format_size(3ull << 40), "3TiB");
}

TEST(Text, ASizeWithAnAmbiguousUnitOrTooManyDigitsIsRefused) {
  for (const char* bad : {"", "KiB", "1KB", "1kb", "1.5MiB", "-1", "1 KiB", "1PiB", "0x10"}) {
    EXPECT_FALSE(parse_size(bad)) << bad;
  }
  EXPECT_EQ(parse_size("18446744073709551615k").error(), Errc::too_large);
  EXPECT_EQ(parse_size("99999999999999999999999").error(), Errc::too_large);
}

TEST(Text, TheNearestNameIsFoundOnlyWhenItIsNear) {
  std::vector<std::string_view> names = {"address", "interval", "timeout"};
  EXPECT_EQ(nearest("adress", names), "address");
  EXPECT_EQ(nearest("tiemout", names), "timeout");
  EXPECT_EQ(nearest("Interval", names), "interval");
  EXPECT_EQ(nearest("colour", names), "");
  EXPECT_EQ(nearest(std::string(10'000, 'a'), names), "");
}

TEST(Encoding, JsonQuotesEveryByteThatJsonForbids) {
  EXPECT_EQ(json_quote("a\"b\\c\n\r\t\x01\x7f"), "\"a\\\"b\\\\c\\n\\r\\t\\u0001\\u007f\"");
  EXPECT_EQ(json_quote(std::string_view("\0", 1)), "\"\\u0000\"");
  EXPECT_EQ(json_quote("玄関"), "\"玄関\"");
}

TEST(Encoding, JsonReplacesInvalidUtf8) {
  const std::string bad = "\xef\xbf\xbd";
  EXPECT_EQ(json_quote("a\xff"
                       "b"),
            "\"a" + bad + "b\"");
  EXPECT_EQ(json_quote("\xc3"), "\"" + bad + "\"");                                // cut short
  EXPECT_EQ(json_quote("\xc0\xaf"), "\"" + bad + bad + "\"");                      // overlong
  EXPECT_EQ(json_quote("\xed\xa0\x80"), "\"" + bad + bad + bad + "\"");            // surrogate
  EXPECT_EQ(json_quote("\xf4\x90\x80\x80"), "\"" + bad + bad + bad + bad + "\"");  // over U+10FFFF
}

TEST(Encoding, HtmlCannotBeBrokenOutOf) {
  EXPECT_EQ(html_escape("<a href=\"x\" title='y'>&"), "&lt;a href=&quot;x&quot; title=&#39;y&#39;&gt;&amp;");
}

TEST(Encoding, Base64FollowsTheVectorsOfRfc4648) {
  const std::pair<const char*, const char*> kVectors[] = {{"", ""},
                                                          {"f", "Zg=="},
                                                          {"fo", "Zm8="},
                                                          {"foo", "Zm9v"},
                                                          {"foob", "Zm9vYg=="},
                                                          {"fooba", "Zm9vYmE="},
                                                          {"foobar", "Zm9vYmFy"}};
  for (const auto& [plain, coded] : kVectors) {
    EXPECT_EQ(base64(plain), coded);
    EXPECT_EQ(base64_decode(coded), plain);
    EXPECT_EQ(base64_decode(base64url(plain)), plain);
  }
  EXPECT_EQ(base64url("\xfb\xff"), "-_8");
  EXPECT_EQ(base64_decode("+/8="), "\xfb\xff");
  EXPECT_EQ(base64_decode("-_8"), "\xfb\xff");
}

TEST(Encoding, Base64ThatIsNotCanonicalIsRefused) {
  for (const char* bad : {"A", "Zg=", "Zh==", "Zg==Zg==", "Zm 9v", "====", "Z==="}) {
    EXPECT_FALSE(base64_decode(bad)) << bad;
  }
}

TEST(Encoding, HexIsLowerCase) { EXPECT_EQ(hex(std::string_view("\x00\xab\x7f", 3)), "00ab7f"); }

}  // namespace
}  // namespace genkan::base
