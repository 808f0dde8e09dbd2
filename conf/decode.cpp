#include "conf/decode.hpp"

#include <algorithm>
#include <charconv>
#include <limits>
#include <optional>
#include <type_traits>

#include "base/pattern.hpp"
#include "base/text.hpp"
#include "conf/sources.hpp"

namespace genkan::conf {
namespace {

using Kind_ = Value::Kind;
constexpr std::size_t kMaxSecret = 64 * 1024;

// What a message may show of a value: never one that came from the environment, never a secret.
std::string shown(const Value& value, const Type& type) {
  if (type.kind == Kind::secret || value.kind != Kind_::text) return std::string(value.kind_name());
  constexpr std::size_t kMaxShown = 80;
  const std::string& text = value.source.empty() ? value.text : value.source;
  return text.size() <= kMaxShown ? toml_quote(text) : toml_quote(text.substr(0, kMaxShown)) + "...";
}

class Decoder {
 public:
  Decoder(const Type& type, std::string_view name, const std::string& file, Complaint& complaint)
      : type_(type), name_(name), file_(file), complaint_(complaint) {}

  bool list(const Value& value, std::vector<std::string>& out) {
    out.clear();
    return each(value, [&](const Value& item) {
      std::string text;
      if (!one_text(item, text)) return false;
      out.push_back(std::move(text));
      return true;
    });
  }

  bool list(const Value& value, std::vector<base::Cidr>& out) {
    out.clear();
    return each(value, [&](const Value& item) {
      if (item.kind != Kind_::text) return wrong_type(item);
      auto cidr = base::Cidr::parse(item.text);
      if (!cidr) return not_a(item, "is not a network", cidr_hint(item));
      out.push_back(*cidr);
      return true;
    });
  }

  bool one_text(const Value& value, std::string& out) {
    if (value.kind != Kind_::text) return wrong_type(value);
    out = value.text;
    if (std::any_of(out.begin(), out.end(), [](char c) { return c == '\0'; }))
      return not_a(value, "holds a NUL character");
    if (out.empty() && !type_.required && !type_.list) return true;
    switch (type_.kind) {
      case Kind::path:
        return path(value, out);
      case Kind::endpoint:
        return endpoint(value, out);
      case Kind::peer:
        return peer(value, out);
      case Kind::prefix:
        return prefix(value, out);
      case Kind::pattern:
        return pattern(value, out);
      case Kind::secret:
        return secret(value, out);
      case Kind::word:
        return word(value).has_value();
      default:
        return !out.empty() || not_a(value, "must not be empty");
    }
  }

  std::optional<std::size_t> word(const Value& value) {
    if (value.kind != Kind_::text) return wrong_type(value), std::nullopt;
    const auto found = std::find(type_.words.begin(), type_.words.end(), value.text);
    if (found != type_.words.end()) return static_cast<std::size_t>(found - type_.words.begin());
    complain(value, "must be " + describe(type_) + ", not " + shown(value, type_));
    if (value.source.empty()) suggest(base::nearest(value.text, type_.words));
    return std::nullopt;
  }

  bool flag(const Value& value, bool& out) {
    if (value.kind == Kind_::flag) {
      out = value.flag;
      return true;
    }
    if (!value.source.empty() && (value.text == "true" || value.text == "false")) {
      out = value.text == "true";
      return true;
    }
    wrong_type(value);
    if (value.kind == Kind_::text && (value.text == "true" || value.text == "false")) {
      complaint_.hint = "write " + value.text + " without quotes";
    }
    return false;
  }

  bool number(const Value& value, std::uint64_t& out) {
    if (type_.kind == Kind::size) return size(value, out);
    std::optional<std::uint64_t> number;
    if (value.kind == Kind_::integer) {
      if (value.integer >= 0) number = static_cast<std::uint64_t>(value.integer);
    } else if (value.kind == Kind_::text && !value.source.empty()) {
      number = base::parse_uint(value.text);  // "${NAME}": the environment knows only text
    } else {
      wrong_type(value);
      if (value.kind == Kind_::text && base::parse_uint(value.text))
        complaint_.hint = "write " + value.text + " without quotes";
      return false;
    }
    return in_range(value, number, out);
  }

  bool duration(const Value& value, std::chrono::milliseconds& out) {
    if (value.kind != Kind_::text) {
      wrong_type(value);
      if (value.kind == Kind_::integer && value.integer >= 0) {
        complaint_.hint = "with its unit: \"" + std::to_string(value.integer) + "s\"";
      }
      return false;
    }
    auto parsed = base::parse_duration(value.text);
    if (!parsed) return not_a(value, "is not a duration", "write it as \"250ms\", \"5s\", \"1m30s\", \"2h\" or \"7d\"");
    std::uint64_t ms = 0;
    if (!in_range(value, static_cast<std::uint64_t>(parsed->count()), ms)) return false;
    out = *parsed;
    return true;
  }

 private:
  template <class F>
  bool each(const Value& value, F one) {
    if (value.kind != Kind_::list) {
      wrong_type(value);
      if (value.kind == Kind_::text && type_.kind != Kind::secret && value.source.empty()) {
        complaint_.hint = "in brackets: [" + toml_quote(value.text) + "]";
      }
      return false;
    }
    if (value.list.empty() && type_.required) return not_a(value, "must not be empty");
    return std::all_of(value.list.begin(), value.list.end(), [&](const Value& item) { return !item.bad && one(item); });
  }

  void complain(const Value& value, const std::string& what) {
    complaint_ = {value.place, "`" + std::string(name_) + "` " + what, {}};
  }
  // "`interval`: "5x" is not a duration"
  bool not_a(const Value& value, const std::string& what, std::string hint = {}) {
    const bool plain = what.starts_with("must");
    complaint_ = {value.place, "`" + std::string(name_) + (plain ? "` " : "`: " + shown(value, type_) + " ") + what,
                  std::move(hint)};
    return false;
  }
  bool wrong_type(const Value& value) {
    complain(value, "must be " + describe(type_) + ", not " + std::string(value.kind_name()));
    return false;
  }
  void suggest(std::string_view name) {
    if (!name.empty()) complaint_.hint = "did you mean \"" + std::string(name) + "\"?";
  }
  bool in_range(const Value& value, std::optional<std::uint64_t> number, std::uint64_t& out) {
    if (!number || *number < type_.min || *number > type_.max) {
      const std::string written = value.kind == Kind_::integer ? std::to_string(value.integer) : shown(value, type_);
      complain(value, "must be " + describe(type_) + ", not " + written);
      return false;
    }
    out = *number;
    return true;
  }

  bool size(const Value& value, std::uint64_t& out) {
    if (value.kind == Kind_::integer) {
      std::optional<std::uint64_t> bytes;
      if (value.integer >= 0) bytes = static_cast<std::uint64_t>(value.integer);
      return in_range(value, bytes, out);
    }
    if (value.kind != Kind_::text) return wrong_type(value);
    auto parsed = base::parse_size(value.text);
    if (!parsed) return not_a(value, "is not a size", "write it as 4096, \"64KiB\", \"10MiB\" or \"1GiB\"");
    return in_range(value, *parsed, out);
  }

  bool path(const Value& value, std::string& out) {
    if (type_.required && out.empty()) return not_a(value, "must not be empty");
    if (out != "-") out = beside(file_, out);
    return true;
  }

  bool secret(const Value& value, std::string& out) {
    if (!out.starts_with("file:")) return true;
    const std::string path = beside(file_, out.substr(5));
    std::string why;
    if (!slurp(path, kMaxSecret, out, why)) {
      // The path is what the operator wrote, and no secret; unless it came from the environment.
      out.clear();
      complain(value, "can't be read from " + (value.source.empty() ? "`" + path + "`" : toml_quote(value.source)) +
                          ": " + why);
      return false;
    }
    if (out.ends_with('\n')) out.pop_back();
    if (out.ends_with('\r')) out.pop_back();
    if (!out.empty()) return true;
    complain(value, "can't be read from a file that is empty");
    return false;
  }

  bool endpoint(const Value& value, std::string& out) {
    if (base::Endpoint::parse(out)) return true;
    return not_a(value, "is not an address with a port",
                 "write it as \"192.0.2.1:80\", \"[2001:db8::1]:80\", \"*:80\" or \"unix:/path\"");
  }

  bool peer(const Value& value, std::string& out) {
    if (auto with_port = normal_peer(out)) {
      out = *with_port;
      return true;
    }
    return not_a(value, type_.port == 0 ? "is not an address with a port" : "is not an address or host name",
                 std::string("write it as \"192.0.2.1:80\", \"[2001:db8::1]:80\", \"host.example:80\"") +
                     (type_.service ? ", \"unix:/path\" or \"srv:_http._tcp.example\"" : " or \"unix:/path\""));
  }

  // The address with its port, or nothing.
  std::optional<std::string> normal_peer(const std::string& text) const {
    if (type_.service && text.starts_with("srv:")) {
      return host_name(std::string_view(text).substr(4)) ? std::optional(text) : std::nullopt;
    }
    const bool only_to_bind = text.starts_with('*') || (text.starts_with(':') && !text.starts_with("::"));
    if (text.empty() || only_to_bind) return std::nullopt;
    if (auto whole = base::Endpoint::parse(text)) {
      if (!whole->is_unix() && whole->port == 0) return std::nullopt;
      return text;
    }
    const auto colon = text.rfind(':');
    const bool bare_v6 = text.find(':') != colon;
    if (colon != std::string::npos && !bare_v6) {
      const auto port = base::parse_uint(std::string_view(text).substr(colon + 1));
      if (!port || *port == 0 || *port > 65'535 || !host_name(std::string_view(text).substr(0, colon)))
        return std::nullopt;
      return text;
    }
    if (type_.port == 0) return std::nullopt;
    if (auto ip = base::IpAddress::parse(text)) {
      return base::Endpoint{*ip, type_.port, {}}.text();
    }
    if (colon != std::string::npos || !host_name(text)) return std::nullopt;
    return text + ":" + std::to_string(type_.port);
  }

  // A DNS name; not something that only looks like an IPv4 address.
  static bool host_name(std::string_view text) {
    if (text.empty() || text.size() > 253) return false;
    const auto labels = base::split(text, '.');
    const bool labels_ok = std::all_of(labels.begin(), labels.end(), [&](std::string_view label) {
      if (label.empty()) return &label == &labels.back() && labels.size() > 1;  // "host.example."
      if (label.size() > 63 || label.front() == '-' || label.back() == '-') return false;
      return std::all_of(label.begin(), label.end(), [](char c) {
        return (c >= '0' && c <= '9') || (base::lower(c) >= 'a' && base::lower(c) <= 'z') || c == '-' || c == '_';
      });
    });
    const auto last = labels.back().empty() ? labels[labels.size() - 2] : labels.back();
    return labels_ok && !std::all_of(last.begin(), last.end(), [](char c) { return c >= '0' && c <= '9'; });
  }

  bool prefix(const Value& value, std::string& out) {
    const auto slash = out.find('/');
    const auto ip = base::IpAddress::parse(std::string_view(out).substr(0, slash));
    if (ip && slash != std::string::npos) {
      const auto length = base::parse_uint(std::string_view(out).substr(slash + 1));
      if (length && *length <= (ip->is_v4() ? 32u : 128u)) return true;
    }
    return not_a(value, "is not an address with the length of its network", "write it as \"192.0.2.10/24\"");
  }

  bool pattern(const Value& value, const std::string& out) {
    std::string why;
    if (base::Pattern::compile(out, why, type_.ignore_case)) return true;
    return not_a(value, "is not a regular expression: " + (value.source.empty() ? why : "see its ${...}"));
  }

  // The network that was probably meant, when only the bits of the host are too many.
  static std::string cidr_hint(const Value& item) {
    const auto slash = item.text.find('/');
    const auto ip = base::IpAddress::parse(std::string_view(item.text).substr(0, slash));
    if (!ip || slash == std::string::npos || !item.source.empty())
      return "write it as \"192.0.2.0/24\" or \"2001:db8::/32\"";
    const auto length = base::parse_uint(std::string_view(item.text).substr(slash + 1));
    if (!length || *length > (ip->is_v4() ? 32u : 128u)) return "write it as \"192.0.2.0/24\" or \"2001:db8::/32\"";
    base::Cidr cidr{*ip, static_cast<std::uint8_t>(*length + (ip->is_v4() ? 96 : 0))};
    for (std::size_t bit = cidr.prefix; bit < 128; ++bit) {
      cidr.network.bytes[bit / 8] &= static_cast<std::uint8_t>(~(0x80u >> (bit % 8)));
    }
    return "it has bits beyond its length; did you mean \"" + cidr.text() + "\"?";
  }

  const Type& type_;
  std::string_view name_;
  const std::string& file_;
  Complaint& complaint_;
};

template <class T>
bool store(Decoder& decoder, const Value& value, T& field) {
  if constexpr (std::is_same_v<T, std::string>) {
    return decoder.one_text(value, field);
  } else if constexpr (std::is_same_v<T, bool>) {
    return decoder.flag(value, field);
  } else if constexpr (std::is_same_v<T, std::chrono::milliseconds>) {
    return decoder.duration(value, field);
  } else if constexpr (std::is_enum_v<T>) {
    const auto index = decoder.word(value);
    if (index) field = static_cast<T>(*index);
    return index.has_value();
  } else if constexpr (std::is_unsigned_v<T>) {
    std::uint64_t wide = 0;
    if (!decoder.number(value, wide)) return false;
    field = static_cast<T>(wide);  // the row's range fits the field; a test looks at every row
    return true;
  } else {
    return decoder.list(value, field);
  }
}

}  // namespace

bool decode(const Value& value, const Type& type, std::string_view name, const std::string& file, const Slot& slot,
            Complaint& complaint) {
  Decoder decoder(type, name, file, complaint);
  return std::visit([&](auto* field) { return store(decoder, value, *field); }, slot);
}

}  // namespace genkan::conf
