#include "conf/type.hpp"

#include <algorithm>
#include <type_traits>
#include <utility>

#include "base/text.hpp"

namespace genkan::conf {
namespace {

Type of(Kind kind) {
  Type type;
  type.kind = kind;
  return type;
}

Type ranged(Kind kind, std::uint64_t min, std::uint64_t max) {
  Type type = of(kind);
  type.min = min;
  type.max = max;
  return type;
}

std::string range(const Type& type, const std::string& min, const std::string& max) {
  if (type.max == UINT64_MAX) return type.min == 0 ? std::string() : " of at least " + min;
  return " from " + min + " to " + max;
}

std::string milliseconds_text(std::uint64_t ms) {
  return base::format_duration(std::chrono::milliseconds(static_cast<std::int64_t>(ms)));
}

std::string one_of(const Type& type) {
  std::string out = "one of";
  for (std::size_t i = 0; i < type.words.size(); ++i) {
    out += (i == 0 ? " \"" : ", \"") + std::string(type.words[i]) + '"';
  }
  return out;
}

std::string describe_one(const Type& type) {
  switch (type.kind) {
    case Kind::text:
      return "a string";
    case Kind::path:
      return "a path";
    case Kind::flag:
      return "true or false";
    case Kind::number:
      return "a whole number" + range(type, std::to_string(type.min), std::to_string(type.max));
    case Kind::size:
      return "a size" + range(type, base::format_size(type.min), base::format_size(type.max));
    case Kind::duration:
      return "a duration" + range(type, milliseconds_text(type.min), milliseconds_text(type.max));
    case Kind::word:
      return one_of(type);
    case Kind::endpoint:
      return "an address with a port, or unix:PATH";
    case Kind::peer:
      if (type.service) return "an address or host name with a port, unix:PATH, or srv:NAME";
      return type.port == 0 ? std::string("an address or host name with a port, or unix:PATH")
                            : "an address or host name (port " + std::to_string(type.port) + " unless given)";
    case Kind::cidr:
      return "a network";
    case Kind::prefix:
      return "an address with the length of its network";
    case Kind::pattern:
      return type.ignore_case ? "a regular expression (RE2, any case)" : "a regular expression (RE2)";
    case Kind::secret:
      return "a secret, or file:PATH";
  }
  return {};
}

std::string describe_list(const Type& type) {
  switch (type.kind) {
    case Kind::path:
      return "a list of paths";
    case Kind::endpoint:
      return "a list of addresses with ports, or unix:PATH";
    case Kind::peer:
      return type.port == 0 ? std::string("a list of addresses or host names with ports")
                            : "a list of addresses or host names (port " + std::to_string(type.port) + " unless given)";
    case Kind::cidr:
      return "a list of networks";
    case Kind::pattern:
      return "a list of regular expressions (RE2)";
    default:
      return "a list of strings";
  }
}

template <class Items, class F>
std::string show_list(const Items& items, F one) {
  std::string out = "[";
  for (const auto& item : items) out += (out.size() > 1 ? ", " : "") + one(item);
  return out + "]";
}

std::string show_enum(const Type& type, std::size_t index) { return toml_quote(type.words.at(index)); }

}  // namespace

Type text() { return of(Kind::text); }
Type path() { return of(Kind::path); }
Type flag() { return of(Kind::flag); }
Type number(std::uint64_t min, std::uint64_t max) { return ranged(Kind::number, min, max); }
Type size(std::uint64_t min, std::uint64_t max) { return ranged(Kind::size, min, max); }
Type duration(std::chrono::milliseconds min, std::chrono::milliseconds max) {
  return ranged(Kind::duration, static_cast<std::uint64_t>(min.count()), static_cast<std::uint64_t>(max.count()));
}
Type endpoint() { return of(Kind::endpoint); }
Type cidr() { return of(Kind::cidr); }
Type prefix() { return of(Kind::prefix); }
Type secret() { return of(Kind::secret); }

Type words(std::vector<std::string_view> words) {
  Type type = of(Kind::word);
  type.words = std::move(words);
  return type;
}

Type peer(std::uint16_t default_port) {
  Type type = of(Kind::peer);
  type.port = default_port;
  return type;
}

Type service(Type peer) {
  peer.service = true;
  return peer;
}

Type pattern(bool ignore_case) {
  Type type = of(Kind::pattern);
  type.ignore_case = ignore_case;
  return type;
}

Type list_of(Type one) {
  one.list = true;
  return one;
}

Type required(Type type, std::string_view toml) {
  type.required = true;
  type.example = toml;
  return type;
}

Type unset(Type type, std::string_view meaning) {
  type.unset = meaning;
  return type;
}

Type example(Type type, std::string_view toml) {
  type.example = toml;
  return type;
}

std::string describe(const Type& type) { return type.list ? describe_list(type) : describe_one(type); }

std::string show(const Type& type, const Slot& slot) {
  return std::visit(
      [&](const auto* field) -> std::string {
        using T = std::remove_const_t<std::remove_pointer_t<decltype(field)>>;
        if constexpr (std::is_same_v<T, std::string>) {
          return type.kind == Kind::secret && !field->empty() ? "\"...\"" : toml_quote(*field);
        } else if constexpr (std::is_same_v<T, bool>) {
          return *field ? "true" : "false";
        } else if constexpr (std::is_same_v<T, std::chrono::milliseconds>) {
          return toml_quote(base::format_duration(*field));
        } else if constexpr (std::is_same_v<T, std::vector<std::string>>) {
          return show_list(*field, [](const std::string& s) { return toml_quote(s); });
        } else if constexpr (std::is_same_v<T, std::vector<base::Cidr>>) {
          return show_list(*field, [](const base::Cidr& c) { return toml_quote(c.text()); });
        } else if constexpr (std::is_enum_v<T>) {
          return show_enum(type, static_cast<std::size_t>(*field));
        } else {
          return type.kind == Kind::size ? toml_quote(base::format_size(*field)) : std::to_string(*field);
        }
      },
      slot);
}

std::string toml_quote(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (byte < 0x20 || byte == 0x7f) {
      out += "\\u00" + base::hex(std::string_view(&c, 1));
    } else {
      out += c;
    }
  }
  return out + '"';
}

}  // namespace genkan::conf
