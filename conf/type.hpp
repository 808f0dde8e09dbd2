// What a directive's value may be: how it is checked and turned into a C++ value, how it is shown in the documents.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/address.hpp"
#include "base/log.hpp"

namespace genkan::conf {

enum class Kind {
  text,
  path,      // relative to the file it stands in
  flag,      // true or false
  number,    // whole, from min to max
  size,      // "64MiB" or a whole number of bytes
  duration,  // "5s"
  word,      // one of `words`
  endpoint,  // an address to bind: "0.0.0.0:80", "[::]:80", "*:80", "unix:/path"
  peer,      // an address to connect to: as endpoint, or "host.example:80"
  cidr,      // a network: "10.0.0.0/8"
  prefix,    // an address with the length of its network: "192.0.2.10/24"
  pattern,   // RE2
  secret,    // text that no message may show; "file:/path" reads it from a file
};

struct Type {
  Kind kind = Kind::text;
  bool list = false;
  bool required = false;
  bool ignore_case = false;                 // pattern
  std::uint64_t min = 0, max = UINT64_MAX;  // number; size in bytes; duration in milliseconds
  std::vector<std::string_view> words;      // word: in the order of the enumeration, where there is one
  std::uint16_t port = 0;                   // peer: the port when none is written; 0: one must be
  bool service = false;                     // peer: also "srv:NAME"
  std::string_view unset;                   // what holds when the value is empty: "the host's name"
  std::string_view example;                 // in TOML; needed where the default alone would not pass
};

// How the rows of the table are written.
Type text();
Type path();
Type flag();
Type number(std::uint64_t min, std::uint64_t max);
Type size(std::uint64_t min, std::uint64_t max = UINT64_MAX);
Type duration(std::chrono::milliseconds min, std::chrono::milliseconds max);
Type words(std::vector<std::string_view> words);
Type endpoint();
Type peer(std::uint16_t default_port = 0);
Type service(Type peer);  // a peer, or "srv:_http._tcp.example"
Type cidr();
Type prefix();
Type pattern(bool ignore_case = false);
Type secret();
Type list_of(Type one);
Type required(Type type, std::string_view example);
Type unset(Type type, std::string_view meaning);
Type example(Type type, std::string_view toml);

// The field that a row fills.
using Slot =
    std::variant<std::string*, bool*, std::uint16_t*, std::uint32_t*, std::uint64_t*, std::chrono::milliseconds*,
                 std::vector<std::string>*, std::vector<base::Cidr>*, base::Level*, base::LogOptions::Format*>;

// "a duration from 10ms to 1h", "a list of networks": for messages ("must be ...") and documents.
std::string describe(const Type& type);
// The value in TOML, as it would be written: `"5s"`, `[]`, `true`. A secret that is set is shown as `"..."`.
std::string show(const Type& type, const Slot& slot);
std::string toml_quote(std::string_view text);

}  // namespace genkan::conf
