#include "conf/log_format.hpp"

#include <gtest/gtest.h>

namespace genkan::conf {
namespace {

std::string complaint(std::string_view text) {
  std::string why;
  return parse_log_format(text, why) ? "" : why;
}

TEST(LogFormat, the_known_ones_have_names) {
  std::string why;
  EXPECT_EQ(parse_log_format("combined", why)->kind, LogFormat::Kind::combined);
  EXPECT_EQ(parse_log_format("json", why)->kind, LogFormat::Kind::json);
}

TEST(LogFormat, a_text_is_cut_into_pieces) {
  std::string why;
  const auto format = parse_log_format("{client} {{{header:X-A}}} {status}", why);
  ASSERT_TRUE(format) << why;
  ASSERT_EQ(format->pieces.size(), 5u);
  EXPECT_EQ(format->pieces[0].item, LogItem::client);
  EXPECT_EQ(format->pieces[1].text, " {");
  EXPECT_EQ(format->pieces[2].item, LogItem::header);
  EXPECT_EQ(format->pieces[2].text, "X-A");
  EXPECT_EQ(format->pieces[3].text, "} ");
  EXPECT_EQ(format->pieces[4].item, LogItem::status);
}

TEST(LogFormat, what_is_wrong_is_said) {
  EXPECT_EQ(complaint("{clint}"), "the access log knows no {clint}");
  EXPECT_EQ(complaint("{header}"), "the access log knows no {header}");
  EXPECT_EQ(complaint("{header:a b}"), "the access log knows no {header:a b}");
  EXPECT_EQ(complaint("{status:1}"), "the access log knows no {status:1}");
  EXPECT_NE(complaint("{client"), "");
  EXPECT_NE(complaint("client}"), "");
  EXPECT_NE(complaint("{client}\n{status}"), "");
  EXPECT_EQ(complaint("jsn"), "\"jsn\" is no format: it has no {item} in it");
}

}  // namespace
}  // namespace genkan::conf
