#include "cache/store.hpp"

#include <gtest/gtest.h>

#include <random>
#include <thread>

#include "cache/key.hpp"
#include "tests/unit/cache/fields_of.hpp"

namespace genkan::cache {
namespace {

using test::fields_of;

ObjectPtr object(std::string content, std::string scope = "r", std::string_view vary = {},
                 const http::Fields& request = {}) {
  auto o = std::make_shared<Object>();
  o->content = std::make_shared<const std::string>(std::move(content));
  o->scope = std::move(scope);
  if (!vary.empty()) o->fields.add("Vary", vary);
  o->vary_names = vary_names(o->fields);
  o->vary_key = vary_key(o->vary_names, request);
  o->received = Clock::now();
  return o;
}

std::string content_of(Store& store, const std::string& key, const http::Fields& request = {},
                       std::string_view scope = "r") {
  auto found = store.find(key, scope, request);
  return found.object ? *found.object->content : "nothing";
}

TEST(Store, GivesBackWhatWasPutIn) {
  Store store({});
  EXPECT_TRUE(store.insert("k", object("one")));
  EXPECT_EQ(content_of(store, "k"), "one");
  EXPECT_EQ(content_of(store, "other"), "nothing");
  EXPECT_TRUE(store.insert("k", object("two")));
  EXPECT_EQ(content_of(store, "k"), "two");
  EXPECT_EQ(store.numbers().objects, 1u);
}

TEST(Store, RoutesDoNotSeeEachOthersResponses) {
  Store store({});
  store.insert("k", object("desktop", "desktop"));
  store.insert("k", object("mobile", "mobile"));
  EXPECT_EQ(content_of(store, "k", {}, "desktop"), "desktop");
  EXPECT_EQ(content_of(store, "k", {}, "mobile"), "mobile");
  EXPECT_FALSE(store.find("k", "tablet", {}).other_variants);
}

TEST(Store, TheRequestSelectsTheVariant) {
  Store store({});
  auto gzip = fields_of({{"Accept-Encoding", "gzip"}});
  store.insert("k", object("zipped", "r", "Accept-Encoding", gzip));
  store.insert("k", object("plain", "r", "Accept-Encoding"));
  EXPECT_EQ(content_of(store, "k", gzip), "zipped");
  EXPECT_EQ(content_of(store, "k"), "plain");
  auto none = store.find("k", "r", fields_of({{"Accept-Encoding", "br"}}));
  EXPECT_FALSE(none.object);
  EXPECT_TRUE(none.other_variants);
}

TEST(Store, OfSeveralThatFitTheLatestIsTaken) {
  Store store({});
  store.insert("k", object("old", "r", "X-A"));
  store.insert("k", object("new", "r", "X-B"));
  EXPECT_EQ(content_of(store, "k"), "new");
}

TEST(Store, OneUrlHasOnlySoManyVariants) {
  Store store({.bytes = 64u << 20, .variants = 4});
  for (int i = 0; i < 100; ++i) {
    auto request = fields_of({{"X", std::to_string(i)}});
    store.insert("k", object(std::to_string(i), "r", "X", request));
  }
  EXPECT_EQ(store.numbers().objects, 4u);
  EXPECT_EQ(content_of(store, "k", fields_of({{"X", "99"}})), "99");
  EXPECT_EQ(content_of(store, "k", fields_of({{"X", "1"}})), "nothing");
}

TEST(Store, StaysBelowItsLimit) {
  Store store({.bytes = 1u << 20});
  for (int i = 0; i < 2000; ++i) {
    store.insert("k" + std::to_string(i), object(std::string(4000, 'x')));
    ASSERT_LE(store.numbers().bytes, 1u << 20);
  }
  auto n = store.numbers();
  EXPECT_GT(n.objects, 150u);
  EXPECT_EQ(n.inserted, 2000u);
  EXPECT_EQ(n.evicted, 2000 - n.objects);
  EXPECT_FALSE(store.insert("big", object(std::string(1u << 20, 'x'))));
}

TEST(Store, WhatIsUsedSurvivesACrawlThroughEverythingElse) {
  Store store({.bytes = 1u << 20});
  for (int i = 0; i < 20; ++i) store.insert("hot" + std::to_string(i), object(std::string(4000, 'h')));
  for (int i = 0; i < 5000; ++i) {
    store.insert("cold" + std::to_string(i), object(std::string(4000, 'c')));
    content_of(store, "hot" + std::to_string(i % 20));
  }
  for (int i = 0; i < 20; ++i) EXPECT_NE(content_of(store, "hot" + std::to_string(i)), "nothing") << i;
}

TEST(Store, KeepsMoreOfASkewedLoadThanFirstInFirstOutWould) {
  std::mt19937 random(1);
  std::vector<double> weights;
  for (int i = 1; i <= 2000; ++i) weights.push_back(1.0 / i);
  std::discrete_distribution<int> zipf(weights.begin(), weights.end());
  Store store({.bytes = 200 * 4600});
  int hits = 0;
  for (int i = 0; i < 20'000; ++i) {
    auto key = "k" + std::to_string(zipf(random));
    if (store.find(key, "r", {}).object) {
      ++hits;
    } else {
      store.insert(key, object(std::string(4000, 'x')));
    }
  }
  EXPECT_GT(hits, 13'000);  // measured here: 13,285; least recently used 12,290, first in first out 11,242
}

TEST(Store, APurgeTakesAllVariantsAndRoutes) {
  Store store({});
  store.insert("k", object("a", "r1"));
  store.insert("k", object("b", "r2", "X"));
  store.insert("l", object("c"));
  EXPECT_EQ(store.purge("k"), 2u);
  EXPECT_EQ(store.purge("k"), 0u);
  EXPECT_EQ(content_of(store, "k"), "nothing");
  EXPECT_EQ(content_of(store, "l"), "c");
  EXPECT_EQ(store.clear(), 1u);
  EXPECT_EQ(store.numbers().bytes, 0u);
  EXPECT_EQ(store.numbers().objects, 0u);
}

TEST(Store, AFreshenedResponseDoesNotBringAPurgedOneBack) {
  Store store({});
  auto old = object("v");
  store.insert("k", old);
  EXPECT_TRUE(store.replace("k", old, object("fresh")));
  EXPECT_EQ(content_of(store, "k"), "fresh");
  EXPECT_FALSE(store.replace("k", old, object("again")));
  store.purge("k");
  EXPECT_FALSE(store.replace("k", old, object("again")));
  EXPECT_EQ(content_of(store, "k"), "nothing");
}

TEST(Store, ASmallerLimitAppliesAtOnce) {
  Store store({.bytes = 1u << 20});
  for (int i = 0; i < 100; ++i) store.insert("k" + std::to_string(i), object(std::string(4000, 'x')));
  store.set_limit(100'000);
  EXPECT_LE(store.numbers().bytes, 100'000u);
  store.set_limit(0);
  EXPECT_EQ(store.numbers().objects, 0u);
  EXPECT_FALSE(store.insert("k", object("x")));
}

TEST(Store, ServesManyThreadsAtOnce) {
  Store store({.bytes = 300'000});
  std::vector<std::thread> threads;
  std::atomic<bool> wrong{false};
  for (unsigned t = 0; t < 4; ++t) {
    threads.emplace_back([&store, &wrong, t] {
      std::mt19937 random(t);
      for (int i = 0; i < 10'000; ++i) {
        auto n = random() % 200;
        auto key = "k" + std::to_string(n);
        auto found = store.find(key, "r", {});
        if (found.object && !found.object->content->starts_with(key + "|")) wrong = true;
        if (!found.object) store.insert(key, object(key + "|" + std::string(random() % 5000, 'x')));
        if (n == 0) store.purge("k" + std::to_string(random() % 200));
        if (found.object && n == 1) store.replace(key, found.object, object(key + "|new"));
      }
    });
  }
  for (auto& t : threads) t.join();
  EXPECT_FALSE(wrong);
  EXPECT_LE(store.numbers().bytes, 300'000u);
}

}  // namespace
}  // namespace genkan::cache
