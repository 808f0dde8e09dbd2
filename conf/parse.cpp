#include "conf/parse.hpp"

#include <toml++/toml.h>

#include <algorithm>
#include <sstream>

namespace genkan::conf {
namespace {

Place place_of(const toml::source_region& region, std::uint32_t file) {
  return {file, static_cast<std::uint32_t>(region.begin.line), static_cast<std::uint32_t>(region.begin.column)};
}

template <class T>
std::string spelled(const T& date) {
  std::ostringstream out;
  out << date;
  return out.str();
}

Value convert(const toml::node& node, std::uint32_t file);

void convert_table(const toml::table& table, std::uint32_t file, Value& out) {
  for (const auto& [key, child] : table) {
    out.entries.push_back({std::string(key.str()), place_of(key.source(), file), convert(child, file)});
  }
  // toml++ sorts by name; messages and lists follow the file.
  std::stable_sort(out.entries.begin(), out.entries.end(),
                   [](const Entry& a, const Entry& b) { return a.place < b.place; });
}

Value convert(const toml::node& node, std::uint32_t file) {
  Value out;
  out.place = place_of(node.source(), file);
  switch (node.type()) {
    case toml::node_type::table:
      convert_table(*node.as_table(), file, out);
      break;
    case toml::node_type::array:
      out.kind = Value::Kind::list;
      for (const auto& child : *node.as_array()) out.list.push_back(convert(child, file));
      break;
    case toml::node_type::string:
      out.kind = Value::Kind::text;
      out.text = node.as_string()->get();
      break;
    case toml::node_type::integer:
      out.kind = Value::Kind::integer;
      out.integer = node.as_integer()->get();
      break;
    case toml::node_type::floating_point:
      out.kind = Value::Kind::real;
      out.real = node.as_floating_point()->get();
      break;
    case toml::node_type::boolean:
      out.kind = Value::Kind::flag;
      out.flag = node.as_boolean()->get();
      break;
    case toml::node_type::date:
      out.kind = Value::Kind::date;
      out.text = spelled(node.as_date()->get());
      break;
    case toml::node_type::time:
      out.kind = Value::Kind::date;
      out.text = spelled(node.as_time()->get());
      break;
    case toml::node_type::date_time:
      out.kind = Value::Kind::date;
      out.text = spelled(node.as_date_time()->get());
      break;
    case toml::node_type::none:
      break;
  }
  return out;
}

}  // namespace

std::optional<Value> parse_toml(std::string_view text, std::uint32_t file, SyntaxError& error) {
  // The packaged toml++ library is built with exceptions; they end here.
  try {
    const toml::table table = toml::parse(text);
    return convert(table, file);
  } catch (const toml::parse_error& e) {
    error.place = place_of(e.source(), file);
    error.what = std::string(e.description());
    return std::nullopt;
  }
}

}  // namespace genkan::conf
