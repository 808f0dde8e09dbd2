#include "base/status.hpp"

#include <gtest/gtest.h>

namespace genkan::base {
namespace {

TEST(StatusBoard, ShowsASectionUntilItIsRemoved) {
  StatusBoard board;
  board.add_section("cache", [] { return std::string("{\"hits\":1}"); });
  board.add_section("pools", [] { return std::string("[]"); });
  EXPECT_EQ(board.section_names(), (std::vector<std::string>{"cache", "pools"}));
  EXPECT_EQ(board.section("cache").value(), "{\"hits\":1}");
  board.add_section("cache", [] { return std::string("{}"); });
  EXPECT_EQ(board.section("cache").value(), "{}");
  board.remove("cache");
  EXPECT_EQ(board.section("cache").error(), Errc::not_found);
}

TEST(StatusBoard, AnActionGetsItsArgumentsAndMaySayWhyNot) {
  StatusBoard board;
  board.add_action("drain", [](std::string_view json, std::string& why) -> Result<std::string> {
    if (json == "{}") {
      why = "name a backend";
      return Errc::malformed;
    }
    return std::string(json);
  });
  std::string why;
  EXPECT_EQ(board.act("drain", "{\"backend\":\"a\"}", why).value(), "{\"backend\":\"a\"}");
  EXPECT_EQ(board.act("drain", "{}", why).error(), Errc::malformed);
  EXPECT_EQ(why, "name a backend");
  EXPECT_EQ(board.act("none", "{}", why).error(), Errc::not_found);
}

TEST(StatusBoard, IsNotReadyBeforeItIsSaid) {
  StatusBoard board;
  std::string why;
  EXPECT_FALSE(board.ready(why));
  EXPECT_EQ(why, "starting");
  board.set_ready(true, "");
  EXPECT_TRUE(board.ready(why));
}

TEST(StatusBoard, ASectionMayAskTheBoardItself) {
  StatusBoard board;
  board.add_section("names", [&board] { return std::to_string(board.section_names().size()); });
  EXPECT_EQ(board.section("names").value(), "1");
}

}  // namespace
}  // namespace genkan::base
