#include "cache/key.hpp"

#include <gtest/gtest.h>

#include "cache/status_field.hpp"
#include "net/loop.hpp"
#include "tests/unit/cache/fields_of.hpp"

namespace genkan::cache {
namespace {

using test::fields_of;

TEST(UrlKey, OneUrlHasOneKey) {
  auto key = url_key("http", "Example.org:80", "/a", true, "b=C");
  EXPECT_EQ(key, "http|example.org|/a?b=C");
  EXPECT_EQ(url_key_of("HTTP://EXAMPLE.org/x/../a?b=C").value(), key);
  EXPECT_EQ(url_key("https", "example.org:443", "/", false, ""), url_key_of("https://example.org").value());
}

TEST(UrlKey, WhatDiffersHasAnotherKey) {
  auto key = url_key("http", "h", "/a", false, "");
  EXPECT_NE(key, url_key("https", "h", "/a", false, ""));
  EXPECT_NE(key, url_key("http", "h:8080", "/a", false, ""));
  EXPECT_NE(key, url_key("http", "h", "/A", false, ""));
  EXPECT_NE(key, url_key("http", "h", "/a", true, ""));
  EXPECT_NE(url_key("http", "h:443", "/", false, ""), url_key("http", "h", "/", false, ""));
}

TEST(UrlKey, OnlyAbsoluteUrlsOfTheWebHaveOne) {
  for (const char* bad : {"", "/a", "ftp://h/", "http://", "http://user@h/", "http://h/%zz", "http://h/ x", "h"}) {
    EXPECT_FALSE(url_key_of(bad)) << bad;
  }
}

TEST(UrlKey, ARelatedUrlMustLieOnTheSameOrigin) {
  net::Loop loop(1);
  http::Request r(loop);
  r.scheme = "http";
  r.authority = "example.org:8080";
  EXPECT_EQ(related_key(r, "/b?c#frag"), "http|example.org:8080|/b?c");
  EXPECT_EQ(related_key(r, "http://EXAMPLE.org:8080/b"), "http|example.org:8080|/b");
  for (const char* other : {"http://example.org/b", "https://example.org:8080/b", "//evil.example/b",
                            "http://evil.example/", "http://example.org:8080.evil.example/", "relative", "", "#"}) {
    EXPECT_EQ(related_key(r, other), "") << other;
  }
}

TEST(UrlKey, BothSchemesAreFoundFromEach) {
  EXPECT_EQ(other_scheme("http|h|/"), "https|h|/");
  EXPECT_EQ(other_scheme("https|h|/"), "http|h|/");
}

TEST(Vary, NamesAreSortedAndEachStandsOnce) {
  EXPECT_EQ(vary_names(fields_of({{"Vary", "B, a"}, {"vary", "A ,c"}})), (std::vector<std::string>{"a", "b", "c"}));
  EXPECT_TRUE(vary_names({}).empty());
}

std::string key_of(std::string_view name,
                   std::initializer_list<std::pair<std::string_view, std::string_view>> request) {
  return vary_key({std::string(name)}, fields_of(request));
}

TEST(Vary, SpacesAndLinesDoNotMatterButOrderAndCaseDo) {
  EXPECT_EQ(key_of("x-a", {{"X-A", "1,2"}}), key_of("x-a", {{"X-A", "1"}, {"x-a", " 2 "}}));
  EXPECT_NE(key_of("x-a", {{"X-A", "1,2"}}), key_of("x-a", {{"X-A", "2,1"}}));
  EXPECT_NE(key_of("x-a", {{"X-A", "a"}}), key_of("x-a", {{"X-A", "A"}}));
  EXPECT_NE(key_of("x-a", {}), key_of("x-a", {{"X-A", ""}}));
}

TEST(Vary, TheOrderOfAcceptedEncodingsDoesNotMatter) {
  EXPECT_EQ(key_of("accept-encoding", {{"Accept-Encoding", "gzip, BR;q=0.5"}}),
            key_of("accept-encoding", {{"Accept-Encoding", "br; q=0.5,gzip"}}));
  EXPECT_NE(key_of("accept-encoding", {{"Accept-Encoding", "gzip"}}), key_of("accept-encoding", {}));
}

TEST(Vary, OneFieldCannotPretendToBeTwo) {
  std::vector<std::string> names = {"a", "b"};
  EXPECT_NE(vary_key(names, fields_of({{"A", "1"}, {"B", "2"}})), vary_key(names, fields_of({{"A", "1,2"}})));
}

TEST(CacheStatus, IsWrittenByRfc9211) {
  CacheStatus hit;
  hit.hit = true;
  hit.ttl = std::chrono::seconds(30);
  EXPECT_EQ(cache_status_text("genkan", hit), "genkan; hit; ttl=30");
  CacheStatus miss;
  miss.forward = Forward::uri_miss;
  miss.stored = true;
  miss.collapsed = true;
  EXPECT_EQ(cache_status_text("genkan", miss), "genkan; fwd=uri-miss; stored; collapsed");
  CacheStatus validated;
  validated.forward = Forward::stale;
  validated.forward_status = 304;
  validated.ttl = std::chrono::seconds(-5);
  validated.detail = "x";
  EXPECT_EQ(cache_status_text("front 1", validated), "\"front 1\"; fwd=stale; fwd-status=304; ttl=-5; detail=x");
  EXPECT_EQ(cache_status_text("a\"\\\n\xff", {}), "\"a\\\"\\\\\"");
}

}  // namespace
}  // namespace genkan::cache
