#include "proxy/text.hpp"

#include <algorithm>

#include "base/crypto.hpp"
#include "base/text.hpp"
#include "http/identity.hpp"
#include "http/lookup.hpp"
#include "net/rate_table.hpp"
#include "net/tls_stream.hpp"

namespace genkan::proxy {
namespace {

using conf::Placeholder;
using http::FieldId;

// The name in "Basic bmFtZTpwYXNzd29yZA==".
std::string basic_user(const http::Request& r) {
  const auto field = r.fields.get(FieldId::authorization).value_or("");
  if (!base::istarts_with(field, "basic ")) return {};
  const auto plain = base::base64_decode(base::trim(field.substr(6)));
  return plain ? plain->substr(0, plain->find(':')) : std::string();
}

std::string network_text(const http::Request& r) {
  if (!r.client || r.client->is_unix()) return "unix";
  return net::network_of(r.client->ip).text();
}

void append(http::Request& r, const conf::Piece& piece, int status, std::span<const std::string_view> groups,
            std::string& out) {
  switch (piece.kind) {
    case Placeholder::text:
      out += piece.text;
      break;
    case Placeholder::scheme:
      out += r.scheme;
      break;
    case Placeholder::host:
      out += r.host;
      break;
    case Placeholder::path:
      out += r.path;
      break;
    case Placeholder::query:
      out += r.query;
      break;
    case Placeholder::target:
      out += r.path;
      if (r.has_query) out.append("?").append(r.query);
      break;
    case Placeholder::method:
      out += r.method_text;
      break;
    case Placeholder::client:
      out += r.client_text;
      break;
    case Placeholder::network:
      out += network_text(r);
      break;
    case Placeholder::user:
      out += basic_user(r);
      break;
    case Placeholder::route:
      out += r.route;
      break;
    case Placeholder::server_name:
      if (r.tls) out += r.tls->server_name();
      break;
    case Placeholder::tls_version:
      if (r.tls) out += r.tls->version();
      break;
    case Placeholder::tls_cipher:
      if (r.tls) out += r.tls->cipher();
      break;
    case Placeholder::client_fact:
      if (r.tls) out += net::fact_of(r.tls->peer(), piece.fact);
      break;
    case Placeholder::request_id:
      out += request_id(r);
      break;
    case Placeholder::status:
      if (status) out += std::to_string(status);
      break;
    case Placeholder::header:
      out += r.fields.get(piece.text).value_or("");
      break;
    case Placeholder::cookie:
      out += http::cookie_value(r.fields, piece.text).value_or("");
      break;
    case Placeholder::arg: {
      std::string store;
      out += http::query_value(r.query, piece.text, store).value_or("");
      break;
    }
    case Placeholder::group:
      if (piece.group < groups.size()) out += groups[piece.group];
      break;
  }
}

}  // namespace

Text::Text(std::string_view text, conf::PlaceholderRules rules) {
  std::string why;
  auto pieces = conf::parse_placeholders(text, rules, why);
  if (pieces) {
    pieces_ = std::move(*pieces);
  } else {
    pieces_.push_back({Placeholder::text, std::string(text), 0});
  }
}

std::string Text::fill(http::Request& request, int status, std::span<const std::string_view> groups) const {
  std::string out;
  for (const auto& piece : pieces_) append(request, piece, status, groups, out);
  return out;
}

std::string_view request_id(http::Request& r) {
  const auto given = r.fields.get(FieldId::x_request_id);
  if (given && http::is_harmless_id(*given)) return *given;
  http::add_request_id(r);
  return *r.fields.get(FieldId::x_request_id);
}

std::string field_safe(std::string text) {
  for (char& c : text) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) c = ' ';
  }
  return std::string(base::trim(text));
}

std::string url_safe(std::string_view text) {
  constexpr std::string_view kDigits = "0123456789ABCDEF";
  std::string out;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte <= 0x20 || byte >= 0x7f || std::string_view("\"<>\\^`{|}").find(c) != std::string_view::npos) {
      out += '%';
      out += kDigits[byte >> 4];
      out += kDigits[byte & 15];
    } else {
      out += c;
    }
  }
  return out;
}

}  // namespace genkan::proxy
