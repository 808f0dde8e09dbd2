#include "smtp/operate/queue_filter.hpp"

#include <gtest/gtest.h>

#include "smtp/operate/queue_ages.hpp"
#include "smtp/relay.hpp"
#include "support.hpp"

namespace genkan::smtp {
namespace {

using testing_support::make_message;
using testing_support::Quiet;
using testing_support::TempDir;

TEST(QueueFilter, MatchesAddressesDomainsAndTheNullSender) {
  EXPECT_TRUE(address_matches("A@b.example", "a@B.example"));
  EXPECT_TRUE(address_matches("@b.example", "x@B.example"));
  EXPECT_FALSE(address_matches("@b.example", "x@sub.b.example"));
  EXPECT_TRUE(address_matches("<>", ""));
  EXPECT_FALSE(address_matches("<>", "a@b.example"));
}

TEST(QueueFilter, RefusesWhatItDoesNotUnderstand) {
  std::string why;
  EXPECT_FALSE(read_filter({{"state", "odd"}}, why));
  EXPECT_FALSE(read_filter({{"older", "soon"}}, why));
  EXPECT_FALSE(read_filter({{"after", "!"}}, why));
  const auto filter = read_filter({{"older", "4h"}, {"state", "held"}}, why);
  ASSERT_TRUE(filter);
  EXPECT_EQ(filter->older_s, 4 * 3600);
  EXPECT_TRUE(filter->selects());
  EXPECT_FALSE(read_filter({{"after", "1"}}, why)->selects());
}

TEST(QueueFilter, GoesOnWhereItStopped) {
  TempDir dir;
  Quiet quiet;
  SpoolOptions options;
  options.dir = dir.path() + "/spool";
  options.min_free = 0;
  std::string why;
  auto spool = Spool::open(options, quiet.telemetry, why);
  ASSERT_TRUE(spool) << why;
  for (int i = 0; i < 10; ++i) {
    const auto to = i % 2 ? "relay:odd" : "relay:even";
    ASSERT_TRUE((*spool)->append_blocking(make_message((*spool)->reserve_ids(1), "x", to)));
  }
  QueueFilter filter;
  filter.destination = "relay:odd";
  std::vector<std::uint64_t> ids;
  for (;;) {
    const auto part = select_items(**spool, filter, 2, 1'800'000'000);
    for (const auto& item : part.items) ids.push_back(item.id);
    if (!part.more) break;
    ASSERT_GT(part.last, filter.after);
    filter.after = part.last;
  }
  EXPECT_EQ(ids.size(), 5u);
  EXPECT_TRUE(std::is_sorted(ids.begin(), ids.end()));
  filter = {};
  filter.sender = "sender@client.example";
  EXPECT_EQ(select_items(**spool, filter, 100, 1'800'000'000).items.size(), 10u);
  filter.recipient = "nobody@x.example";
  EXPECT_TRUE(select_items(**spool, filter, 100, 1'800'000'000).items.empty());
}

TEST(QueueAges, AreCountedAsQshapeDoes) {
  EXPECT_EQ(age_bucket(-5), 0u);
  EXPECT_EQ(age_bucket(299), 0u);
  EXPECT_EQ(age_bucket(300), 1u);
  EXPECT_EQ(age_bucket(1280 * 60), kAgeBounds.size());
}

TEST(Window, BeginsSmallGrowsFastAndIsHalvedOnceASecond) {
  MemberState member;
  EXPECT_EQ(window_of(member, 20), 4u);
  EXPECT_EQ(window_of(member, 2), 2u);
  for (int i = 0; i < 100; ++i) window_grows(member, 20);
  EXPECT_EQ(window_of(member, 20), 20u);
  const Time now{std::chrono::hours(1)};
  for (int i = 0; i < 20; ++i) window_halves(member, now);
  EXPECT_EQ(window_of(member, 20), 10u);
  for (int s = 1; s < 10; ++s) window_halves(member, now + std::chrono::seconds(s));
  EXPECT_EQ(window_of(member, 20), 1u);
  for (int i = 0; i < 4; ++i) window_grows(member, 20);
  EXPECT_LE(window_of(member, 20), 4u) << "slowly from where it broke";
}

}  // namespace
}  // namespace genkan::smtp
