#include <gtest/gtest.h>

#include "smtp/milter/protocol.hpp"

namespace genkan::smtp {
namespace {

MilterPacket packet(char command, std::string data = {}) {
  MilterPacket p;
  p.command = command;
  p.data = std::move(data);
  return p;
}

std::string be32(std::uint32_t n) {
  return {static_cast<char>(n >> 24), static_cast<char>(n >> 16), static_cast<char>(n >> 8), static_cast<char>(n)};
}

MilterChange change(MilterChange::Kind kind, std::uint32_t index, std::string name, std::string value) {
  MilterChange c;
  c.kind = kind;
  c.index = index;
  c.name = std::move(name);
  c.value = std::move(value);
  return c;
}
using Kind = MilterChange::Kind;

TEST(MilterProtocol, WritesAndTakesPackets) {
  std::string in = milter_packet('H', "ab") + milter_packet('N') + std::string(2, '\0');
  auto first = take_milter_packet(in);
  ASSERT_TRUE(first && *first);
  EXPECT_EQ((*first)->command, 'H');
  EXPECT_EQ((*first)->data, "ab");
  auto second = take_milter_packet(in);
  ASSERT_TRUE(second && *second);
  EXPECT_EQ((*second)->data, "");
  auto none = take_milter_packet(in);
  ASSERT_TRUE(none);
  EXPECT_FALSE(*none);
}

TEST(MilterProtocol, RefusesPacketsThatCannotBe) {
  std::string zero = be32(0) + "x", huge = be32(1u << 30) + "x";
  EXPECT_FALSE(take_milter_packet(zero));
  EXPECT_FALSE(take_milter_packet(huge));
  EXPECT_FALSE(read_negotiation(packet('c')));
  EXPECT_FALSE(read_negotiation(packet('O', be32(6))));
  EXPECT_FALSE(read_negotiation(packet('O', be32(99) + be32(0) + be32(0))));
  EXPECT_FALSE(read_negotiation(packet('O', be32(6) + be32(0) + be32(0x80000000u)))) << "a step that we do not do";
  EXPECT_EQ(*read_negotiation(packet('O', be32(6) + be32(1) + be32(kNoBody))), static_cast<std::uint32_t>(kNoBody));
  for (const auto& bad :
       {packet('Z'), packet('h'), packet('i', "abc"), packet('m', be32(1) + std::string("a:b\0c\0", 6)),
        packet('h', std::string("a\r\nb\0c\0", 7)), packet('+')}) {
    EXPECT_FALSE(read_answer(bad)) << bad.command;
  }
}

TEST(MilterProtocol, AReplyOfTheFilterIsOneLineWithAGoodCode) {
  auto reading = read_answer(packet('y', std::string("550 5.7.1 no\r\n250 yes\0", 22)));
  ASSERT_TRUE(reading);
  EXPECT_EQ(reading->answer, MilterAnswer::reply);
  EXPECT_EQ(reading->reply, "550 5.7.1 no  250 yes");
  for (const auto* text : {"250 ok", "no", "5x0 a", ""}) {
    EXPECT_EQ(read_answer(packet('y', text))->answer, MilterAnswer::reject) << text;
  }
}

constexpr std::string_view kMail = "A: 1\r\nB: two\r\n lines\r\na: 3\r\n\r\nbody\r\n";

TEST(MilterHeader, FieldsAreSplitAndFoldsKept) {
  std::size_t body = 0;
  const auto fields = header_fields(kMail, body);
  ASSERT_EQ(fields.size(), 3u);
  EXPECT_EQ(fields[1].name, "B");
  EXPECT_EQ(fields[1].value, " two\n lines");
  EXPECT_EQ(kMail.substr(body), "body\r\n");
  EXPECT_TRUE(header_fields("no header\r\n\r\nx", body).empty());
  EXPECT_EQ(body, 0u);
}

TEST(MilterChanges, AreCarriedOutInOrder) {
  const auto out =
      changed_content(kMail,
                      {change(Kind::insert_header, 0, "Top", "t"), change(Kind::change_header, 2, "A", "new"),
                       change(Kind::change_header, 1, "b", ""), change(Kind::add_header, 0, "End", "x\n y\nz")},
                      false);
  EXPECT_EQ(out, "Top: t\r\nA: 1\r\nA: new\r\nEnd: x\r\n y\r\n z\r\n\r\nbody\r\n");
}

TEST(MilterChanges, NeverMakeABareNewlineOrASecondHeader) {
  const auto out =
      changed_content(kMail,
                      {change(Kind::add_header, 0, "X", "a\r\n\r\nEvil: b\rc"),
                       change(Kind::replace_body, 0, "", "one\ntwo\r"), change(Kind::replace_body, 0, "", "\nthree")},
                      false);
  std::size_t body = 0;
  for (const auto& field : header_fields(out, body)) EXPECT_NE(field.name, "Evil");
  for (std::size_t i = 0; i < out.size(); ++i) {
    const bool lone_lf = out[i] == '\n' && (i == 0 || out[i - 1] != '\r');
    const bool lone_cr = out[i] == '\r' && (i + 1 == out.size() || out[i + 1] != '\n');
    EXPECT_FALSE(lone_lf || lone_cr) << i;
  }
  EXPECT_EQ(out.substr(body), "one\r\ntwo\r\nthree\r\n");
}

}  // namespace
}  // namespace genkan::smtp
