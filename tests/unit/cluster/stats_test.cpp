#include "cluster/stats.hpp"

#include <gtest/gtest.h>

#include <limits>

namespace genkan::cluster {
namespace {

LoadRecord full_record() {
  LoadRecord r;
  r.node = "web1";
  r.contact = "192.0.2.1:80";
  r.boot = 5;
  r.counter = 6;
  r.cpu_idle_permille = 875;
  r.load_milli = 2340;
  r.load_hwm = 4;
  r.ncpu = 8;
  r.memory_total = 16ull << 30;
  r.memory_available = 3ull << 30;
  r.connections = 120;
  r.inflight = 17;
  r.served = 1ull << 40;
  r.service_us = 5300;
  r.speed = 910;
  r.queue = 42;
  r.interval_ms = 500;
  r.draining = true;
  r.version = "0.1.0";
  r.serves = "web:8080,api:192.0.2.7:80";
  return r;
}

Envelope around(std::string_view payload) { return {Kind::load, 5, 6, 0, "web1", payload}; }

TEST(LoadRecordTest, EveryFieldSurvivesTheWire) {
  const auto sent = full_record();
  const auto payload = encode_load(sent);
  LoadRecord got;
  ASSERT_EQ(decode_load(around(payload), got), Refusal::none);
  EXPECT_EQ(got.node, sent.node);
  EXPECT_EQ(got.contact, sent.contact);
  EXPECT_EQ(got.boot, sent.boot);
  EXPECT_EQ(got.counter, sent.counter);
  EXPECT_EQ(got.cpu_idle_permille, sent.cpu_idle_permille);
  EXPECT_EQ(got.load_milli, sent.load_milli);
  EXPECT_EQ(got.load_hwm, sent.load_hwm);
  EXPECT_EQ(got.ncpu, sent.ncpu);
  EXPECT_EQ(got.memory_total, sent.memory_total);
  EXPECT_EQ(got.memory_available, sent.memory_available);
  EXPECT_EQ(got.connections, sent.connections);
  EXPECT_EQ(got.inflight, sent.inflight);
  EXPECT_EQ(got.served, sent.served);
  EXPECT_EQ(got.service_us, sent.service_us);
  EXPECT_EQ(got.speed, sent.speed);
  EXPECT_EQ(got.queue, sent.queue);
  EXPECT_EQ(got.interval_ms, sent.interval_ms);
  EXPECT_EQ(got.draining, sent.draining);
  EXPECT_EQ(got.version, sent.version);
  EXPECT_EQ(got.serves, sent.serves);
}

TEST(LoadRecordTest, ARecordOfLargestNumbersFitsADatagram) {
  auto r = full_record();
  r.memory_total = r.memory_available = r.served = std::numeric_limits<std::uint64_t>::max();
  r.contact = std::string(500, 'c');
  r.version = std::string(500, 'v');
  const auto payload = encode_load(r);
  const std::string name(kMaxName, 'n');
  EXPECT_FALSE(seal({Kind::load, 1, 1, 0, name, payload}, Key("secret")).empty());
  LoadRecord got;
  EXPECT_EQ(decode_load(around(payload), got), Refusal::none) << "what we write too long we cut to what we accept";
}

TEST(LoadRecordTest, AnUnknownFieldIsSkippedAndAMissingOneKeepsItsDefault) {
  FieldWriter w;
  w.text(200, "from a later version");
  w.number(3, 1500);  // load
  LoadRecord got;
  ASSERT_EQ(decode_load(around(w.bytes()), got), Refusal::none);
  EXPECT_EQ(got.load_milli, 1500u);
  EXPECT_EQ(got.ncpu, 1u);
  EXPECT_FALSE(got.draining);
}

TEST(LoadRecordTest, UnknownFlagsAreIgnored) {
  FieldWriter w;
  w.number(14, 0xfe);
  LoadRecord got;
  ASSERT_EQ(decode_load(around(w.bytes()), got), Refusal::none);
  EXPECT_FALSE(got.draining);
}

TEST(LoadRecordTest, AKnownFieldTwiceIsMalformed) {
  FieldWriter w;
  w.number(3, 1);
  w.number(3, 2);
  LoadRecord got;
  EXPECT_EQ(decode_load(around(w.bytes()), got), Refusal::malformed);
}

TEST(LoadRecordTest, NumbersOutOfRangeAreMalformedAndLeaveTheRecordAlone) {
  const std::pair<std::uint8_t, std::uint64_t> bad[] = {
      {2, 1001}, {3, 1ull << 32}, {4, 0}, {4, 3}, {4, 1ull << 32}, {5, 0}, {5, 65537}, {8, 1ull << 32}, {15, 0}};
  for (const auto& [type, number] : bad) {
    FieldWriter w;
    w.number(type, number);
    LoadRecord got;
    got.node = "untouched";
    EXPECT_EQ(decode_load(around(w.bytes()), got), Refusal::malformed) << int{type} << " = " << number;
    EXPECT_EQ(got.node, "untouched");
  }
}

TEST(LoadRecordTest, TextWithControlCharactersIsMalformed) {
  FieldWriter w;
  w.text(1, "192.0.2.1\n:80");
  LoadRecord got;
  EXPECT_EQ(decode_load(around(w.bytes()), got), Refusal::malformed);
}

TEST(HighWaterMarkTest, IsTheSmallestPowerOfTwoAboveTheHighestLoadSeen) {
  EXPECT_EQ(high_water_mark(1, 0), 1u);
  EXPECT_EQ(high_water_mark(1, 999), 1u);
  EXPECT_EQ(high_water_mark(1, 1000), 2u) << "greater than the load, not equal to it";
  EXPECT_EQ(high_water_mark(1, 3900), 4u);
  EXPECT_EQ(high_water_mark(1, 4000), 8u);
  EXPECT_EQ(high_water_mark(16, 100), 16u) << "it never falls";
  EXPECT_EQ(high_water_mark(0, 0), 1u);
  EXPECT_EQ(high_water_mark(1, std::numeric_limits<std::uint32_t>::max()), 1u << 23);
}

}  // namespace
}  // namespace genkan::cluster
