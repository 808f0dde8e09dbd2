// The table of directives is whole and consistent: what no compiler checks.
#include "conf/table.hpp"

#include <limits>
#include <set>
#include <type_traits>
#include <utility>

#include "conf/chain.hpp"
#include "tests/unit/conf/reading.hpp"

namespace genkan::conf {
namespace {

// The number of fields of a struct: the most initialisers that it takes.
struct Anything {
  template <class T>
  operator T&() const;
  template <class T>
  operator T&&() const;
};
template <class S, std::size_t... I>
constexpr bool takes(std::index_sequence<I...>) {
  return requires { S{((void)I, Anything{})...}; };
}
template <class S, std::size_t N = 60>
constexpr std::size_t fields() {
  if constexpr (N == 0) {
    return 0;
  } else if constexpr (takes<S>(std::make_index_sequence<N>())) {
    return N;
  } else {
    return fields<S, N - 1>();
  }
}

template <class F>
void each(const Section& section, F visit) {
  for (const auto& child : section.sections) {
    visit(child);
    each(child, visit);
  }
}

const Section& section(std::string_view dotted) {
  const Section* found = &table();
  while (found != nullptr && !dotted.empty()) {
    const auto dot = dotted.find('.');
    found = found->find_section(dotted.substr(0, dot));
    dotted = dot == std::string_view::npos ? std::string_view{} : dotted.substr(dot + 1);
  }
  EXPECT_NE(found, nullptr);
  return found == nullptr ? table() : *found;
}

template <class S>
void expect_whole(std::string_view name, std::size_t others = 0) {
  const Section& s = section(name);
  EXPECT_EQ(s.rows.size() + s.sections.size() + others, fields<S>())
      << "[" << name << "]: a field of its struct in conf/conf.hpp has no row in conf/table_*.cpp";
}

TEST(Table, every_field_of_every_struct_has_a_row) {
  expect_whole<Node>("node");
  expect_whole<base::LogOptions>("log");
  expect_whole<AccessLog>("access_log");
  expect_whole<Listen>("listen");
  expect_whole<Certificate>("certificate");
  expect_whole<Tls>("tls");
  expect_whole<Http>("http");
  expect_whole<Pool>("pool");
  expect_whole<Backend>("pool.backend");
  expect_whole<Health>("pool.health");
  expect_whole<Route>("route", 1);  // `where` is not a directive
  expect_whole<RouteSplit>("route.split");
  expect_whole<RouteFields>("route.request");
  expect_whole<RouteFields>("route.response");
  expect_whole<RouteBasic>("route.basic");
  expect_whole<RouteAuth>("route.auth");
  expect_whole<RouteCors>("route.cors");
  expect_whole<RouteSecurity>("route.security");
  expect_whole<RouteMirror>("route.mirror");
  expect_whole<Limit>("limit");
  expect_whole<Compression>("compression");
  expect_whole<Cache>("cache");
  expect_whole<Cluster>("cluster");
  expect_whole<Smtp>("smtp");
  expect_whole<SmtpListen>("smtp.listen");
  expect_whole<SmtpAuth>("smtp.auth");
  expect_whole<SmtpDkim>("smtp.dkim");
  expect_whole<SmtpRoute>("smtp.route");
  expect_whole<SmtpRelay>("smtp.relay");
  expect_whole<SmtpMember>("smtp.relay.member");
  expect_whole<Webmail>("webmail");
  expect_whole<Admin>("admin");
  expect_whole<Vip>("vip");
  EXPECT_EQ(table().sections.size() + 2, fields<Conf>()) << "`files` and `places` are not sections";
}

TEST(Table, names_are_unique_and_in_snake_case_and_every_row_has_help) {
  each(table(), [](const Section& s) {
    std::set<std::string_view> names;
    EXPECT_TRUE(s.help.ends_with('.')) << s.name;
    for (const auto& row : s.rows) {
      EXPECT_TRUE(names.insert(row.name).second) << s.name << "." << row.name << " is there twice";
      EXPECT_EQ(row.name.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789_"), std::string_view::npos)
          << row.name;
      EXPECT_GE(row.help.size(), 10u) << row.name;
      EXPECT_TRUE(row.help.ends_with('.') || row.help.ends_with("\".")) << s.name << "." << row.name;
    }
    for (const auto& child : s.sections) EXPECT_TRUE(names.insert(child.name).second) << child.name;
  });
}

TEST(Table, no_two_rows_fill_the_same_field) {
  each(table(), [](const Section& s) {
    std::set<const void*> fields;
    for (const auto& row : s.rows) {
      const void* field = std::visit([](auto* p) { return static_cast<const void*>(p); }, row.slot(s.defaults.get()));
      EXPECT_TRUE(fields.insert(field).second) << s.name << "." << row.name;
    }
  });
}

TEST(Table, the_kind_of_a_row_fits_its_field_and_the_range_fits_too) {
  each(table(), [](const Section& s) {
    for (const auto& row : s.rows) {
      const auto kind = row.type.kind;
      const bool fits = std::visit(
          [&](auto* field) {
            using T = std::remove_pointer_t<decltype(field)>;
            if constexpr (std::is_same_v<T, std::string>) {
              return !row.type.list && kind != Kind::flag && kind != Kind::number && kind != Kind::size &&
                     kind != Kind::duration && kind != Kind::cidr;
            } else if constexpr (std::is_same_v<T, bool>) {
              return kind == Kind::flag;
            } else if constexpr (std::is_same_v<T, std::chrono::milliseconds>) {
              return kind == Kind::duration && row.type.max < 1ull << 60;
            } else if constexpr (std::is_same_v<T, std::vector<std::string>>) {
              return row.type.list && kind != Kind::cidr && kind != Kind::secret;
            } else if constexpr (std::is_same_v<T, std::vector<base::Cidr>>) {
              return row.type.list && kind == Kind::cidr;
            } else if constexpr (std::is_enum_v<T>) {
              return kind == Kind::word;
            } else {
              return (kind == Kind::number || kind == Kind::size) && row.type.max <= std::numeric_limits<T>::max();
            }
          },
          row.slot(s.defaults.get()));
      EXPECT_TRUE(fits) << s.name << "." << row.name;
      EXPECT_EQ(kind == Kind::word, !row.type.words.empty()) << s.name << "." << row.name;
      EXPECT_LE(row.type.min, row.type.max) << s.name << "." << row.name;
    }
  });
}

TEST(Table, the_words_of_an_enumeration_stand_in_its_order) {
  EXPECT_EQ(good("[log]\nlevel = \"debug\"\nformat = \"text\"")->log.level, base::Level::debug);
  EXPECT_EQ(good("[log]\nlevel = \"notice\"")->log.level, base::Level::notice);
  EXPECT_EQ(good("[log]\nlevel = \"error\"")->log.level, base::Level::error);
  EXPECT_EQ(good("[log]\nformat = \"json\"")->log.format, base::LogOptions::Format::json);
}

TEST(Table, secrets_are_shown_as_dots) {
  Cluster cluster;
  cluster.key = "hunter2";
  const Row* row = section("cluster").find_row("key");
  ASSERT_NE(row, nullptr);
  EXPECT_EQ(show(row->type, row->slot(&cluster)), "\"...\"");
}

TEST(Table, every_candidacy_function_passes_the_check_that_names_it) {
  for (const auto& f : candidacy_functions()) {
    std::string why, hint;
    EXPECT_TRUE(check_candidacy(f.name, why, hint)) << f.name << ": " << why;
  }
}

TEST(Type, strings_are_quoted_so_that_toml_reads_them_back) {
  const std::string text = "a\"b\\c\n\x01 \xc3\xa9";
  EXPECT_EQ(good("[http]\nserver_name = " + toml_quote(text))->http.server_name, text);
}

}  // namespace
}  // namespace genkan::conf
