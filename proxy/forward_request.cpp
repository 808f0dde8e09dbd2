// The request's way through a forward before a backend is chosen: what is answered here, what is taken away, what is
// added.
#include "base/text.hpp"
#include "conf/client_fact.hpp"
#include "http/h1/framing.hpp"
#include "net/tls_stream.hpp"
#include "proxy/forward.hpp"

namespace genkan::proxy {
namespace {

using http::FieldId;

// Whether the quoted strings of a field's lines end (RFC 9110 5.6.4). In one that does not, what we add would be lost.
bool quotes_end(const http::Fields& fields, FieldId id) {
  bool quoted = false;
  for (std::size_t i = 0; i < fields.entries() && !quoted; ++i) {
    if (fields.id(i) != id || !fields.live(i)) continue;
    const std::string_view value = fields.value(i);
    for (std::size_t at = 0; at < value.size(); ++at) {
      if (value[at] == '"') quoted = !quoted;
      if (value[at] == '\\' && quoted) ++at;
    }
  }
  return !quoted;
}

// "for=192.0.2.1;proto=http;host=\"example.org\"" (RFC 7239 4: an IPv6 address is bracketed, and quoted for its
// colons).
void write_forwarded(const http::Request& r, std::string& out) {
  out = "for=";
  if (r.client->is_unix()) {
    out += "unknown";
  } else if (r.client->ip.is_v4()) {
    out += r.client_text;
  } else {
    out.append("\"[").append(r.client_text).append("]\"");
  }
  out.append(";proto=").append(r.scheme);
  if (r.authority.empty()) return;
  out += ";host=\"";
  for (const char c : r.authority) {
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  out += '"';
}

}  // namespace

// Adds an element to a list field. The common case, that it is not there yet, copies nothing twice.
void Forward::append_element(http::Fields& fields, http::FieldId id, std::string_view element) {
  if (!fields.has(id)) return fields.add(id, element);
  std::string all = fields.joined(id);
  if (!all.empty()) all += ", ";
  all += element;
  fields.set(id, all);
}

// What the backend learns about the client (RFC 9110 7.6.3, RFC 7239), at the end of what earlier proxies said.
void Forward::describe_client(http::Request& r, http::Fields& out) const {
  append_element(out, FieldId::via, r.protocol == "HTTP/2.0" ? via_2_0_ : r.minor_version == 0 ? via_1_0_ : via_);
  append_element(out, FieldId::x_forwarded_for, r.client_text);
  out.set(FieldId::x_forwarded_proto, r.scheme);
  if (!r.authority.empty()) out.set(FieldId::x_forwarded_host, r.authority);
  std::string forwarded;
  write_forwarded(r, forwarded);
  if (out.has(FieldId::forwarded) && !quotes_end(out, FieldId::forwarded)) out.remove(FieldId::forwarded);
  append_element(out, FieldId::forwarded, forwarded);
  const net::PeerCertificate* peer = r.tls ? r.tls->peer() : nullptr;
  if (!peer) return;
  for (const auto& rule : options_.client_fields) {
    if (const auto field = conf::parse_client_field(rule)) out.set(field->name, net::fact_of(peer, field->fact));
  }
}

// Takes away what the backend must not see (RFC 9110 7.6.1), adds what it must know.
void Forward::prepare(http::Request& r) const {
  constexpr std::uint64_t kOurs = http::Fields::bit(FieldId::via) | http::Fields::bit(FieldId::x_forwarded_for) |
                                  http::Fields::bit(FieldId::x_forwarded_proto) |
                                  http::Fields::bit(FieldId::x_forwarded_host) | http::Fields::bit(FieldId::forwarded);
  http::h1::remove_hop_by_hop(r.fields);
  if (!r.usual || (r.fields.present() & kOurs) != 0) return describe_client(r, r.fields);
  // Most requests of a connection get the same lines.
  http::UsualFields& usual = *r.usual;
  if (usual.maker != id_ || usual.minor_version != r.minor_version || usual.authority != r.authority) {
    usual.maker = id_;
    usual.minor_version = r.minor_version;
    usual.authority = r.authority;
    usual.fields.clear();
    describe_client(r, usual.fields);
  }
  r.fields.append(usual.fields);
}

// RFC 9110 9.3.8: TRACE has no content, and we would be the client that sends it.
bool Forward::answer_trace(http::Request& r, http::Response& out) const {
  if (r.method != http::Method::trace || !r.body) return false;
  out = http::error_page(r, 400, "TRACE has no content.");
  return true;
}

// RFC 9110 7.6.2: OPTIONS and TRACE that may go no further are answered here.
bool Forward::answer_max_forwards(http::Request& r, http::Response& out) const {
  if (r.method != http::Method::options && r.method != http::Method::trace) return false;
  const auto value = r.fields.get(FieldId::max_forwards);
  if (!value) return false;
  const auto hops = base::parse_uint(*value);
  if (!hops) {
    out = http::error_page(r, 400, "Max-Forwards is not a number.");
    return true;
  }
  if (*hops > 0) {
    r.fields.set(FieldId::max_forwards, std::to_string(*hops - 1));
    return false;
  }
  if (r.method == http::Method::options) {
    out = r.reply(204);
    out.head->fields.add("Allow", "GET, HEAD, POST, PUT, DELETE, PATCH, OPTIONS");
  } else {
    out = http::error_page(r, 405, "TRACE is not answered here.");
    out.head->fields.add("Allow", "GET, HEAD, POST, PUT, DELETE, PATCH, OPTIONS");
  }
  return true;
}

}  // namespace genkan::proxy
