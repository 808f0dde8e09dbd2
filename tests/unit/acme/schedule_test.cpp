// When a certificate is ordered.
#include "acme/schedule.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "acme/store.hpp"
#include "tests/unit/temp_dir.hpp"

namespace genkan::acme {
namespace {

using namespace std::chrono_literals;

const WallTime kStart = WallTime(std::chrono::seconds(1'700'000'000));
constexpr auto kDay = 24h;

TEST(Renewal, is_due_when_two_thirds_are_over_and_a_little_earlier_by_chance) {
  EXPECT_EQ(renewal_time(kStart, kStart + 90 * kDay, 0s, 0), kStart + 60 * kDay);
  EXPECT_GT(renewal_time(kStart, kStart + 90 * kDay, 0s, 999), kStart + 57 * kDay);
  EXPECT_LT(renewal_time(kStart, kStart + 90 * kDay, 0s, 999), kStart + 60 * kDay);
  EXPECT_NE(renewal_time(kStart, kStart + 90 * kDay, 0s, 1), renewal_time(kStart, kStart + 90 * kDay, 0s, 2));
}

TEST(Renewal, a_directive_says_otherwise_but_never_before_the_middle) {
  EXPECT_EQ(renewal_time(kStart, kStart + 90 * kDay, 10 * kDay, 0), kStart + 80 * kDay);
  EXPECT_EQ(renewal_time(kStart, kStart + 6 * kDay, 30 * kDay, 0), kStart + 3 * kDay);
}

TEST(Renewal, a_certificate_that_ends_before_it_begins_does_no_harm) {
  EXPECT_EQ(renewal_time(kStart, kStart - kDay, 0s, 500), kStart);
}

TEST(BackOff, doubles_up_to_a_day_with_some_jitter_and_heeds_the_ca) {
  EXPECT_EQ(back_off(1, 1h, 0s, 0), 1h);
  EXPECT_EQ(back_off(2, 1h, 0s, 0), 2h);
  EXPECT_EQ(back_off(4, 1h, 0s, 0), 8h);
  EXPECT_EQ(back_off(6, 1h, 0s, 0), 24h);
  EXPECT_EQ(back_off(4'000'000'000u, 1h, 0s, 0), 24h);
  EXPECT_GT(back_off(1, 1h, 0s, 999), 65min);
  EXPECT_LT(back_off(1, 1h, 0s, 999), 66min);
  EXPECT_EQ(back_off(1, 1h, 50h, 0), 50h) << "the CA's wish counts more";
}

conf::Certificate wanted(std::vector<std::string> names) {
  conf::Certificate out;
  out.names = std::move(names);
  return out;
}

TEST(Due, at_once_without_a_certificate_or_for_other_names) {
  base::CertificateFacts facts{{"a.example"}, kStart, kStart + 90 * kDay};
  const WallTime now = kStart + kDay;
  EXPECT_EQ(due({}, wanted({"a.example"}), {}, 0s, 0, now).at, now);
  EXPECT_EQ(due(facts, wanted({"a.example"}), {}, 0s, 0, now).at, kStart + 60 * kDay);
  EXPECT_EQ(due(facts, wanted({"a.example", "b.example"}), {}, 0s, 0, now).why, "its names have changed");
  EXPECT_EQ(due(facts, wanted({"a.example"}), {}, 0s, 0, kStart + 91 * kDay).why, "its end has come");
}

TEST(Due, never_before_the_back_off_is_over) {
  Record record;
  record.failures = 2;
  record.not_before = kStart + 10 * kDay;
  EXPECT_EQ(due({}, wanted({"a.example"}), record, 0s, 0, kStart).at, record.not_before);
  record.failures = 0;  // it keeps short-lived certificates from being ordered without a pause, nothing else
  EXPECT_EQ(due({}, wanted({"a.example"}), record, 0s, 0, kStart).at, kStart);
  base::CertificateFacts facts{{"a.example"}, kStart, kStart + 3s};
  EXPECT_EQ(due(facts, wanted({"a.example"}), record, 0s, 0, kStart + 2s).at, record.not_before);
}

TEST(AcmeState, survives_being_written_and_read) {
  State state;
  state.directory = "https://c/dir thumb";
  state.account = "https://c/acct/1";
  state.records["a.example"] = {3, kStart + 1h, kStart, "refused \"so\"", "do \n this"};
  const State again = read_state(write_state(state));
  EXPECT_EQ(again.account, state.account);
  EXPECT_EQ(again.directory, state.directory);
  const Record& record = again.records.at("a.example");
  EXPECT_EQ(record.failures, 3u);
  EXPECT_EQ(record.not_before, kStart + 1h);
  EXPECT_EQ(record.error, "refused \"so\"");
}

TEST(AcmeState, nonsense_is_no_state) {
  for (const char* text : {"", "[]", "{", "{\"certificates\":7}", "{\"certificates\":{\"a\":{\"failures\":-1}}}",
                           "{\"account\":\"ftp://x\"}"}) {
    const State state = read_state(text);
    EXPECT_EQ(state.account, "") << text;
    for (const auto& [name, record] : state.records) EXPECT_EQ(record.failures, 0u);
  }
}

TEST(AcmeStore, keys_and_certificates_are_for_us_alone) {
  const test::TempDir dir;
  const Store store(dir / "acme");
  ASSERT_TRUE(store.prepare());
  std::string why;
  const auto key = store.account_key("", why);
  ASSERT_TRUE(key) << why;
  EXPECT_EQ(store.account_key("", why)->point().x, key->point().x) << "made once";
  ASSERT_TRUE(store.save_certificate("a.example", key->pem(), *key->alpn_certificate("a.example", {})));
  using std::filesystem::perms;
  const auto mode = [&](const std::string& name) { return std::filesystem::status(dir / name).permissions(); };
  EXPECT_EQ(mode("acme"), perms::owner_all);
  EXPECT_EQ(mode("acme/account.key"), perms::owner_read | perms::owner_write);
  EXPECT_EQ(mode("acme/a.example.pem"), perms::owner_read | perms::owner_write);
  ASSERT_TRUE(store.certificate("a.example"));
  std::string chain, pem;
  ASSERT_TRUE(store.read_certificate("a.example", chain, pem));
  EXPECT_EQ(pem, key->pem());
  EXPECT_TRUE(chain.starts_with("-----BEGIN CERTIFICATE"));
}

TEST(AcmeStore, a_broken_file_is_no_certificate) {
  const test::TempDir dir;
  const Store store(dir / "acme");
  ASSERT_TRUE(store.prepare());
  EXPECT_FALSE(store.certificate("a.example"));
  dir.write("acme/a.example.pem", "garbage");
  EXPECT_FALSE(store.certificate("a.example"));
  const auto one = base::EcKey::generate(), two = base::EcKey::generate();
  ASSERT_TRUE(store.save_certificate("a.example", one->pem(), *two->alpn_certificate("a.example", {})));
  EXPECT_FALSE(store.certificate("a.example")) << "another's key";
  dir.write("acme/account.key", "garbage");
  std::string why;
  EXPECT_FALSE(store.account_key("", why));
  EXPECT_THAT(why, testing::HasSubstr("account.key is no EC key"));
}

}  // namespace
}  // namespace genkan::acme
