#include "http/fields.hpp"

#include <algorithm>
#include <array>

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

// Open addressing on length and two letters, built at compile time.
constexpr std::size_t kTable = 256;
constexpr std::size_t hash(std::string_view name) noexcept {
  const auto a = static_cast<unsigned char>(base::lower(name.front()));
  const auto b = static_cast<unsigned char>(base::lower(name.back()));
  const auto c = static_cast<unsigned char>(base::lower(name[name.size() / 2]));
  return (name.size() * 31 + a * 7u + b * 17u + c * 3u) % kTable;
}

constexpr auto kIndex = [] {
  std::array<std::uint8_t, kTable> table{};
  for (std::size_t i = 1; i < kNames.size(); ++i) {
    std::size_t at = hash(kNames[i]);
    while (table[at] != 0) at = (at + 1) % kTable;
    table[at] = static_cast<std::uint8_t>(i);
  }
  return table;
}();

}  // namespace

FieldId field_id(std::string_view name) noexcept {
  if (name.empty()) return FieldId::other;
  for (std::size_t at = hash(name); kIndex[at] != 0; at = (at + 1) % kTable) {
    if (base::iequals(kNames[kIndex[at]], name)) return static_cast<FieldId>(kIndex[at]);
  }
  return FieldId::other;
}

std::string_view field_name(FieldId id) noexcept { return kNames[static_cast<std::size_t>(id)]; }

void Fields::clear(const char* base) noexcept {
  base_ = base;
  entries_.clear();
  own_.clear();
  present_ = 0;
}

void Fields::add_parsed(std::size_t name_at, std::size_t name_size, std::size_t value_at, std::size_t value_size) {
  const FieldId id = field_id({base_ + name_at, name_size});
  entries_.push_back({static_cast<std::uint32_t>(name_at), static_cast<std::uint32_t>(value_at),
                      static_cast<std::uint32_t>(value_size), static_cast<std::uint16_t>(name_size), id, false, false});
  present_ |= 1ull << static_cast<unsigned>(id);
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

void Fields::add(std::string_view name, std::string_view value) {
  const FieldId id = field_id(name);
  const auto at = static_cast<std::uint32_t>(own_.size());
  own_.append(name);
  const auto value_at = static_cast<std::uint32_t>(own_.size());
  own_.append(value);
  entries_.push_back({at, value_at, static_cast<std::uint32_t>(value.size()), static_cast<std::uint16_t>(name.size()),
                      id, true, false});
  present_ |= 1ull << static_cast<unsigned>(id);
}

void Fields::remove(FieldId wanted) noexcept {
  if (!has(wanted)) return;
  for (auto& e : entries_) e.removed |= e.id == wanted;
  present_ &= ~(1ull << static_cast<unsigned>(wanted));
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
