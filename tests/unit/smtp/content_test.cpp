#include "smtp/content.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace genkan::smtp {
namespace {

struct Outcome {
  std::string stored;
  std::string rest;  // what was not taken
  bool done = false;
  ContentFacts facts;
};

Outcome read(std::string_view wire, std::size_t piece, BareNewline policy = BareNewline::refuse,
             std::uint64_t max = 1 << 20) {
  ContentReader reader(ContentReader::Framing::dots, policy, max);
  Outcome outcome;
  while (!wire.empty() && !reader.done()) {
    const auto part = wire.substr(0, piece);
    const auto used = reader.feed(part, outcome.stored);
    if (!reader.done()) {
      EXPECT_EQ(used, part.size());
    }
    wire.remove_prefix(used);
  }
  outcome.rest = wire;
  outcome.done = reader.done();
  outcome.facts = reader.facts();
  return outcome;
}

TEST(Content, EndsAtCrlfDotCrlfAndLeavesTheRest) {
  const auto outcome = read("Subject: x\r\n\r\nhello\r\n.\r\nQUIT\r\n", 1000);
  EXPECT_TRUE(outcome.done);
  EXPECT_EQ(outcome.stored, "Subject: x\r\n\r\nhello\r\n");
  EXPECT_EQ(outcome.rest, "QUIT\r\n");
  EXPECT_FALSE(outcome.facts.dot_lines);
}

TEST(Content, MayBeEmpty) {
  const auto outcome = read(".\r\n", 1);
  EXPECT_TRUE(outcome.done);
  EXPECT_EQ(outcome.stored, "");
}

TEST(Content, LosesOneLeadingDotOfALine) {
  const auto outcome = read("..\r\n...x\r\n.y\r\n.\r\n", 1000);
  EXPECT_EQ(outcome.stored, ".\r\n..x\r\ny\r\n");
  EXPECT_TRUE(outcome.facts.dot_lines);
}

TEST(Content, IsTheSameInAnySegmentation) {
  const std::vector<std::string> wires = {"a\r\n..b\r\n.\r\nrest",
                                          "a\nb\r\n.\r\n",
                                          "a\rb\r\n.\r\n",
                                          "\r\r\n.\r\n",
                                          ".\n.\r\n",
                                          ".\rx\r\n.\r\n",
                                          "a\n.\nb\n.\r\n.\r\n",
                                          "long line " + std::string(300, 'x') + "\r\n.dot\r\n\r\n.\r\n"};
  for (const auto policy : {BareNewline::refuse, BareNewline::mend}) {
    for (const auto& wire : wires) {
      const auto whole = read(wire, wire.size(), policy);
      for (std::size_t piece = 1; piece < 8; ++piece) {
        const auto split = read(wire, piece, policy);
        EXPECT_EQ(split.done, whole.done) << wire;
        EXPECT_EQ(split.rest, whole.rest) << wire;
        EXPECT_EQ(split.facts.bare_newline, whole.facts.bare_newline) << wire;
        EXPECT_EQ(split.facts.size, whole.facts.size) << wire;
        if (policy == BareNewline::mend || !whole.facts.bare_newline) {
          EXPECT_EQ(split.stored, whole.stored) << wire;
        }
      }
    }
  }
}

TEST(Content, NoImitationOfTheEndEndsIt) {
  for (const std::string end : {"\n.\n", "\n.\r\n", "\r\n.\n", "\r.\r", "\r\n.\r", "\r.\r\n", "\n.\r", "\r\n .\r\n"}) {
    const auto outcome = read("text" + end + "MAIL FROM:<evil@x>\r\n.\r\n", 1000);
    EXPECT_TRUE(outcome.done);
    EXPECT_EQ(outcome.rest, "") << end;
    EXPECT_TRUE(outcome.facts.bare_newline || end.size() == 6) << end;
  }
}

TEST(Content, MendedContentHoldsNoBareNewlineAndKeepsItsDots) {
  const auto outcome = read("a\n.\nb\rc\n..d\r\n.\r\n", 3, BareNewline::mend);
  EXPECT_EQ(outcome.stored, "a\r\n.\r\nb c\r\n..d\r\n");
  EXPECT_TRUE(outcome.facts.dot_lines);
  EXPECT_TRUE(outcome.facts.bare_newline);
}

TEST(Content, OverTheLimitIsSwallowedToTheEndAndMarked) {
  const auto outcome = read(std::string(50, 'x') + "\r\n.\r\nNOOP\r\n", 7, BareNewline::refuse, 20);
  EXPECT_TRUE(outcome.done);
  EXPECT_TRUE(outcome.facts.too_large);
  EXPECT_LE(outcome.stored.size(), 20u);
  EXPECT_EQ(outcome.rest, "NOOP\r\n");
}

TEST(Content, ChunksKeepDotsAndGetALastLineEnd) {
  ContentReader reader(ContentReader::Framing::chunks, BareNewline::refuse, 1000);
  std::string stored;
  reader.feed(".a\r", stored);
  reader.feed("\n..\r\n.\r\nend", stored);
  reader.finish_chunks(stored);
  EXPECT_EQ(stored, ".a\r\n..\r\n.\r\nend\r\n");
  EXPECT_TRUE(reader.facts().dot_lines);
  EXPECT_FALSE(reader.facts().bare_newline);
}

TEST(Content, EveryOctetComesThrough) {
  std::string line;
  for (int c = 0; c < 256; ++c) {
    if (c != '\r' && c != '\n') line += static_cast<char>(c);
  }
  line += std::string(998 - line.size(), 'z') + "\r\n";
  const auto outcome = read(line + ".\r\n", 100);
  EXPECT_EQ(outcome.stored, line);
  EXPECT_TRUE(outcome.facts.eight_bit);
}

TEST(Content, ReceivedFieldsAreCountedInTheHeaderOnly) {
  EXPECT_EQ(count_received("Received: a\r\n b\r\nRECEIVED: c\r\nX-Received: d\r\n\r\nReceived: body\r\n"), 2u);
  EXPECT_EQ(count_received(""), 0u);
  EXPECT_EQ(count_received("\r\nReceived: x\r\n"), 0u);
}

}  // namespace
}  // namespace genkan::smtp
