#include "cluster/packet.hpp"

#include <gtest/gtest.h>

#include <vector>

namespace genkan::cluster {
namespace {

const WallTime kNow = WallTime(std::chrono::milliseconds(1'800'000'000'000));
constexpr std::int64_t kNowMs = 1'800'000'000'000;
constexpr std::uint64_t kBoot = 1'799'999'000'000'000;

class PacketTest : public testing::Test {
 protected:
  std::vector<Key> keys{Key("a shared secret of 16+ bytes")};

  Envelope envelope(std::uint64_t counter = 1, std::string_view payload = "") {
    return {Kind::load, kBoot, counter, kNowMs, "web1", payload};
  }
  Refusal opened(std::string_view datagram) {
    Envelope out;
    return open_envelope(datagram, keys, out);
  }
};

TEST_F(PacketTest, WhatIsSealedComesOutTheSame) {
  const auto datagram = seal(envelope(7, "payload"), keys[0]);
  Envelope out;
  ASSERT_EQ(open_envelope(datagram, keys, out), Refusal::none);
  EXPECT_EQ(out.name, "web1");
  EXPECT_EQ(out.payload, "payload");
  EXPECT_EQ(out.boot, kBoot);
  EXPECT_EQ(out.counter, 7u);
  EXPECT_EQ(out.sent_ms, kNowMs);
  EXPECT_EQ(out.kind, Kind::load);
}

TEST_F(PacketTest, EveryChangedBitIsRefused) {
  const auto good = seal(envelope(1, "xyz"), keys[0]);
  for (std::size_t bit = 0; bit < good.size() * 8; ++bit) {
    auto bad = good;
    bad[bit / 8] = static_cast<char>(bad[bit / 8] ^ (1 << (bit % 8)));
    EXPECT_NE(opened(bad), Refusal::none) << "bit " << bit;
  }
}

TEST_F(PacketTest, EveryShortenedDatagramIsRefused) {
  const auto good = seal(envelope(1, "xyz"), keys[0]);
  for (std::size_t n = 0; n < good.size(); ++n) EXPECT_NE(opened(good.substr(0, n)), Refusal::none) << n;
}

TEST_F(PacketTest, TheReasonOfARefusalIsNamed) {
  const auto good = seal(envelope(), keys[0]);
  EXPECT_EQ(opened(""), Refusal::too_short);
  EXPECT_EQ(opened("HELLO" + good), Refusal::foreign);
  EXPECT_EQ(opened(std::string(kMaxDatagram + 1, 'x')), Refusal::too_long);
  auto next_version = good;
  next_version[2] = 2;
  EXPECT_EQ(opened(next_version), Refusal::version);
  EXPECT_EQ(opened(seal(envelope(), Key("another secret, other id"))), Refusal::unknown_key);
  auto forged = good;
  forged.back() = static_cast<char>(forged.back() + 1);
  EXPECT_EQ(opened(forged), Refusal::bad_mac);
  auto renamed = good;
  renamed[33] = 'b';
  EXPECT_EQ(opened(renamed), Refusal::bad_mac) << "the name is inside the MAC";
}

TEST_F(PacketTest, ANameWithOtherCharactersIsNeitherSealedNorOpened) {
  auto bad = envelope();
  bad.name = "a b";
  EXPECT_EQ(seal(bad, keys[0]), "");
  bad.name = "";
  EXPECT_EQ(seal(bad, keys[0]), "");
  const std::string long_name(kMaxName + 1, 'a');
  bad.name = long_name;
  EXPECT_EQ(seal(bad, keys[0]), "");
  EXPECT_TRUE(valid_node_name(std::string(kMaxName, 'a')));
}

TEST_F(PacketTest, ADatagramNeverExceedsTheLimit) {
  const std::string big(kMaxDatagram, 'p');
  EXPECT_EQ(seal(envelope(1, big), keys[0]), "");
  const std::string fits(kMaxDatagram - 33 - 4 - kMacBytes, 'p');
  EXPECT_EQ(seal(envelope(1, fits), keys[0]).size(), kMaxDatagram);
}

TEST_F(PacketTest, AnOldKeyIsAcceptedWhileItIsInTheRing) {
  keys.insert(keys.begin(), Key("the new secret, just rolled out"));
  EXPECT_EQ(opened(seal(envelope(), keys[1])), Refusal::none);
  EXPECT_EQ(opened(seal(envelope(), keys[0])), Refusal::none);
}

TEST_F(PacketTest, ACounterMustGrowWithinABoot) {
  Freshness state;
  EXPECT_EQ(check_fresh(state, envelope(5), kNow), Refusal::none);
  EXPECT_EQ(check_fresh(state, envelope(5), kNow), Refusal::duplicate);
  EXPECT_EQ(check_fresh(state, envelope(4), kNow), Refusal::replayed);
  EXPECT_EQ(check_fresh(state, envelope(6), kNow), Refusal::none);
  EXPECT_EQ(state.counter, 6u);
}

TEST_F(PacketTest, ALaterBootStartsOverAndAnEarlierOneIsRefused) {
  Freshness state;
  ASSERT_EQ(check_fresh(state, envelope(500), kNow), Refusal::none);
  auto restarted = envelope(1);
  restarted.boot = kBoot + 1;
  EXPECT_EQ(check_fresh(state, restarted, kNow), Refusal::none);
  EXPECT_EQ(check_fresh(state, envelope(501), kNow), Refusal::old_boot);
}

TEST_F(PacketTest, AReceiverThatJustStartedRefusesWhatIsOlderThanTheClockWindow) {
  Freshness nothing_known;
  EXPECT_EQ(check_fresh(nothing_known, envelope(9), kNow + kClockWindow + 1ms), Refusal::clock);
  EXPECT_EQ(check_fresh(nothing_known, envelope(9), kNow - kClockWindow - 1ms), Refusal::clock);
  EXPECT_EQ(nothing_known.boot, 0u);
  EXPECT_EQ(check_fresh(nothing_known, envelope(9), kNow + kClockWindow), Refusal::none);
}

TEST_F(PacketTest, ABootFromTheFutureCannotLockAName) {
  Freshness state;
  auto false_boot = envelope(1);
  false_boot.boot = kBoot + 100'000'000'000;
  EXPECT_EQ(check_fresh(state, false_boot, kNow), Refusal::clock);
  EXPECT_EQ(check_fresh(state, envelope(1), kNow), Refusal::none);
}

TEST_F(PacketTest, ExtremeNumbersDoNotOverflow) {
  Freshness state;
  auto extreme = envelope();
  extreme.sent_ms = std::numeric_limits<std::int64_t>::min();
  EXPECT_EQ(check_fresh(state, extreme, kNow), Refusal::clock);
  extreme.sent_ms = std::numeric_limits<std::int64_t>::max();
  EXPECT_EQ(check_fresh(state, extreme, kNow), Refusal::clock);
}

TEST(FieldTest, FieldsComeBackInOrderAndABrokenOneIsSeen) {
  FieldWriter w;
  w.number(1, 0);
  w.number(2, 0x1234567890abcdef);
  w.text(3, "text");
  FieldReader r(w.bytes());
  std::uint8_t type = 0;
  std::string_view value;
  std::uint64_t number = 1;
  ASSERT_TRUE(r.next(type, value) && FieldReader::number(value, number));
  EXPECT_EQ(number, 0u);
  ASSERT_TRUE(r.next(type, value) && FieldReader::number(value, number));
  EXPECT_EQ(number, 0x1234567890abcdefu);
  ASSERT_TRUE(r.next(type, value));
  EXPECT_EQ(type, 3);
  EXPECT_EQ(value, "text");
  EXPECT_FALSE(r.next(type, value));
  EXPECT_TRUE(r.ok());

  FieldReader broken(std::string_view(w.bytes()).substr(0, w.bytes().size() - 1));
  while (broken.next(type, value)) {
  }
  EXPECT_FALSE(broken.ok());
  EXPECT_FALSE(FieldReader::number("123456789", number));
}

TEST(RefusalTest, EveryReasonHasItsOwnName) {
  std::vector<std::string_view> names;
  for (std::size_t i = 0; i < kRefusals; ++i) names.push_back(name_of(static_cast<Refusal>(i)));
  std::sort(names.begin(), names.end());
  EXPECT_EQ(std::unique(names.begin(), names.end()), names.end());
  EXPECT_NE(names.front(), "");
}

}  // namespace
}  // namespace genkan::cluster
