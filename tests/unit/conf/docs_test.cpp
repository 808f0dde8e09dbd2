// The documents and examples that ship are what the table says.
#include <filesystem>
#include <regex>

#include "conf/table.hpp"
#include "tests/unit/conf/reading.hpp"

namespace genkan::conf {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;

constexpr const char* kHow = " differs from the table of directives. Run `./dev docs` and commit the result.";

TEST(Docs, directives_md_is_what_the_table_says) {
  EXPECT_TRUE(test::slurp(project_file("docs/directives.md")) == directives_markdown()) << "docs/directives.md" << kHow;
}

TEST(Docs, genkan_toml_5_is_what_the_table_says) {
  EXPECT_TRUE(test::slurp(project_file("docs/man/genkan.toml.5")) == directives_man())
      << "docs/man/genkan.toml.5" << kHow;
}

TEST(Docs, full_toml_is_what_the_table_says) {
  EXPECT_TRUE(test::slurp(project_file("conf/full.toml")) == directives_example()) << "conf/full.toml" << kHow;
}

void expect_all(const Section& section, const std::string& dotted, const Conf& conf, const std::string& path) {
  for (const auto& row : section.rows) {
    EXPECT_TRUE(conf.places.contains(path + "." + std::string(row.name))) << dotted << "." << row.name;
  }
  for (const auto& child : section.sections) {
    const std::string index = child.repeated ? "[0]" : "";
    const std::string outer = path.empty() ? "" : path + ".";
    expect_all(child, dotted + "." + std::string(child.name), conf, outer + std::string(child.name) + index);
  }
}

TEST(Docs, full_toml_names_every_directive_and_reads_without_a_problem) {
  const auto result = read_file(project_file("conf/full.toml"));
  ASSERT_THAT(texts(result), IsEmpty());
  expect_all(table(), {}, *result.conf, {});
}

TEST(Docs, full_toml_says_the_defaults) {
  const auto full = read_file(project_file("conf/full.toml"));
  ASSERT_NE(full.conf, nullptr);
  const auto empty = good("");
  EXPECT_EQ(full.conf->node.state_dir, empty->node.state_dir);
  EXPECT_EQ(full.conf->http.max_target, empty->http.max_target);
  EXPECT_EQ(full.conf->smtp.expire, empty->smtp.expire);
  EXPECT_EQ(full.conf->pools.at(0).retries, Pool().retries);
  EXPECT_EQ(full.conf->vips.at(0).advert_interval, Vip().advert_interval);
}

// Every example that ships, as an operator would read it: with the secrets that it asks for.
TEST(Examples, all_read_without_a_problem) {
  const Variable key("GENKAN_CLUSTER_KEY", "0123456789abcdef"), token("GENKAN_ADMIN_TOKEN", "a token");
  int count = 0;
  for (const auto& entry : std::filesystem::directory_iterator(project_file("conf"))) {
    if (entry.path().extension() != ".toml") continue;
    EXPECT_THAT(texts(read_file(entry.path().string())), IsEmpty());
    ++count;
  }
  EXPECT_GE(count, 5);
}

TEST(Examples, the_demo_lets_ports_and_state_be_chosen) {
  const Variable http("GENKAN_HTTP_PORT", "18080"), smtp("GENKAN_SMTP_PORT", "18025"),
      state("GENKAN_STATE_DIR", "/x/state");
  const auto result = read_file(project_file("conf/demo.toml"));
  ASSERT_THAT(texts(result), IsEmpty());
  EXPECT_EQ(result.conf->listens.at(0).address.at(0), "127.0.0.1:18080");
  EXPECT_EQ(result.conf->listens.at(1).address.at(0), "127.0.0.1:8443");
  EXPECT_EQ(result.conf->smtp.listens.at(0).address.at(0), "127.0.0.1:18025");
  EXPECT_EQ(result.conf->node.state_dir, "/x/state");
  EXPECT_TRUE(std::filesystem::exists(result.conf->routes.back().root + "/index.html"));
}

TEST(Docs, the_man_pages_have_no_line_that_roff_takes_for_a_request) {
  static const std::regex request(
      R"(^\.(\\"|TH |SH |SS |TP$|B |I |BR |PP$|RS$|RE$|nf$|fi$|IP ).*|^\.(TP|PP|RS|RE|nf|fi)$)");
  std::istringstream lines(directives_man());
  for (std::string line; std::getline(lines, line);) {
    const bool asks = line.starts_with('.');
    EXPECT_TRUE(!asks || std::regex_match(line, request)) << line;
    EXPECT_FALSE(line.starts_with('\'')) << line;
  }
}

}  // namespace
}  // namespace genkan::conf
