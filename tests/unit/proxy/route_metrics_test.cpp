#include "proxy/route_metrics.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace genkan::proxy {
namespace {

using testing::HasSubstr;
using testing::Not;

struct RouteFigures : testing::Test {
  base::Log log{{.level = base::Level::error}};
  base::Metrics metrics;
  base::StatusBoard status;
  base::Telemetry telemetry{log, metrics, status};
  RouteMetrics routes{telemetry};
  static conf::Route route(std::string name, std::string where = "a.toml:1") {
    conf::Route r;
    r.name = std::move(name);
    r.where = std::move(where);
    r.pool = "web";
    return r;
  }
};

TEST_F(RouteFigures, are_named_by_the_routes_name_or_its_index) {
  const std::vector<conf::Route> table = {route("shop"), route("a.toml:9", "a.toml:9")};
  routes.table(table);
  const auto text = metrics.prometheus();
  EXPECT_THAT(text, HasSubstr("genkan_route_responses_total{route=\"shop\",class=\"2xx\"} 0"));
  EXPECT_THAT(text, HasSubstr("genkan_route_responses_total{route=\"route[1]\",class=\"5xx\"} 0"));
  EXPECT_THAT(text, HasSubstr("genkan_route_request_duration_seconds_count{route=\"(none)\"} 0"));
  EXPECT_THAT(text, Not(HasSubstr("a.toml")));
}

TEST_F(RouteFigures, stay_the_same_over_a_reload) {
  const auto before = routes.table({route("shop")});
  const auto after = routes.table({route("new"), route("shop")});
  EXPECT_EQ((*before)[0], (*after)[1]);
  EXPECT_EQ(before->back(), after->back());
}

TEST_F(RouteFigures, are_bounded_however_many_routes_there_are) {
  std::vector<conf::Route> many;
  for (int i = 0; i < 1000; ++i) many.push_back(route("r" + std::to_string(i)));
  const auto table = routes.table(many);
  EXPECT_EQ(table->size(), 1001u);
  EXPECT_EQ((*table)[900], (*table)[999]);
  EXPECT_NE((*table)[0], (*table)[999]);
  EXPECT_NE(table->back(), (*table)[999]);
  EXPECT_THAT(metrics.prometheus(), HasSubstr("route=\"(other)\""));
}

TEST_F(RouteFigures, the_section_has_rates_quantiles_and_errors_of_a_recent_window) {
  const std::vector<conf::Route> list = {route("shop")};
  const auto table = routes.table(list);
  routes.show(list);
  Time now = Clock::now();
  const auto& shop = *(*table)[0];
  for (int i = 0; i < 100; ++i) {
    shop.by_class[i < 10 ? 5 : 2]->add();
    shop.duration->record(std::chrono::milliseconds(i < 98 ? 10 : 500));
  }
  now += std::chrono::seconds(1);
  routes.sample(now);
  const auto text = routes.json(now);
  EXPECT_THAT(text, HasSubstr("\"name\":\"shop\",\"action\":\"web\",\"requests\":100,\"requests_per_second\":100.0"));
  EXPECT_THAT(text, HasSubstr("\"errors\":10,\"recent_requests\":100,\"recent_errors\":10"));
  EXPECT_THAT(text, testing::ContainsRegex("\"p50_ms\":(9|10)\\."));
  EXPECT_THAT(text, testing::ContainsRegex("\"p99_ms\":(4[89]|5[0-3])"));
  for (int i = 0; i < 120; ++i) routes.sample(now += std::chrono::seconds(1));
  EXPECT_THAT(routes.json(now), HasSubstr("\"requests_per_second\":0.0,\"p50_ms\":0.000,\"p99_ms\":0.000,\"errors\":10,"
                                          "\"recent_requests\":0,\"recent_errors\":0"));
}

TEST(StatusClass, is_by_hundreds_and_apart_for_clients_that_left) {
  EXPECT_EQ(status_class(499), 0);
  EXPECT_EQ(status_class(200), 2);
  EXPECT_EQ(status_class(503), 5);
  EXPECT_EQ(status_class(0), -1);
  EXPECT_EQ(status_class(600), -1);
}

}  // namespace
}  // namespace genkan::proxy
