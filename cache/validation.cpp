#include "cache/validation.hpp"

#include <algorithm>

#include "base/text.hpp"

namespace genkan::cache {
namespace {

using http::FieldId;
using http::Fields;

std::string_view opaque(std::string_view etag) noexcept {
  if (etag.starts_with("W/")) etag.remove_prefix(2);
  return etag;
}

std::optional<WallTime> date_of(const Fields& fields, FieldId id) {
  auto text = fields.get(id);
  return text ? base::parse_http_date(*text) : std::nullopt;
}

// RFC 9110 8.8.2.2: a date is a strong validator only when the next change would have shown in it.
bool date_is_strong(const Fields& stored) {
  auto modified = date_of(stored, FieldId::last_modified);
  auto date = date_of(stored, FieldId::date);
  return modified && date && *modified + std::chrono::seconds(1) <= *date;
}

// RFC 9110 13.1.5: a strong ETag, or exactly the date that was given out.
bool if_range_holds(const Fields& request, const Fields& stored) {
  auto condition = request.get(FieldId::if_range);
  if (!condition) return true;
  if (request.count(FieldId::if_range) > 1) return false;
  if (etag_valid(*condition)) return etag_equal_strong(*condition, stored.get(FieldId::etag).value_or(""));
  return date_is_strong(stored) && base::parse_http_date(*condition) == date_of(stored, FieldId::last_modified);
}

// One range-spec of RFC 9110 14.1.1: "0-99", "100-", "-50". False: not of that form.
bool parse_range(std::string_view spec, std::uint64_t size, ByteRange& range, bool& satisfiable) {
  auto dash = spec.find('-');
  if (dash == std::string_view::npos) return false;
  auto first = base::parse_uint(spec.substr(0, dash));
  auto last = base::parse_uint(spec.substr(dash + 1));
  if (dash == 0) {
    if (!last) return false;
    satisfiable = *last > 0 && size > 0;
    if (satisfiable) range = {size - std::min(*last, size), size - 1};
    return true;
  }
  bool open = dash + 1 == spec.size();
  if (!first || (!open && !last) || (last && *last < *first)) return false;
  satisfiable = *first < size;
  if (satisfiable) range = {*first, open ? size - 1 : std::min(*last, size - 1)};
  return true;
}

}  // namespace

bool etag_valid(std::string_view etag) noexcept {
  etag = opaque(etag);
  if (etag.size() < 2 || etag.front() != '"' || etag.back() != '"') return false;
  etag = etag.substr(1, etag.size() - 2);
  return std::all_of(etag.begin(), etag.end(), [](char c) {
    auto u = static_cast<unsigned char>(c);
    return u == 0x21 || (u >= 0x23 && u <= 0x7e) || u >= 0x80;
  });
}

bool etag_equal_weak(std::string_view a, std::string_view b) noexcept { return !a.empty() && opaque(a) == opaque(b); }

bool etag_equal_strong(std::string_view a, std::string_view b) noexcept {
  return !a.empty() && a == b && !a.starts_with("W/");
}

Validators validators_of(const Fields& stored) {
  Validators out;
  auto etag = stored.get(FieldId::etag).value_or("");
  if (etag_valid(etag)) out.etag = etag;
  auto modified = stored.get(FieldId::last_modified).value_or("");
  if (base::parse_http_date(modified)) out.last_modified = modified;
  return out;
}

void make_conditional(Fields& request, const Validators& stored) {
  request.remove(FieldId::if_none_match);
  request.remove(FieldId::if_modified_since);
  request.remove(FieldId::if_range);
  if (!stored.etag.empty()) request.add(FieldId::if_none_match, stored.etag);
  if (!stored.last_modified.empty()) request.add(FieldId::if_modified_since, stored.last_modified);
}

bool same_representation(const Validators& stored, const Fields& not_modified) {
  if (auto etag = not_modified.get(FieldId::etag); etag && !stored.etag.empty()) {
    return etag_equal_weak(*etag, stored.etag);
  }
  auto modified = not_modified.get(FieldId::last_modified);
  if (stored.etag.empty() && modified && !stored.last_modified.empty()) {
    return base::parse_http_date(*modified) == base::parse_http_date(stored.last_modified);
  }
  return true;
}

bool has_origin_conditions(const Fields& request) noexcept {
  return request.has(FieldId::if_match) || request.has(FieldId::if_unmodified_since);
}

bool has_cache_conditions(const Fields& request) noexcept {
  return request.has(FieldId::if_none_match) || request.has(FieldId::if_modified_since);
}

bool client_is_current(const Fields& request, const Fields& stored) {
  if (request.has(FieldId::if_none_match)) {  // RFC 9110 13.1.3: then If-Modified-Since is ignored
    auto etag = stored.get(FieldId::etag).value_or("");
    bool match = false;
    request.each_element(FieldId::if_none_match,
                         [&](std::string_view e) { match |= e == "*" || etag_equal_weak(e, etag); });
    return match;
  }
  auto since = date_of(request, FieldId::if_modified_since);
  if (!since || request.count(FieldId::if_modified_since) > 1) return false;
  auto modified = date_of(stored, FieldId::last_modified);
  if (!modified) modified = date_of(stored, FieldId::date);
  return modified && *modified <= *since;
}

bool belongs_in_304(std::string_view name, FieldId id) noexcept {
  switch (id) {
    case FieldId::cache_control:
    case FieldId::cdn_cache_control:
    case FieldId::cache_status:
    case FieldId::date:
    case FieldId::etag:
    case FieldId::expires:
    case FieldId::last_modified:
    case FieldId::vary:
    case FieldId::via:
    case FieldId::server:
      return true;
    default:
      return base::iequals(name, "Content-Location");
  }
}

RangeAnswer choose_range(const Fields& request, const Fields& stored, std::uint64_t size, ByteRange& range) {
  auto value = request.get(FieldId::range);
  if (!value || request.count(FieldId::range) > 1) return RangeAnswer::whole;
  auto equals = value->find('=');
  if (equals == std::string_view::npos || !base::iequals(value->substr(0, equals), "bytes")) return RangeAnswer::whole;
  int specs = 0;
  bool valid = true, satisfiable = false;
  base::each_in_list(value->substr(equals + 1), [&](std::string_view spec) {
    ++specs;
    if (specs == 1) valid = parse_range(spec, size, range, satisfiable);
  });
  // RFC 9110 14.2: a server may ignore Range; several ranges are rarely asked for and a known way to amplify.
  if (specs != 1 || !valid || !if_range_holds(request, stored)) return RangeAnswer::whole;
  return satisfiable ? RangeAnswer::partial : RangeAnswer::unsatisfiable;
}

}  // namespace genkan::cache
