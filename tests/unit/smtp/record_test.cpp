#include "smtp/queue/record.hpp"

#include <gtest/gtest.h>

#include "smtp/queue/crc32c.hpp"
#include "support.hpp"

namespace genkan::smtp {
namespace {

TEST(Record, TheChecksumIsCastagnolis) {
  EXPECT_EQ(crc32c(0, "123456789"), 0xe3069283u);
  EXPECT_EQ(crc32c(crc32c(0, "1234"), "56789"), 0xe3069283u);
  EXPECT_EQ(crc32c(0, ""), 0u);
}

TEST(Record, AMessageSurvivesTheRoundTrip) {
  auto meta = testing_support::make_message(12345678901234, "", "relay:x", 3)->meta;
  meta.envelope.envid = "e+20x";
  meta.envelope.ret = Ret::headers;
  meta.envelope.utf8 = true;
  meta.envelope.body = BodyType::eight_bit;
  meta.dot_lines = true;
  meta.large_size = 5;
  meta.large_crc = 0xffffffff;
  meta.items[1].recipients[0].notify = kNotifyFailure;
  meta.items[1].recipients[0].orcpt = "rfc822;x";
  const auto record = encode_message(meta, "body");
  const auto head = decode_head(record);
  ASSERT_TRUE(head);
  EXPECT_EQ(head->id, meta.id);
  EXPECT_EQ(head->body_size, 4u);
  const auto octets = std::string_view(record).substr(kRecordHead);
  EXPECT_TRUE(head_is_good(*head, record, octets));
  EXPECT_TRUE(body_is_good(*head, "body"));
  EXPECT_FALSE(body_is_good(*head, "bodY"));
  const auto back = decode_message(octets);
  ASSERT_TRUE(back);
  EXPECT_EQ(back->id, meta.id);
  EXPECT_EQ(back->arrival_ms, meta.arrival_ms);
  EXPECT_EQ(back->envelope.envid, "e+20x");
  EXPECT_EQ(back->envelope.ret, Ret::headers);
  EXPECT_TRUE(back->envelope.utf8 && back->dot_lines && !back->eight_bit);
  EXPECT_EQ(back->envelope.body, BodyType::eight_bit);
  EXPECT_EQ(back->large_crc, 0xffffffffu);
  ASSERT_EQ(back->items.size(), 3u);
  EXPECT_EQ(back->items[1].recipients[0].orcpt, "rfc822;x");
  EXPECT_EQ(back->items[2].id, meta.id + 2);
}

TEST(Record, AStateSurvivesTheRoundTrip) {
  ItemState state;
  state.id = 7;
  state.attempts = 300;
  state.next_ms = 1'700'000'000'123;
  state.delay_notice_sent = true;
  state.recipients.resize(2);
  state.recipients[1].status = RecipientStatus::failed;
  state.recipients[1].reply = "550 no";
  const auto record = encode_state(state);
  const auto back = decode_state(std::string_view(record).substr(kRecordHead));
  ASSERT_TRUE(back);
  EXPECT_EQ(back->attempts, 300u);
  EXPECT_EQ(back->next_ms, state.next_ms);
  EXPECT_TRUE(back->delay_notice_sent && !back->held);
  EXPECT_EQ(back->recipients.at(1).status, RecipientStatus::failed);
  EXPECT_EQ(back->recipients.at(1).reply, "550 no");
}

TEST(Record, AnyFlippedBitIsSeen) {
  const auto record = encode_message(testing_support::make_message(99, "")->meta, "");
  for (std::size_t bit = 0; bit < record.size() * 8; ++bit) {
    auto bad = record;
    bad[bit / 8] = static_cast<char>(bad[bit / 8] ^ (1 << (bit % 8)));
    const auto head = decode_head(bad);
    if (!head || head->size() != record.size()) continue;
    const bool in_body_crc = bit / 8 >= 28 && bit / 8 < 32;
    if (in_body_crc) {
      EXPECT_FALSE(body_is_good(*head, "")) << bit;
    } else {
      EXPECT_FALSE(head_is_good(*head, bad, std::string_view(bad).substr(kRecordHead))) << bit;
    }
  }
}

TEST(Record, TruncatedMetadataIsCorrupt) {
  const auto record = encode_message(testing_support::make_message(99, "")->meta, "");
  const auto meta = std::string_view(record).substr(kRecordHead);
  for (std::size_t size = 0; size < meta.size(); ++size) EXPECT_FALSE(decode_message(meta.substr(0, size))) << size;
}

TEST(Record, IdsAreShortAndReadBack) {
  EXPECT_EQ(id_text(0), "0");
  EXPECT_EQ(id_text(35), "z");
  EXPECT_EQ(*parse_id(id_text(1'763'000'000'000'000)), 1'763'000'000'000'000u);
  EXPECT_FALSE(parse_id(""));
  EXPECT_FALSE(parse_id("A"));
  EXPECT_FALSE(parse_id("zzzzzzzzzzzzzzzzzz"));
}

}  // namespace
}  // namespace genkan::smtp
