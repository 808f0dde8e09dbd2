// What the gate lets through to nghttp2, and what it ends.
#include "http/h2/gate.hpp"

#include <gtest/gtest.h>

#include <string>

namespace genkan::http::h2 {
namespace {

constexpr std::uint8_t kData = 0, kHeaders = 1, kPriority = 2, kRst = 3, kSettings = 4, kPing = 6, kWindow = 8,
                       kContinuation = 9;
constexpr std::uint8_t kEndStream = 1, kEndHeaders = 4;
constexpr std::uint32_t kProtocol = 1, kClosed = 5, kCalm = 11;

std::string frame(std::uint8_t type, std::uint8_t flags, std::uint32_t id, std::string_view payload = {}) {
  const auto n = payload.size();
  std::string out{static_cast<char>(n >> 16), static_cast<char>(n >> 8), static_cast<char>(n), static_cast<char>(type),
                  static_cast<char>(flags)};
  for (const int shift : {24, 16, 8, 0}) out += static_cast<char>(id >> shift);
  return out.append(payload);
}

class GateTest : public testing::Test {
 protected:
  void SetUp() override { EXPECT_EQ(gate.look("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", now), 24u); }
  // The whole of it goes on.
  bool passes(const std::string& bytes) { return gate.look(bytes, now) == bytes.size() && gate.error() == 0; }
  FrameGate gate{64 * 1024};
  Time now = Time{} + 100h;
};

TEST_F(GateTest, what_is_right_passes_in_any_pieces) {
  const std::string all = frame(kSettings, 0, 0) + frame(kHeaders, kEndHeaders, 1, "block") +
                          frame(kData, 0, 1, std::string(20000, 'x')) + frame(kData, kEndStream, 1) +
                          frame(kHeaders, kEndHeaders | kEndStream, 3, "block") + frame(kRst, 0, 3, "code") +
                          frame(kWindow, 0, 3, "wind");
  for (const char c : all) EXPECT_TRUE(passes(std::string(1, c)));
  EXPECT_EQ(gate.last_stream(), 3u);
}

TEST_F(GateTest, frames_before_the_wrong_one_still_pass) {
  const std::string good = frame(kHeaders, kEndHeaders | kEndStream, 1, "block");
  const std::string bad = frame(kData, kEndStream, 1, "late");
  EXPECT_EQ(gate.look(good + bad, now), good.size());
  EXPECT_EQ(gate.error(), kClosed);
  EXPECT_EQ(gate.look(good, now), 0u) << "nothing counts after it";
}

TEST_F(GateTest, a_stream_that_the_client_ended_or_reset_is_closed_to_it) {
  EXPECT_TRUE(passes(frame(kHeaders, kEndHeaders, 1, "block") + frame(kRst, 0, 1, "code")));
  EXPECT_FALSE(passes(frame(kHeaders, kEndHeaders | kEndStream, 1, "trailers")));
  EXPECT_EQ(gate.error(), kClosed);
}

TEST_F(GateTest, trailers_end_a_stream_once) {
  EXPECT_TRUE(
      passes(frame(kHeaders, kEndHeaders, 1, "block") + frame(kHeaders, kEndHeaders | kEndStream, 1, "trailers")));
  EXPECT_FALSE(passes(frame(kHeaders, kEndHeaders | kEndStream, 1, "trailers")));
}

TEST_F(GateTest, a_lower_stream_that_was_never_used_is_a_breach_of_order) {
  EXPECT_TRUE(passes(frame(kHeaders, kEndHeaders | kEndStream, 5, "block")));
  EXPECT_FALSE(passes(frame(kHeaders, kEndHeaders | kEndStream, 3, "block")));
  EXPECT_EQ(gate.error(), kProtocol);
}

TEST_F(GateTest, what_was_on_its_way_when_we_reset_is_forgiven) {
  EXPECT_TRUE(passes(frame(kHeaders, kEndHeaders, 1, "block") + frame(kData, 0, 1, "part")));
  gate.forgive(1);
  EXPECT_TRUE(passes(frame(kData, 0, 1, "part") + frame(kData, kEndStream, 1, "end") +
                     frame(kHeaders, kEndHeaders | kEndStream, 1, "trailers")));
}

TEST_F(GateTest, a_stream_that_depends_on_itself_is_refused_byte_by_byte) {
  const std::string own = frame(kPriority, 0, 7, std::string("\0\0\0\x07\x10", 5));
  for (std::size_t i = 0; i < own.size() && gate.error() == 0; ++i) gate.look(own.substr(i, 1), now);
  EXPECT_EQ(gate.error(), kProtocol);
}

TEST_F(GateTest, frames_that_carry_nothing_empty_the_budget) {
  int passed = 0;
  while (passed < 5000 && passes(frame(kPing, 0, 0, "12345678"))) ++passed;
  EXPECT_EQ(passed, FloodBudget::kCapacity);
  EXPECT_EQ(gate.error(), kCalm);
  EXPECT_EQ(gate.flood(), Flood::ping);
}

TEST_F(GateTest, time_and_useful_work_fill_the_budget) {
  for (int i = 0; i < 5000; ++i) {
    ASSERT_TRUE(passes(frame(kPing, 0, 0, "12345678"))) << i;
    now += 10ms;
  }
  for (int i = 0; i < 5000; ++i) {
    ASSERT_TRUE(passes(frame(kRst, 0, 1, "code"))) << i;
    gate.useful(1);
  }
}

TEST_F(GateTest, windows_that_answer_content_of_ours_are_free) {
  const std::string windows = frame(kWindow, 0, 0, "wind") + frame(kWindow, 0, 1, "wind");
  for (int i = 0; i < 5000; ++i) {
    gate.content_sent();
    ASSERT_TRUE(passes(windows)) << i;
  }
  int more = 0;
  while (more < 5000 && passes(windows)) ++more;
  EXPECT_LE(more, FloodBudget::kCapacity);
}

TEST_F(GateTest, an_octet_of_content_does_not_pay_for_a_reset) {
  int passed = 0;
  while (passed < 3000) {
    const auto id = static_cast<std::uint32_t>(2 * passed + 1);
    if (!passes(frame(kHeaders, kEndHeaders, id, "block") + frame(kData, kEndStream, id, "x"))) break;
    if (!gate.made_reset(now)) break;
    gate.forgive(id);
    ++passed;
  }
  EXPECT_EQ(passed, FloodBudget::kCapacity);
  EXPECT_EQ(gate.flood(), Flood::made_reset);
}

TEST_F(GateTest, a_header_block_without_an_end_is_cut_off) {
  EXPECT_TRUE(passes(frame(kHeaders, kEndStream, 1, "block")));
  EXPECT_TRUE(gate.in_header_block());
  int passed = 0;
  while (passed < 1000 && passes(frame(kContinuation, 0, 1, std::string(16000, 'x')))) ++passed;
  EXPECT_LE(passed, 9) << "twice the largest head";
  EXPECT_EQ(gate.flood(), Flood::continuation);
  EXPECT_EQ(gate.error(), kCalm);
}

TEST_F(GateTest, resets_that_were_provoked_count) {
  int times = 0;
  while (times < 5000 && gate.made_reset(now)) ++times;
  EXPECT_EQ(times, FloodBudget::kCapacity);
  EXPECT_EQ(gate.flood(), Flood::made_reset);
}

TEST_F(GateTest, open_streams_without_end_cost_no_memory_without_end) {
  for (std::uint32_t id = 1; id < 40'001; id += 2) gate.look(frame(kHeaders, kEndHeaders, id, "block"), now);
  EXPECT_EQ(gate.error(), 0u);
  EXPECT_TRUE(passes(frame(kData, 0, 39'999, "part")));
}

}  // namespace
}  // namespace genkan::http::h2
