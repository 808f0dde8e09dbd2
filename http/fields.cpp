#include "http/fields.hpp"

#include <algorithm>
#include <array>
#include <cstring>

#include "base/scan.hpp"

namespace genkan::http {
namespace {

constexpr std::array<std::string_view, static_cast<std::size_t>(FieldId::count_)> kNames = {"",
                                                                                            "Accept-Encoding",
                                                                                            "Age",
                                                                                            "Authorization",
                                                                                            "Cache-Control",
                                                                                            "Cache-Status",
                                                                                            "CDN-Cache-Control",
                                                                                            "Connection",
                                                                                            "Content-Encoding",
                                                                                            "Content-Length",
                                                                                            "Content-Range",
                                                                                            "Content-Type",
                                                                                            "Cookie",
                                                                                            "Date",
                                                                                            "ETag",
                                                                                            "Expect",
                                                                                            "Expires",
                                                                                            "Forwarded",
                                                                                            "Host",
                                                                                            "If-Match",
                                                                                            "If-Modified-Since",
                                                                                            "If-None-Match",
                                                                                            "If-Range",
                                                                                            "If-Unmodified-Since",
                                                                                            "Keep-Alive",
                                                                                            "Last-Modified",
                                                                                            "Location",
                                                                                            "Max-Forwards",
                                                                                            "Origin",
                                                                                            "Pragma",
                                                                                            "Proxy-Authenticate",
                                                                                            "Proxy-Authorization",
                                                                                            "Proxy-Connection",
                                                                                            "Range",
                                                                                            "Referer",
                                                                                            "Retry-After",
                                                                                            "Server",
                                                                                            "Set-Cookie",
                                                                                            "TE",
                                                                                            "traceparent",
                                                                                            "tracestate",
                                                                                            "Trailer",
                                                                                            "Transfer-Encoding",
                                                                                            "Upgrade",
                                                                                            "User-Agent",
                                                                                            "Vary",
                                                                                            "Via",
                                                                                            "Warning",
                                                                                            "X-Forwarded-For",
                                                                                            "X-Forwarded-Host",
                                                                                            "X-Forwarded-Proto",
                                                                                            "X-Request-ID"};

// Field names are letters and '-', so setting 0x20 in every byte folds the case of what can match. (CR would pass for
// '-': no name that was parsed has one.)
constexpr std::size_t kLongest = 24;
struct Name {
  char folded[kLongest] = {};
  std::uint8_t size = 0;
  FieldId id = FieldId::other;
};

constexpr std::size_t kTable = 256;
constexpr unsigned fold(char c) noexcept { return static_cast<unsigned char>(c) | 0x20u; }
constexpr std::size_t hash(const char* name, std::size_t size) noexcept {
  return (size * 31 + fold(name[0]) * 7 + fold(name[size - 1]) * 17 + fold(name[size / 2]) * 3) % kTable;
}

// Open addressing, built at compile time.
constexpr auto kIndex = [] {
  std::array<Name, kTable> table{};
  for (std::size_t i = 1; i < kNames.size(); ++i) {
    std::size_t at = hash(kNames[i].data(), kNames[i].size());
    while (table[at].size != 0) at = (at + 1) % kTable;
    for (std::size_t c = 0; c < kNames[i].size(); ++c) table[at].folded[c] = static_cast<char>(fold(kNames[i][c]));
    table[at].size = static_cast<std::uint8_t>(kNames[i].size());
    table[at].id = static_cast<FieldId>(i);
  }
  return table;
}();
static_assert(std::all_of(kNames.begin(), kNames.end(), [](std::string_view n) { return n.size() <= kLongest; }));

template <class Word>
bool same_word(const char* text, const char* folded) noexcept {
  Word a, b;
  std::memcpy(&a, text, sizeof a);
  std::memcpy(&b, folded, sizeof b);
  return (a | static_cast<Word>(0x2020202020202020ull)) == b;
}

bool same_folded(const char* text, const char* folded, std::size_t size) noexcept {
  if (size >= 8) {
    for (std::size_t at = 0; at + 8 < size; at += 8) {
      if (!same_word<std::uint64_t>(text + at, folded + at)) return false;
    }
    return same_word<std::uint64_t>(text + size - 8, folded + size - 8);
  }
  if (size >= 4) {
    return same_word<std::uint32_t>(text, folded) && same_word<std::uint32_t>(text + size - 4, folded + size - 4);
  }
  for (std::size_t i = 0; i < size; ++i) {
    if (fold(text[i]) != static_cast<unsigned char>(folded[i])) return false;
  }
  return true;
}

}  // namespace

FieldId field_id(std::string_view name) noexcept {
  if (name.empty()) return FieldId::other;
  for (std::size_t at = hash(name.data(), name.size()); kIndex[at].size != 0; at = (at + 1) % kTable) {
    if (kIndex[at].size == name.size() && same_folded(name.data(), kIndex[at].folded, name.size()))
      return kIndex[at].id;
  }
  return FieldId::other;
}

std::string_view lower_field_name(FieldId id) noexcept {
  static constexpr auto kLower = [] {
    std::array<Name, kNames.size()> all{};
    for (const Name& name : kIndex) all[static_cast<std::size_t>(name.id)] = name;
    return all;
  }();
  const Name& name = kLower[static_cast<std::size_t>(id)];
  return {name.folded, name.size};
}

std::string_view field_name(FieldId id) noexcept { return kNames[static_cast<std::size_t>(id)]; }

void Fields::clear(const char* base) noexcept {
  base_ = base;
  entries_.clear();
  own_.clear();
  present_ = 0;
}

// Once for what most messages have, instead of step by step.
void Fields::make_room() {
  constexpr std::size_t kUsual = 16;
  if (entries_.capacity() == 0) entries_.reserve(kUsual);
}

void Fields::add_parsed(FieldId id, std::size_t name_at, std::size_t name_size, std::size_t value_at,
                        std::size_t value_size) {
  make_room();
  entries_.push_back({static_cast<std::uint32_t>(name_at), static_cast<std::uint32_t>(value_at),
                      static_cast<std::uint32_t>(value_size), static_cast<std::uint16_t>(name_size), id, false, false});
  present_ |= bit(id);
}

std::size_t Fields::size() const noexcept {
  std::size_t n = 0;
  for (const auto& e : entries_) n += !e.removed;
  return n;
}

std::optional<std::string_view> Fields::get(FieldId wanted) const noexcept {
  if (!has(wanted)) return std::nullopt;
  for (std::size_t i = 0; i < entries_.size(); ++i) {
    if (entries_[i].id == wanted && live(i)) return value(i);
  }
  return std::nullopt;
}

std::optional<std::string_view> Fields::get(std::string_view wanted) const noexcept {
  if (const FieldId known = field_id(wanted); known != FieldId::other) return get(known);
  for (std::size_t i = 0; i < entries_.size(); ++i) {
    if (entries_[i].id == FieldId::other && live(i) && base::iequals(name(i), wanted)) return value(i);
  }
  return std::nullopt;
}

std::size_t Fields::count(FieldId wanted) const noexcept {
  std::size_t n = 0;
  if (has(wanted)) {
    for (const auto& e : entries_) n += e.id == wanted && !e.removed;
  }
  return n;
}

std::string Fields::joined(FieldId wanted) const {
  std::string all;
  each([&](std::string_view, std::string_view v, FieldId i) {
    if (i != wanted) return;
    if (!all.empty()) all += ", ";
    all += v;
  });
  return all;
}

std::string Fields::joined(std::string_view wanted) const {
  std::string all;
  each([&](std::string_view n, std::string_view v, FieldId) {
    if (!base::iequals(n, wanted)) return;
    if (!all.empty()) all += ", ";
    all += v;
  });
  return all;
}

void Fields::add_own(FieldId id, std::string_view name, std::string_view value) {
  const auto ours = [this](const char* p) { return p >= own_.data() && p <= own_.data() + own_.size(); };
  if (ours(name.data()) || ours(value.data())) return add_own(id, std::string(name), std::string(value));
  const char* stop = base::find_line_byte(value.data(), value.data() + value.size());
  value = value.substr(0, static_cast<std::size_t>(stop - value.data()));
  const std::size_t at = own_.size();
  const std::size_t value_at = at + name.size() + 2;
  make_room();
  own_.resize(value_at + value.size() + 2);
  char* line = own_.data() + at;
  std::memcpy(line, name.data(), name.size());
  line += name.size();
  *line++ = ':';
  *line++ = ' ';
  if (!value.empty()) std::memcpy(line, value.data(), value.size());
  line += value.size();
  *line++ = '\r';
  *line++ = '\n';
  entries_.push_back({static_cast<std::uint32_t>(at), static_cast<std::uint32_t>(value_at),
                      static_cast<std::uint32_t>(value.size()), static_cast<std::uint16_t>(name.size()), id, true,
                      false});
  present_ |= bit(id);
}

void Fields::append(const Fields& other) {
  const auto shift = static_cast<std::uint32_t>(own_.size());
  make_room();
  own_.append(other.own_);
  for (Entry e : other.entries_) {
    e.name_at += shift;
    e.value_at += shift;
    entries_.push_back(e);
  }
  present_ |= other.present_;
}

void Fields::remove(FieldId wanted) noexcept {
  if (!has(wanted)) return;
  for (auto& e : entries_) e.removed |= e.id == wanted;
  present_ &= ~bit(wanted);
}

void Fields::remove(std::string_view wanted) noexcept {
  if (const FieldId known = field_id(wanted); known != FieldId::other) return remove(known);
  for (std::size_t i = 0; i < entries_.size(); ++i) {
    if (entries_[i].id == FieldId::other && base::iequals(name(i), wanted)) entries_[i].removed = true;
  }
}

Fields::Fields(const Fields& other) { *this = other; }

Fields& Fields::operator=(const Fields& other) {
  if (this == &other) return *this;
  // All text its own, as in a stored response: two plain copies.
  if (std::all_of(other.entries_.begin(), other.entries_.end(), [](const Entry& e) { return e.own && !e.removed; })) {
    base_ = nullptr;
    entries_ = other.entries_;
    own_ = other.own_;
    present_ = other.present_;
    return *this;
  }
  clear();
  entries_.reserve(other.entries_.size());
  other.each([this](std::string_view n, std::string_view v, FieldId) { add(n, v); });
  return *this;
}

}  // namespace genkan::http
