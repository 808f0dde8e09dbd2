#include "http/identity.hpp"

#include <algorithm>
#include <array>

#include "base/random.hpp"

namespace genkan::http {
namespace {

constexpr std::size_t kMaxId = 128;
constexpr std::size_t kParentSize = 55;

bool is_lower_hex(std::string_view text) noexcept {
  return std::all_of(text.begin(), text.end(), [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
}

bool all_zero(std::string_view text) noexcept { return text.find_first_not_of('0') == std::string_view::npos; }

bool keeps_id(const Request& r, const conf::Http& conf) noexcept {
  if (!r.fields.has(FieldId::x_request_id) || !r.client || r.client->is_unix()) return false;
  const auto trusted = [&](const base::Cidr& net) { return net.contains(r.client->ip); };
  if (std::none_of(conf.request_id_from.begin(), conf.request_id_from.end(), trusted)) return false;
  return r.fields.count(FieldId::x_request_id) == 1 && is_harmless_id(*r.fields.get(FieldId::x_request_id));
}

void begin_trace(Request& r, const conf::Http& conf) {
  auto& random = base::fast_random();
  std::array<char, kParentSize> text;
  std::copy_n("00-", 3, text.data());
  base::put_hex(random() | 1, text.data() + 3);  // never all zero
  base::put_hex(random(), text.data() + 19);
  text[35] = '-';
  base::put_hex(random() | 1, text.data() + 36);
  text[52] = '-';
  text[53] = '0';
  text[54] = conf.trace_sample > 0 && random() % 100 < conf.trace_sample ? '1' : '0';
  r.fields.set(FieldId::traceparent, {text.data(), text.size()});
}

void see_to_trace(Request& r, const conf::Http& conf) {
  if (r.fields.count(FieldId::traceparent) == 1) {
    const auto parent = parse_traceparent(*r.fields.get(FieldId::traceparent));
    if (parent && parent->version == "00") return;
    if (parent) {  // of a later version: what we understand of it, in ours (W3C 3.2.4)
      std::array<char, kParentSize> text;
      const std::string_view whole(parent->version.data(), kParentSize);
      std::copy(whole.begin(), whole.end(), text.begin());
      text[0] = text[1] = '0';
      text[53] = '0';
      text[54] = (parent->flags[1] <= '9' ? parent->flags[1] - '0' : parent->flags[1] - 'a' + 10) & 1 ? '1' : '0';
      return r.fields.set(FieldId::traceparent, {text.data(), text.size()});
    }
  }
  // Without a parent what the state says is of no trace (W3C 3.3.1.1).
  r.fields.remove(FieldId::tracestate);
  begin_trace(r, conf);
}

}  // namespace

std::optional<TraceParent> parse_traceparent(std::string_view text) noexcept {
  if (text.size() < kParentSize || text[2] != '-' || text[35] != '-' || text[52] != '-') return std::nullopt;
  const TraceParent out{text.substr(0, 2), text.substr(3, 32), text.substr(36, 16), text.substr(53, 2)};
  if (!is_lower_hex(out.version) || !is_lower_hex(out.trace_id) || !is_lower_hex(out.parent_id) ||
      !is_lower_hex(out.flags))
    return std::nullopt;
  if (out.version == "ff" || all_zero(out.trace_id) || all_zero(out.parent_id)) return std::nullopt;
  if (text.size() > kParentSize && (out.version == "00" || text[kParentSize] != '-')) return std::nullopt;
  return out;
}

bool is_harmless_id(std::string_view id) noexcept {
  return !id.empty() && id.size() <= kMaxId && std::all_of(id.begin(), id.end(), [](char c) {
    return (c >= '0' && c <= '9') || (base::lower(c) >= 'a' && base::lower(c) <= 'z') ||
           std::string_view("-_.:=+/@").find(c) != std::string_view::npos;
  });
}

void add_request_id(Request& r) {
  auto& random = base::fast_random();
  std::array<char, 32> text;
  base::put_hex(random(), text.data());
  base::put_hex(random(), text.data() + 16);
  r.fields.set(FieldId::x_request_id, {text.data(), text.size()});
}

void identify(Request& r, const conf::Http& conf) {
  if (conf.request_id && !keeps_id(r, conf)) add_request_id(r);
  if (conf.trace) see_to_trace(r, conf);
}

}  // namespace genkan::http
