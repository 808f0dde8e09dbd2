#include <gmock/gmock.h>

#include "base/text.hpp"
#include "tests/unit/cache/cache_rig.hpp"

namespace genkan::cache {
namespace {

using http::FieldId;
using http::Method;
using test::Answer;
using test::Ask;
using test::FieldList;
using testing::HasSubstr;

const FieldList kMinute = {{"Cache-Control", "max-age=60"}};

class CacheHandlerTest : public test::CacheRig {
 protected:
  std::size_t asked() const { return origin->seen.size(); }
  void answer_late(net::Event& gate, FieldList fields, std::string content = "content") {
    Answer a;
    a.fields = std::move(fields);
    a.content = std::move(content);
    a.head_gate = &gate;
    origin->script.push_back(std::move(a));
  }
};

TEST_F(CacheHandlerTest, TheSecondRequestIsAnsweredWithoutTheOrigin) {
  answer({{"Cache-Control", "max-age=60"}, {"X-A", "1"}}, "hello");
  auto first = get();
  EXPECT_EQ(first.content, "hello");
  EXPECT_EQ(first.field("Cache-Status"), "genkan; fwd=uri-miss; stored");
  EXPECT_EQ(first.cache_result, "miss");
  auto second = get();
  EXPECT_EQ(second.status, 200);
  EXPECT_EQ(second.content, "hello");
  EXPECT_EQ(second.field("X-A"), "1");
  EXPECT_EQ(second.field("Age"), "0");
  EXPECT_EQ(second.field("Cache-Status"), "genkan; hit; ttl=60");
  EXPECT_EQ(second.cache_result, "hit");
  EXPECT_EQ(asked(), 1u);
  EXPECT_EQ(origin->open, 0);
}

TEST_F(CacheHandlerTest, TheAgeOfTheOriginsOwnCacheCounts) {
  answer({{"Cache-Control", "max-age=60"}, {"Age", "40"}});
  get();
  auto hit = get();
  EXPECT_EQ(hit.field("Age"), "40");
  EXPECT_EQ(hit.field("Cache-Status"), "genkan; hit; ttl=20");
}

TEST_F(CacheHandlerTest, WhatMayNotBeStoredIsHandedOnEveryTime) {
  for (int i = 0; i < 2; ++i) answer({{"Cache-Control", "no-store"}}, std::to_string(i));
  EXPECT_EQ(get().content, "0");
  auto second = get();
  EXPECT_EQ(second.content, "1");
  EXPECT_EQ(second.field("Cache-Status"), "genkan; fwd=uri-miss; detail=no-store");
}

TEST_F(CacheHandlerTest, ACacheStatusOfAnInnerCacheStandsBeforeOurs) {
  answer({{"Cache-Control", "max-age=60"}, {"Cache-Status", "inner; hit"}});
  EXPECT_EQ(get().field("Cache-Status"), "inner; hit, genkan; fwd=uri-miss; stored");
  EXPECT_EQ(get().field("Cache-Status"), "inner; hit, genkan; hit; ttl=60");
}

TEST_F(CacheHandlerTest, ABrokenBodyIsNeverStored) {
  Answer broken;
  broken.fields = kMinute;
  broken.breaks = true;
  origin->script = {broken};
  answer(kMinute, "whole");
  auto first = get();
  EXPECT_FALSE(first.complete);
  EXPECT_EQ(get().content, "whole");
  EXPECT_EQ(asked(), 2u);
  EXPECT_EQ(origin->open, 0);
}

TEST_F(CacheHandlerTest, AContentThatItsClientDidNotTakeIsNotStored) {
  answer(kMinute);
  answer(kMinute, "whole");
  Ask hasty;
  hasty.leave_after = 1;
  get(hasty);
  EXPECT_EQ(origin->open, 0);
  EXPECT_EQ(get().content, "whole");
}

TEST_F(CacheHandlerTest, ATooLargeContentIsHandedOnButNotStored) {
  conf::Cache small;
  small.max_object = 10;
  make(small);
  answer(kMinute, "12345678901");
  auto first = get();
  EXPECT_EQ(first.content, "12345678901");
  EXPECT_EQ(first.field("Cache-Status"), "genkan; fwd=uri-miss; detail=too-large");
  Answer unannounced;
  unannounced.fields = kMinute;
  unannounced.content = "12345678901";
  unannounced.says_length = false;
  origin->script = {unannounced, unannounced};
  EXPECT_EQ(get().content, "12345678901");
  EXPECT_EQ(get().content, "12345678901");
  EXPECT_EQ(asked(), 3u);
}

TEST_F(CacheHandlerTest, AResponseWithoutContentIsStoredToo) {
  answer(kMinute, "", 204);
  get();
  auto hit = get();
  EXPECT_EQ(hit.status, 204);
  EXPECT_EQ(hit.cache_result, "hit");
}

TEST_F(CacheHandlerTest, HeadIsAnsweredFromAStoredGet) {
  answer(kMinute, "hello");
  get();
  Ask head;
  head.method = Method::head;
  auto got = get(head);
  EXPECT_EQ(got.status, 200);
  EXPECT_EQ(got.field("Content-Length"), "5");
  EXPECT_EQ(got.content, "");
  EXPECT_EQ(asked(), 1u);
}

TEST_F(CacheHandlerTest, AClientThatHasItGets304) {
  answer({{"Cache-Control", "max-age=60"}, {"ETag", "\"v1\""}, {"X-Other", "x"}, {"Vary", "Accept"}});
  get();
  auto got = get(FieldList{{"If-None-Match", "W/\"v1\""}});
  EXPECT_EQ(got.status, 304);
  EXPECT_EQ(got.field("ETag"), "\"v1\"");
  EXPECT_EQ(got.field("Vary"), "Accept");
  EXPECT_EQ(got.field("X-Other"), "");
  EXPECT_EQ(got.content, "");
  EXPECT_EQ(get(FieldList{{"If-None-Match", "\"v2\""}}).status, 200);
  EXPECT_EQ(asked(), 1u);
}

TEST_F(CacheHandlerTest, ARangeIsCutOutOfTheStoredContent) {
  answer(kMinute, "0123456789");
  get();
  auto part = get(FieldList{{"Range", "bytes=2-4"}});
  EXPECT_EQ(part.status, 206);
  EXPECT_EQ(part.content, "234");
  EXPECT_EQ(part.field("Content-Range"), "bytes 2-4/10");
  auto beyond = get(FieldList{{"Range", "bytes=10-"}});
  EXPECT_EQ(beyond.status, 416);
  EXPECT_EQ(beyond.field("Content-Range"), "bytes */10");
  EXPECT_EQ(beyond.content, "");
  EXPECT_EQ(get(FieldList{{"Range", "bytes=0-1,3-4"}}).content, "0123456789");
  EXPECT_EQ(asked(), 1u);
}

TEST_F(CacheHandlerTest, ARangeOfWhatIsNotStoredGoesToTheOriginAsItIs) {
  answer({{"Cache-Control", "max-age=60"}, {"Content-Range", "bytes 0-1/10"}}, "01", 206);
  EXPECT_EQ(get(FieldList{{"Range", "bytes=0-1"}}).status, 206);
  EXPECT_EQ(origin->seen[0].get(FieldId::range), "bytes=0-1");
  answer(kMinute, "0123456789");
  EXPECT_EQ(get().content, "0123456789");  // the part was not taken for the whole
  EXPECT_EQ(asked(), 2u);
}

TEST_F(CacheHandlerTest, TheVariantIsStoredUnderWhatTheClientSentAndNotUnderWhatTheProxyMadeOfIt) {
  FieldList vary = {{"Cache-Control", "max-age=60"}, {"Vary", "Accept-Encoding"}};
  answer(vary, "zipped");
  get(FieldList{{"Accept-Encoding", "gzip, br"}});
  EXPECT_EQ(get(FieldList{{"Accept-Encoding", "br,gzip"}}).content, "zipped");
  answer(vary, "plain");
  auto other = get();
  EXPECT_EQ(other.content, "plain");
  EXPECT_EQ(other.field("Cache-Status"), "genkan; fwd=vary-miss; stored");
}

TEST_F(CacheHandlerTest, AStaleResponseIsValidatedAndFreshened) {
  answer({{"Cache-Control", "max-age=60"}, {"Age", "60"}, {"ETag", "\"v1\""}, {"X-A", "old"}}, "hello");
  get();
  answer({{"Cache-Control", "max-age=90"}, {"ETag", "\"v1\""}, {"X-A", "new"}}, "", 304);
  auto got = get();
  EXPECT_EQ(origin->seen[1].get(FieldId::if_none_match), "\"v1\"");
  EXPECT_EQ(got.status, 200);
  EXPECT_EQ(got.content, "hello");
  EXPECT_EQ(got.field("X-A"), "new");
  EXPECT_EQ(got.cache_result, "revalidated");
  EXPECT_EQ(got.field("Cache-Status"), "genkan; fwd=stale; fwd-status=304; ttl=90");
  EXPECT_EQ(get().field("Cache-Status"), "genkan; hit; ttl=90");
  EXPECT_EQ(asked(), 2u);
  EXPECT_EQ(origin->open, 0);
}

TEST_F(CacheHandlerTest, TheClientsOwnConditionIsAnsweredAfterTheValidation) {
  answer({{"Cache-Control", "max-age=60"}, {"Age", "60"}, {"ETag", "\"v1\""}});
  get();
  answer({{"Cache-Control", "max-age=60"}}, "", 304);
  EXPECT_EQ(get(FieldList{{"If-None-Match", "\"mine\", \"v1\""}}).status, 304);
  EXPECT_EQ(origin->seen[1].joined(FieldId::if_none_match), "\"v1\"");
}

TEST_F(CacheHandlerTest, AChangedResponseReplacesTheStaleOne) {
  answer({{"Cache-Control", "max-age=60"}, {"Age", "60"}, {"Last-Modified", "Sun, 06 Nov 1994 08:49:37 GMT"}}, "old");
  get();
  answer(kMinute, "new");
  auto got = get();
  EXPECT_TRUE(origin->seen[1].has(FieldId::if_modified_since));
  EXPECT_EQ(got.content, "new");
  EXPECT_EQ(got.field("Cache-Status"), "genkan; fwd=stale; stored");
  EXPECT_EQ(get().content, "new");
  EXPECT_EQ(asked(), 2u);
}

TEST_F(CacheHandlerTest, A304ForSomethingElseIsAskedForAgainPlainly) {
  answer({{"Cache-Control", "max-age=60"}, {"Age", "60"}, {"ETag", "\"v1\""}}, "old");
  get();
  answer({{"ETag", "\"v2\""}}, "", 304);
  answer({{"Cache-Control", "max-age=60"}, {"ETag", "\"v2\""}}, "new");
  EXPECT_EQ(get().content, "new");
  EXPECT_FALSE(origin->seen[2].has(FieldId::if_none_match));
  EXPECT_EQ(get().content, "new");
  EXPECT_EQ(asked(), 3u);
}

TEST_F(CacheHandlerTest, AfterAnErrorTheStaleOneIsUsedWhereTheOriginAllowsIt) {
  answer({{"Cache-Control", "max-age=60, stale-if-error=60"}, {"Age", "70"}, {"ETag", "\"v1\""}}, "old");
  get();
  answer({}, "broken", 503);
  auto got = get();
  EXPECT_EQ(got.status, 200);
  EXPECT_EQ(got.content, "old");
  EXPECT_EQ(got.cache_result, "stale");
  EXPECT_EQ(got.field("Cache-Status"), "genkan; fwd=stale; fwd-status=503; ttl=-10");
  Answer none;
  none.error = Errc::unavailable;
  origin->script = {none};
  EXPECT_EQ(get().content, "old");
  EXPECT_EQ(origin->open, 0);
}

TEST_F(CacheHandlerTest, AfterAnErrorAStaleOneIsNotUsedWithoutLeave) {
  answer({{"Cache-Control", "max-age=60"}, {"Age", "70"}, {"ETag", "\"v1\""}}, "old");
  get();
  answer({}, "broken", 503);
  EXPECT_EQ(get().status, 503);
}

TEST_F(CacheHandlerTest, TheClientsDirectivesAreObeyed) {
  answer({{"Cache-Control", "max-age=60"}, {"Age", "30"}, {"ETag", "\"v1\""}});
  get();
  EXPECT_EQ(get(FieldList{{"Cache-Control", "only-if-cached"}}).status, 200);
  answer({{"Cache-Control", "max-age=60"}}, "", 304);
  auto reload = get(FieldList{{"Cache-Control", "no-cache"}});
  EXPECT_EQ(reload.field("Cache-Status"), "genkan; fwd=request; fwd-status=304; ttl=60");
  Ask other;
  other.path = "/other";
  other.fields = {{"Cache-Control", "only-if-cached"}};
  EXPECT_EQ(get(other).status, 504);
  EXPECT_EQ(asked(), 2u);
  other.fields = {{"Cache-Control", "no-store"}};
  answer(kMinute);
  answer(kMinute);
  get(other);
  get(other);
  EXPECT_EQ(asked(), 4u);
}

TEST_F(CacheHandlerTest, AnUnsafeMethodThatSucceedsInvalidates) {
  answer(kMinute, "list");
  answer(kMinute, "item");
  Ask item;
  item.path = "/a/1";
  get();
  get(item);
  answer({{"Location", "/a/1"}}, "", 201);
  Ask post;
  post.method = Method::post;
  auto posted = get(post);
  EXPECT_EQ(posted.field("Cache-Status"), "genkan; fwd=method");
  answer(kMinute, "list 2");
  answer(kMinute, "item 2");
  EXPECT_EQ(get().content, "list 2");
  EXPECT_EQ(get(item).content, "item 2");
  answer({}, "", 500);
  get(post);
  EXPECT_EQ(get().content, "list 2");  // a failure changed nothing
}

TEST_F(CacheHandlerTest, ConditionsForTheOriginGoThere) {
  answer(kMinute);
  get();
  answer(kMinute);
  auto got = get(FieldList{{"If-Match", "\"x\""}});
  EXPECT_EQ(got.field("Cache-Status"), "genkan; fwd=bypass");
  EXPECT_EQ(asked(), 2u);
}

TEST_F(CacheHandlerTest, PurgeForgetsAUrlWhenItComesFromAnAllowedAddress) {
  answer(kMinute, "old");
  get();
  Ask purge;
  purge.method = Method::purge;
  purge.client = "192.0.2.1:1";
  EXPECT_EQ(get(purge).status, 403);
  EXPECT_EQ(get().content, "old");
  purge.client = "127.0.0.1:1";
  auto done = get(purge);
  EXPECT_EQ(done.status, 200);
  EXPECT_EQ(done.content, "purged 1\n");
  answer(kMinute, "new");
  EXPECT_EQ(get().content, "new");
  conf::Cache listed;
  listed.purge_from = {base::Cidr::parse("192.0.2.0/24").value()};
  make(listed);
  EXPECT_EQ(get(purge).status, 403);  // who writes a list means it
  purge.client = "192.0.2.1:1";
  EXPECT_EQ(get(purge).content, "purged 0\n");
}

TEST_F(CacheHandlerTest, AResponseThatWasAskedForBeforeAPurgeIsNotStoredAfterIt) {
  net::Event gate(loop);
  answer_late(gate, kMinute, "old");
  auto slow = start({});
  Ask purge;
  purge.method = Method::purge;
  get(purge);
  open(gate);
  EXPECT_EQ(slow->content, "old");
  answer(kMinute, "new");
  EXPECT_EQ(get().content, "new");
}

TEST_F(CacheHandlerTest, ConcurrentMissesBecomeOneRequestToTheOrigin) {
  net::Event gate(loop);
  answer_late(gate, kMinute, "shared");
  std::vector<std::shared_ptr<test::Got>> clients;
  for (int i = 0; i < 10; ++i) clients.push_back(start({}));
  EXPECT_EQ(asked(), 1u);
  EXPECT_EQ(running, 10);
  open(gate);
  EXPECT_EQ(running, 0);
  for (const auto& client : clients) EXPECT_EQ(client->content, "shared");
  EXPECT_EQ(asked(), 1u);
  EXPECT_THAT(clients[5]->field("Cache-Status"), HasSubstr("hit; ttl=60; collapsed"));
  EXPECT_THAT(metrics.prometheus(), HasSubstr("genkan_cache_collapsed_total 9\n"));
}

TEST_F(CacheHandlerTest, WhoWaitedForSomethingThatMayNotBeSharedGoesByItselfAndLaterNobodyWaits) {
  net::Event gate(loop);
  answer_late(gate, {{"Cache-Control", "private"}}, "first");
  auto leader = start({});
  auto waiter = start({});
  EXPECT_EQ(asked(), 1u);
  answer({{"Cache-Control", "private"}}, "second");
  open(gate);
  EXPECT_EQ(leader->content, "first");
  EXPECT_EQ(waiter->content, "second");
  net::Event later(loop);
  answer_late(later, {{"Cache-Control", "private"}});
  answer({{"Cache-Control", "private"}}, "fourth");
  auto third = start({});
  auto fourth = start({});
  EXPECT_EQ(fourth->content, "fourth");
  open(later);
  EXPECT_TRUE(third->done);
}

TEST_F(CacheHandlerTest, WhenTheLeaderBreaksOffOneOfTheWaitingLeads) {
  net::Event gate(loop), second(loop);
  Answer broken;
  broken.head_gate = &gate;
  broken.error = Errc::end_of_stream;
  origin->script = {broken};
  answer_late(second, kMinute, "good");
  auto a = start({}), b = start({}), c = start({});
  open(gate);
  EXPECT_TRUE(a->failed);
  EXPECT_EQ(asked(), 2u);
  open(second);
  EXPECT_EQ(b->content, "good");
  EXPECT_EQ(c->content, "good");
  EXPECT_EQ(asked(), 2u);
}

TEST_F(CacheHandlerTest, NobodyWaitsLongerThanHisPatience) {
  net::Event gate(loop);
  answer_late(gate, kMinute, "late");
  answer(kMinute, "own");
  auto leader = start({});
  auto waiter = start({});
  EXPECT_FALSE(waiter->done);
  on_loop([&] { loop.wheel().advance(loop.now() + Flights::kPatience + 1s); });
  settle();
  EXPECT_EQ(waiter->content, "own");
  EXPECT_FALSE(leader->done);
  open(gate);
  EXPECT_EQ(leader->content, "late");
}

TEST_F(CacheHandlerTest, AStaleResponseIsValidatedOnceForAll) {
  answer({{"Cache-Control", "max-age=60"}, {"Age", "59"}, {"ETag", "\"v1\""}}, "v1");
  get();
  auto until = Clock::now() + 10s;
  while (cache->find("http|example.org|/a", "r", {}).object->age(Clock::now()) < seconds(60) && Clock::now() < until) {
    std::this_thread::yield();
  }
  net::Event gate(loop);
  answer_late(gate, {{"Cache-Control", "max-age=60"}}, "");
  origin->script.front().status = 304;
  auto a = start({}), b = start({});
  EXPECT_EQ(asked(), 2u);
  open(gate);
  EXPECT_EQ(a->content, "v1");
  EXPECT_EQ(b->content, "v1");
  EXPECT_EQ(asked(), 2u);
}

TEST_F(CacheHandlerTest, DifferentRoutesDoNotShareAndDoNotWait) {
  answer(kMinute, "desktop");
  answer(kMinute, "mobile");
  Ask mobile;
  mobile.route = "mobile";
  EXPECT_EQ(get().content, "desktop");
  EXPECT_EQ(get(mobile).content, "mobile");
  EXPECT_EQ(get().content, "desktop");
}

TEST_F(CacheHandlerTest, TheStatusBoardAndTheMetricsShowWhatWasDone) {
  answer(kMinute, "hello");
  get();
  get();
  auto json = board.section("cache").value();
  EXPECT_THAT(json, HasSubstr("\"objects\":1"));
  EXPECT_THAT(json, HasSubstr("\"hit\":1"));
  EXPECT_THAT(json, HasSubstr("\"miss\":1"));
  auto text = metrics.prometheus();
  EXPECT_THAT(text, HasSubstr("genkan_cache_requests_total{result=\"hit\"} 1\n"));
  EXPECT_THAT(text, HasSubstr("genkan_cache_objects 1\n"));
  EXPECT_THAT(text, HasSubstr("genkan_cache_stored_total 1\n"));
  std::string why;
  EXPECT_EQ(board.act("cache_clear", "{}", why).value(), "{\"purged\":1}");
  EXPECT_THAT(metrics.prometheus(), HasSubstr("genkan_cache_objects 0\n"));
}

}  // namespace
}  // namespace genkan::cache
