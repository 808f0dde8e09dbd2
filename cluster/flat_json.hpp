// The little JSON that this room needs: writing objects, and reading the flat object of strings that an action takes.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>

namespace genkan::cluster {

// {"pool": "web", "backend": "a"}: string members only, at most 16 of 1 KiB; nothing when it is anything else.
std::optional<std::map<std::string, std::string>> read_flat_json(std::string_view text);

// Appends members to an object: JsonObject o; o.text("name", x); o.number("n", 3); std::move(o).done()
class JsonObject {
 public:
  JsonObject& text(std::string_view name, std::string_view value);
  JsonObject& number(std::string_view name, std::int64_t value);
  JsonObject& number(std::string_view name, std::uint64_t value);
  JsonObject& number(std::string_view name, std::uint32_t value) { return number(name, std::uint64_t{value}); }
  JsonObject& decimal(std::string_view name, double value);  // three places
  JsonObject& boolean(std::string_view name, bool value);
  JsonObject& raw(std::string_view name, std::string_view json);
  std::string done() && { return std::move(out_ += '}'); }

 private:
  void name(std::string_view name);
  std::string out_ = "{";
};

}  // namespace genkan::cluster
