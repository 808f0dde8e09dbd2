#include "http/h1/framing.hpp"

#include <array>

#include "base/text.hpp"

namespace genkan::http::h1 {
namespace {

constexpr std::uint64_t kMaxLength = INT64_MAX;  // beyond it a signed number on the way would turn negative

enum class Coding { absent, chunked, other };

// All Transfer-Encoding lines together must say exactly "chunked".
Coding transfer_coding(const Fields& fields) {
  if (!fields.has(FieldId::transfer_encoding) || fields.count(FieldId::transfer_encoding) == 0) return Coding::absent;
  int elements = 0;
  bool chunked = true;
  fields.each_element(FieldId::transfer_encoding, [&](std::string_view e) {
    ++elements;
    chunked = chunked && base::iequals(e, "chunked");
  });
  return elements == 1 && chunked ? Coding::chunked : Coding::other;
}

// 1*DIGIT in one single field line: repeated or listed lengths are refused even where they agree.
bool content_length(const Fields& fields, bool& present, std::uint64_t& length) {
  const std::size_t count = fields.count(FieldId::content_length);
  present = count > 0;
  if (!present) return true;
  if (count > 1) return false;
  const auto value = base::parse_uint(*fields.get(FieldId::content_length));
  if (!value || *value > kMaxLength) return false;
  length = *value;
  return true;
}

// The one Connection line when it says no more than most do.
enum class Usual { no, keep_alive, close };
Usual usual_connection(const Fields& fields) {
  if (fields.count(FieldId::connection) != 1) return Usual::no;
  const std::string_view value = *fields.get(FieldId::connection);
  if (value.size() == 10 && base::iequals(value, "keep-alive")) return Usual::keep_alive;
  return value.size() == 5 && base::iequals(value, "close") ? Usual::close : Usual::no;
}

}  // namespace

RequestFraming request_framing(const Fields& fields, int minor_version) {
  RequestFraming out;
  bool has_length = false;
  if (!content_length(fields, has_length, out.framing.length)) return {{}, 400};
  const Coding coding = transfer_coding(fields);
  if (coding != Coding::absent) {
    if (has_length || minor_version == 0) return {{}, 400};
    if (coding == Coding::other) {
      // chunked that is not last, or twice, makes the length unknowable; another coding is only unknown to us
      bool chunked = false;
      fields.each_element(FieldId::transfer_encoding,
                          [&](std::string_view e) { chunked |= base::iequals(e, "chunked"); });
      bool last = false;
      int count = 0;
      fields.each_element(FieldId::transfer_encoding, [&](std::string_view e) {
        last = base::iequals(e, "chunked");
        count += last;
      });
      return {{}, chunked && last && count == 1 ? 501 : 400};
    }
    out.framing.kind = Framing::Kind::chunked;
  } else if (has_length && out.framing.length > 0) {
    out.framing.kind = Framing::Kind::length;
  }
  return out;
}

bool response_framing(const Fields& fields, int status, int minor_version, Method request_method, Framing& out) {
  out = {};
  bool has_length = false;
  if (!content_length(fields, has_length, out.length)) return false;
  const Coding coding = transfer_coding(fields);
  if (coding != Coding::absent && (has_length || minor_version == 0 || coding == Coding::other)) return false;
  if (request_method == Method::head || status / 100 == 1 || status == 204 || status == 304) return true;
  if (coding == Coding::chunked) {
    out.kind = Framing::Kind::chunked;
  } else if (has_length) {
    out.kind = out.length > 0 ? Framing::Kind::length : Framing::Kind::none;
  } else {
    out.kind = Framing::Kind::until_close;
  }
  return true;
}

bool keeps_alive(const Fields& fields, int minor_version) {
  if (!fields.has(FieldId::connection)) return minor_version >= 1;
  if (const Usual usual = usual_connection(fields); usual != Usual::no) return usual == Usual::keep_alive;
  bool close = false, keep = false;
  fields.each_element(FieldId::connection, [&](std::string_view e) {
    close |= base::iequals(e, "close");
    keep |= base::iequals(e, "keep-alive");
  });
  return !close && (minor_version >= 1 || keep);
}

void remove_hop_by_hop(Fields& fields, bool keep_upgrade) {
  constexpr std::uint64_t kHops = Fields::bit(FieldId::connection) | Fields::bit(FieldId::keep_alive) |
                                  Fields::bit(FieldId::proxy_connection) | Fields::bit(FieldId::transfer_encoding) |
                                  Fields::bit(FieldId::upgrade) | Fields::bit(FieldId::te);
  if ((fields.present() & kHops) == 0) return;
  if (usual_connection(fields) != Usual::no) {  // names no field but those that go anyway
    fields.remove(FieldId::connection);
  } else if (fields.has(FieldId::connection)) {
    fields.each_element(FieldId::connection, [&](std::string_view named) {
      const FieldId id = field_id(named);
      // What frames or routes the message can't be taken away by naming it.
      if (id == FieldId::host || id == FieldId::content_length || id == FieldId::transfer_encoding || id == FieldId::te)
        return;
      if (id == FieldId::upgrade && keep_upgrade) return;
      fields.remove(named);
    });
    fields.remove(FieldId::connection);
  }
  fields.remove(FieldId::keep_alive);
  fields.remove(FieldId::proxy_connection);
  fields.remove(FieldId::transfer_encoding);
  if (!keep_upgrade) fields.remove(FieldId::upgrade);
  if (fields.has(FieldId::te)) {
    bool trailers = false;
    fields.each_element(FieldId::te, [&](std::string_view e) { trailers |= base::iequals(e, "trailers"); });
    fields.remove(FieldId::te);
    if (trailers) fields.add(FieldId::te, "trailers");
  }
}

bool forbidden_in_trailers(std::string_view name) noexcept {
  switch (field_id(name)) {
    case FieldId::transfer_encoding:
    case FieldId::content_length:
    case FieldId::host:
    case FieldId::connection:
    case FieldId::cache_control:
    case FieldId::expect:
    case FieldId::max_forwards:
    case FieldId::pragma:
    case FieldId::range:
    case FieldId::te:
    case FieldId::authorization:
    case FieldId::set_cookie:
    case FieldId::cookie:
    case FieldId::content_encoding:
    case FieldId::content_type:
    case FieldId::content_range:
    case FieldId::trailer:
    case FieldId::age:
    case FieldId::expires:
    case FieldId::date:
    case FieldId::location:
    case FieldId::retry_after:
    case FieldId::vary:
    case FieldId::warning:
    case FieldId::keep_alive:
    case FieldId::proxy_connection:
    case FieldId::upgrade:
    case FieldId::if_match:
    case FieldId::if_none_match:
    case FieldId::if_modified_since:
    case FieldId::if_unmodified_since:
    case FieldId::if_range:
    case FieldId::via:
    case FieldId::proxy_authenticate:
    case FieldId::proxy_authorization:
    case FieldId::x_forwarded_for:
    case FieldId::forwarded:
    case FieldId::x_forwarded_proto:
    case FieldId::x_forwarded_host:
      return true;
    default:
      return base::iequals(name, "WWW-Authenticate");
  }
}

}  // namespace genkan::http::h1
