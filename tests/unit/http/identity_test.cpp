#include "http/identity.hpp"

#include <gtest/gtest.h>

#include <set>
#include <string>

#include "net/loop.hpp"

namespace genkan::http {
namespace {

constexpr const char* kParent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

struct Identity : testing::Test {
  net::Loop loop{1};
  Request r{loop};
  base::Endpoint client{*base::IpAddress::parse("192.0.2.7"), 1, {}};
  conf::Http conf;
  Identity() { r.client = &client; }
  std::string field(FieldId id) { return std::string(r.fields.get(id).value_or("none")); }
};

TEST(TraceParent, is_four_parts_of_fixed_size) {
  const auto p = parse_traceparent(kParent);
  ASSERT_TRUE(p);
  EXPECT_EQ(p->version, "00");
  EXPECT_EQ(p->trace_id, "4bf92f3577b34da6a3ce929d0e0e4736");
  EXPECT_EQ(p->parent_id, "00f067aa0ba902b7");
  EXPECT_EQ(p->flags, "01");
}

TEST(TraceParent, is_refused_when_anything_is_off) {
  for (const char* text : {"", "00", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-0",
                           "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-",
                           "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-x",
                           "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
                           "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
                           "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
                           "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
                           "0g-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
                           "00_4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
                           "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-0g",
                           "01-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01x"}) {
    EXPECT_FALSE(parse_traceparent(text)) << text;
  }
}

TEST(TraceParent, may_be_of_a_later_version_with_more_behind_it) {
  EXPECT_TRUE(parse_traceparent("cc-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"));
  EXPECT_TRUE(parse_traceparent("cc-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-what-the-future"));
}

TEST_F(Identity, nothing_is_added_unless_asked_for) {
  identify(r, conf);
  EXPECT_EQ(r.fields.entries(), 0u);
}

TEST_F(Identity, every_request_gets_an_id_of_its_own) {
  conf.request_id = true;
  std::set<std::string> ids;
  for (int i = 0; i < 100; ++i) {
    r.fields.clear();
    identify(r, conf);
    ids.insert(field(FieldId::x_request_id));
    EXPECT_EQ(field(FieldId::x_request_id).size(), 32u);
  }
  EXPECT_EQ(ids.size(), 100u);
}

TEST_F(Identity, an_id_of_a_stranger_is_replaced) {
  conf.request_id = true;
  r.fields.add(FieldId::x_request_id, "mine");
  identify(r, conf);
  EXPECT_NE(field(FieldId::x_request_id), "mine");
  EXPECT_EQ(r.fields.count(FieldId::x_request_id), 1u);
}

TEST_F(Identity, an_id_of_a_trusted_peer_is_kept_when_it_is_harmless) {
  conf.request_id = true;
  conf.request_id_from = {*base::Cidr::parse("192.0.2.0/24")};
  r.fields.add(FieldId::x_request_id, "from-the-front");
  identify(r, conf);
  EXPECT_EQ(field(FieldId::x_request_id), "from-the-front");
  for (const std::string& bad : {std::string(), std::string("a b"), std::string("a\"b"), std::string(129, 'a')}) {
    r.fields.clear();
    r.fields.add(FieldId::x_request_id, bad);
    identify(r, conf);
    EXPECT_EQ(field(FieldId::x_request_id).size(), 32u) << bad;
    EXPECT_NE(field(FieldId::x_request_id), bad);
  }
  r.fields.clear();
  r.fields.add(FieldId::x_request_id, "one");
  r.fields.add(FieldId::x_request_id, "two");
  identify(r, conf);
  EXPECT_EQ(r.fields.count(FieldId::x_request_id), 1u);
  EXPECT_EQ(field(FieldId::x_request_id).size(), 32u);
}

TEST_F(Identity, a_valid_trace_is_passed_on_untouched) {
  conf.trace = true;
  r.fields.add(FieldId::traceparent, kParent);
  r.fields.add(FieldId::tracestate, "vendor=1");
  identify(r, conf);
  EXPECT_EQ(field(FieldId::traceparent), kParent);
  EXPECT_EQ(field(FieldId::tracestate), "vendor=1");
}

TEST_F(Identity, a_missing_trace_is_begun_and_sampled_as_configured) {
  conf.trace = true;
  r.fields.add(FieldId::tracestate, "vendor=1");
  identify(r, conf);
  const auto p = parse_traceparent(field(FieldId::traceparent));
  EXPECT_TRUE(p);
  EXPECT_TRUE(field(FieldId::traceparent).ends_with("-01"));
  EXPECT_EQ(field(FieldId::tracestate), "none");
  conf.trace_sample = 0;
  r.fields.clear();
  identify(r, conf);
  EXPECT_TRUE(field(FieldId::traceparent).ends_with("-00"));
}

TEST_F(Identity, a_malformed_or_doubled_trace_is_replaced_with_its_state) {
  conf.trace = true;
  r.fields.add(FieldId::traceparent, "00-zz");
  r.fields.add(FieldId::tracestate, "vendor=1");
  identify(r, conf);
  EXPECT_TRUE(parse_traceparent(field(FieldId::traceparent)));
  EXPECT_EQ(field(FieldId::tracestate), "none");
  r.fields.clear();
  r.fields.add(FieldId::traceparent, kParent);
  r.fields.add(FieldId::traceparent, kParent);
  identify(r, conf);
  EXPECT_EQ(r.fields.count(FieldId::traceparent), 1u);
  EXPECT_NE(field(FieldId::traceparent), kParent);
}

TEST_F(Identity, a_later_version_goes_on_as_ours) {
  conf.trace = true;
  r.fields.add(FieldId::traceparent, "cc-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-ff-more");
  identify(r, conf);
  EXPECT_EQ(field(FieldId::traceparent), kParent);
}

}  // namespace
}  // namespace genkan::http
