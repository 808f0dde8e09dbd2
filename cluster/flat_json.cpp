#include "cluster/flat_json.hpp"

#include <cmath>
#include <cstdio>

#include "base/text.hpp"

namespace genkan::cluster {

namespace {

// A cursor over the text; every step fails softly.
struct Cursor {
  std::string_view rest;

  void space() {
    const auto n = rest.find_first_not_of(" \t\r\n");
    rest.remove_prefix(n == std::string_view::npos ? rest.size() : n);
  }
  bool take(char c) {
    space();
    if (rest.empty() || rest.front() != c) return false;
    rest.remove_prefix(1);
    return true;
  }
  bool string(std::string& out) {
    if (!take('"')) return false;
    while (!rest.empty() && out.size() <= 1024) {
      const char c = rest.front();
      rest.remove_prefix(1);
      if (c == '"') return true;
      if (static_cast<unsigned char>(c) < 0x20) return false;
      if (c != '\\') {
        out += c;
      } else if (!escape(out)) {
        return false;
      }
    }
    return false;
  }
  bool escape(std::string& out) {
    if (rest.empty()) return false;
    const char c = rest.front();
    rest.remove_prefix(1);
    if (c == 'u') return unicode(out);
    static constexpr std::string_view kFrom = "\"\\/bfnrt", kTo = "\"\\/\b\f\n\r\t";
    const auto at = kFrom.find(c);
    if (at == std::string_view::npos) return false;
    out += kTo[at];
    return true;
  }
  // Names of pools and backends are not written with surrogate pairs: those are refused.
  bool unicode(std::string& out) {
    const auto code = rest.size() < 4 ? std::nullopt : base::parse_hex(rest.substr(0, 4));
    if (!code || (*code >= 0xd800 && *code < 0xe000)) return false;
    rest.remove_prefix(4);
    if (*code < 0x80) {
      out += static_cast<char>(*code);
    } else if (*code < 0x800) {
      out += static_cast<char>(0xc0 | *code >> 6);
      out += static_cast<char>(0x80 | (*code & 0x3f));
    } else {
      out += static_cast<char>(0xe0 | *code >> 12);
      out += static_cast<char>(0x80 | (*code >> 6 & 0x3f));
      out += static_cast<char>(0x80 | (*code & 0x3f));
    }
    return true;
  }
};

}  // namespace

std::optional<std::map<std::string, std::string>> read_flat_json(std::string_view text) {
  Cursor at{text};
  std::map<std::string, std::string> out;
  if (!at.take('{')) return std::nullopt;
  if (!at.take('}')) {
    do {
      std::string name, value;
      if (out.size() >= 16 || !at.string(name) || !at.take(':') || !at.string(value)) return std::nullopt;
      if (!out.emplace(std::move(name), std::move(value)).second) return std::nullopt;
    } while (at.take(','));
    if (!at.take('}')) return std::nullopt;
  }
  at.space();
  if (!at.rest.empty()) return std::nullopt;
  return out;
}

void JsonObject::name(std::string_view member) {
  if (out_.size() > 1) out_ += ',';
  out_ += base::json_quote(member);
  out_ += ':';
}

JsonObject& JsonObject::text(std::string_view member, std::string_view value) {
  name(member);
  out_ += base::json_quote(value);
  return *this;
}

JsonObject& JsonObject::number(std::string_view member, std::int64_t value) {
  name(member);
  out_ += std::to_string(value);
  return *this;
}

JsonObject& JsonObject::number(std::string_view member, std::uint64_t value) {
  name(member);
  out_ += std::to_string(value);
  return *this;
}

JsonObject& JsonObject::decimal(std::string_view member, double value) {
  name(member);
  char buffer[64];
  std::snprintf(buffer, sizeof buffer, "%.3f", std::isfinite(value) ? value : 0.0);
  out_ += buffer;
  return *this;
}

JsonObject& JsonObject::boolean(std::string_view member, bool value) {
  name(member);
  out_ += value ? "true" : "false";
  return *this;
}

JsonObject& JsonObject::raw(std::string_view member, std::string_view json) {
  name(member);
  out_ += json;
  return *this;
}

}  // namespace genkan::cluster
