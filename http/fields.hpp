// Fields: the header or trailer section of a message, in wire order, as offsets into the buffer that received it. What
// we add is kept in a small text of its own. Removing marks; nothing moves. Names compare without case.
//
// Views stay valid until the section is cleared, its buffer is reused, or (for added fields) another field is added.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/text.hpp"
#include "net/frames.hpp"

namespace genkan::http {

// Fields that somebody looks up on the way of a request. The rest is `other` and found by name.
enum class FieldId : std::uint8_t {
  other,
  accept_encoding,
  age,
  authorization,
  cache_control,
  cache_status,
  cdn_cache_control,
  connection,
  content_encoding,
  content_length,
  content_range,
  content_type,
  cookie,
  date,
  etag,
  expect,
  expires,
  forwarded,
  host,
  if_match,
  if_modified_since,
  if_none_match,
  if_range,
  if_unmodified_since,
  keep_alive,
  last_modified,
  location,
  max_forwards,
  origin,
  pragma,
  proxy_authenticate,
  proxy_authorization,
  proxy_connection,
  range,
  referer,
  retry_after,
  server,
  set_cookie,
  te,
  traceparent,
  tracestate,
  trailer,
  transfer_encoding,
  upgrade,
  user_agent,
  vary,
  via,
  warning,
  x_forwarded_for,
  x_forwarded_host,
  x_forwarded_proto,
  x_request_id,
  count_
};

FieldId field_id(std::string_view name) noexcept;
std::string_view field_name(FieldId id) noexcept;        // in its usual capitals
std::string_view lower_field_name(FieldId id) noexcept;  // as HTTP/2 wants it

class Fields {
 public:
  // Ready for a parser: offsets will be relative to `base`, which may change while the head grows (rebase).
  void clear(const char* base = nullptr) noexcept;
  void rebase(const char* base) noexcept { base_ = base; }
  void add_parsed(std::size_t name_at, std::size_t name_size, std::size_t value_at, std::size_t value_size) {
    add_parsed(field_id({base_ + name_at, name_size}), name_at, name_size, value_at, value_size);
  }
  void add_parsed(FieldId id, std::size_t name_at, std::size_t name_size, std::size_t value_at, std::size_t value_size);

  // The number of entries ever added, removed ones too: indices run over [0, entries()).
  std::size_t entries() const noexcept { return entries_.size(); }
  bool live(std::size_t i) const noexcept { return !entries_[i].removed; }
  std::string_view name(std::size_t i) const noexcept {
    return text(entries_[i], entries_[i].name_at, entries_[i].name_size);
  }
  std::string_view value(std::size_t i) const noexcept {
    return text(entries_[i], entries_[i].value_at, entries_[i].value_size);
  }
  FieldId id(std::size_t i) const noexcept { return entries_[i].id; }
  std::size_t size() const noexcept;  // live fields

  bool has(FieldId id) const noexcept { return (present_ & bit(id)) != 0; }
  // For questions about many at once: (fields.present() & (bit(a) | bit(b))) != 0.
  static constexpr std::uint64_t bit(FieldId id) noexcept { return 1ull << static_cast<unsigned>(id); }
  std::uint64_t present() const noexcept { return present_; }
  std::optional<std::string_view> get(FieldId id) const noexcept;  // the first
  std::optional<std::string_view> get(std::string_view name) const noexcept;
  std::size_t count(FieldId id) const noexcept;
  std::string joined(FieldId id) const;  // all of them with ", "
  std::string joined(std::string_view name) const;

  // Both are copied; a value ends at its first CR, LF or NUL.
  void add(FieldId id, std::string_view value) { add_own(id, field_name(id), value); }
  void add(std::string_view name, std::string_view value) { add_own(field_id(name), name, value); }
  void append(const Fields& other);  // whose fields were all added, and none removed: two copies
  void set(FieldId id, std::string_view value) { remove(id), add(id, value); }
  void set(std::string_view name, std::string_view value) { remove(name), add(name, value); }
  void remove(FieldId id) noexcept;
  void remove(std::string_view name) noexcept;
  void remove_at(std::size_t i) noexcept { entries_[i].removed = true; }

  // f(name, value, id) for each live field, in order.
  template <class F>
  void each(F f) const {
    for (const auto& e : entries_) {
      if (!e.removed) f(text(e, e.name_at, e.name_size), text(e, e.value_at, e.value_size), e.id);
    }
  }
  // f(text) for pieces that make up the section on the wire, fields whose bit is in `skip` left out. Neighbours that
  // stand as "Name: value" CRLF already are one piece.
  template <class F>
  void each_run(std::uint64_t skip, F f) const;
  // Calls f(element) for each element of a comma-separated field, over all its lines.
  template <class F>
  void each_element(FieldId id, F f) const;

  Fields() = default;
  Fields(const Fields& other);  // a deep copy with its own text
  Fields& operator=(const Fields& other);
  Fields(Fields&&) = default;
  Fields& operator=(Fields&&) = default;

 private:
  struct Entry {
    std::uint32_t name_at, value_at, value_size;
    std::uint16_t name_size;
    FieldId id;
    bool own : 1;
    bool removed : 1;
  };
  std::string_view text(const Entry& e, std::uint32_t at, std::size_t size) const noexcept {
    return {(e.own ? own_.data() : base_) + at, size};
  }
  void add_own(FieldId id, std::string_view name, std::string_view value);
  void make_room();
  const char* base_ = nullptr;
  net::FrameVector<Entry> entries_;
  net::FrameString own_;       // lines as they go out: "Name: value" CRLF
  std::uint64_t present_ = 0;  // bit per FieldId: may be there
};
static_assert(static_cast<unsigned>(FieldId::count_) <= 64);

template <class F>
void Fields::each_run(std::uint64_t skip, F f) const {
  const char* begin = nullptr;
  const char* end = nullptr;  // of the value that stands last in the run
  const auto flush = [&] {
    if (!begin) return;
    const std::size_t size = static_cast<std::size_t>(end - begin);
    f(std::string_view(begin, size));
    f(std::string_view("\r\n"));
  };
  for (const auto& e : entries_) {
    if (e.removed || (skip & bit(e.id)) != 0) continue;
    const char* base = e.own ? own_.data() : base_;
    const char* name = base + e.name_at;
    const char* value = base + e.value_at;
    const bool plain = e.value_at == e.name_at + e.name_size + 2u && name[e.name_size + 1] == ' ';
    if (!plain) {  // blanks of its own, or none
      flush();
      f(std::string_view(name, e.name_size));
      f(std::string_view(": "));
      begin = value;
    } else if (!begin || name != end + 2 || end[0] != '\r') {
      flush();
      begin = name;
    }
    end = value + e.value_size;
  }
  flush();
}

template <class F>
void Fields::each_element(FieldId id, F f) const {
  if (!has(id)) return;
  each([&](std::string_view, std::string_view value, FieldId i) {
    if (i == id) base::each_in_list(value, f);
  });
}

}  // namespace genkan::http
