#include "acme/message.hpp"

#include <boost/json.hpp>

#include <algorithm>

#include "base/address.hpp"
#include "base/text.hpp"

namespace genkan::acme {
namespace {

namespace json = boost::json;

constexpr std::size_t kMaxUrl = 2048;
constexpr std::size_t kMaxDepth = 16;
constexpr std::size_t kMaxAuthorizations = 100;
constexpr std::size_t kMaxChallenges = 32;
constexpr std::size_t kMaxSubproblems = 5;
constexpr std::string_view kErrorPrefix = "urn:ietf:params:acme:error:";

Result<json::object> read_object(std::string_view text) {
  if (text.size() > kMaxJson) return Errc::too_large;
  json::parse_options options;
  options.max_depth = kMaxDepth;
  boost::system::error_code error;
  json::value value = json::parse(text, error, {}, options);
  if (error || !value.is_object()) return Errc::malformed;
  return std::move(value.get_object());
}

std::string_view text_of(const json::object& object, std::string_view name) {
  const json::value* value = object.if_contains(name);
  const json::string* text = value ? value->if_string() : nullptr;
  return text ? std::string_view(text->data(), text->size()) : std::string_view();
}

// Empty when it is absent or nothing that we would ask.
std::string url_of(const json::object& object, std::string_view name) {
  const std::string_view text = text_of(object, name);
  return Url::parse(text) ? std::string(text) : std::string();
}

const json::array* array_of(const json::object& object, std::string_view name) {
  const json::value* value = object.if_contains(name);
  return value ? value->if_array() : nullptr;
}

const json::object* object_of(const json::object& object, std::string_view name) {
  const json::value* value = object.if_contains(name);
  return value ? value->if_object() : nullptr;
}

Problem problem_of(const json::object& object) {
  Problem problem;
  const std::string_view type = text_of(object, "type");
  problem.type = for_people(type.starts_with(kErrorPrefix) ? type.substr(kErrorPrefix.size()) : type, 100);
  std::string detail(text_of(object, "detail"));
  const json::array* all = array_of(object, "subproblems");
  for (std::size_t i = 0; all && i < std::min(all->size(), kMaxSubproblems); ++i) {
    const json::object* one = (*all)[i].if_object();
    if (!one) continue;
    const json::object* identifier = object_of(*one, "identifier");
    detail += (detail.empty() ? "" : "; ") + std::string(identifier ? text_of(*identifier, "value") : "") + ": " +
              std::string(text_of(*one, "detail"));
  }
  problem.detail = for_people(detail, 600);
  return problem;
}

template <class Status>
bool pick(std::string_view text, std::initializer_list<std::pair<std::string_view, Status>> words, Status& out) {
  for (const auto& [word, status] : words) {
    if (text != word) continue;
    out = status;
    return true;
  }
  return false;
}

}  // namespace

std::string Url::authority() const {
  const std::string name = host.find(':') != std::string::npos ? "[" + host + "]" : host;
  return port == 443 ? name : name + ":" + std::to_string(port);
}

Result<Url> Url::parse(std::string_view text) {
  constexpr std::string_view kScheme = "https://";
  if (text.size() > kMaxUrl || !base::istarts_with(text, kScheme)) return Errc::malformed;
  for (const char c : text) {
    if (c <= 0x20 || c >= 0x7f || c == '#' || c == '\\' || c == '"' || c == '<' || c == '>') return Errc::malformed;
  }
  text.remove_prefix(kScheme.size());
  const std::size_t end = std::min(text.find_first_of("/?"), text.size());
  std::string_view authority = text.substr(0, end);
  Url url;
  if (end < text.size()) url.target = (text[end] == '?' ? "/" : "") + std::string(text.substr(end));
  if (authority.find('@') != std::string_view::npos) return Errc::malformed;
  std::string_view port;
  bool has_port = false;
  if (authority.starts_with('[')) {
    const std::size_t close = authority.find(']');
    if (close == std::string_view::npos || !base::IpAddress::parse(authority.substr(1, close - 1))) {
      return Errc::malformed;
    }
    url.host = authority.substr(1, close - 1);
    port = authority.substr(close + 1);
    has_port = !port.empty();
    if (has_port && !port.starts_with(':')) return Errc::malformed;
    if (has_port) port.remove_prefix(1);
  } else {
    const std::size_t colon = authority.find(':');
    url.host = base::to_lower(authority.substr(0, colon));
    has_port = colon != std::string_view::npos;
    if (has_port) port = authority.substr(colon + 1);
    const auto bad = [](char c) {
      return !((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '.' || c == '_');
    };
    if (std::any_of(url.host.begin(), url.host.end(), bad)) return Errc::malformed;
  }
  if (url.host.empty() || url.host.size() > 253) return Errc::malformed;
  if (has_port) {
    const auto number = base::parse_uint(port);
    if (!number || *number == 0 || *number > 65535) return Errc::malformed;
    url.port = static_cast<std::uint16_t>(*number);
  }
  return url;
}

const Challenge* Authorization::find(std::string_view type) const {
  const auto found = std::find_if(challenges.begin(), challenges.end(), [&](const auto& c) { return c.type == type; });
  return found == challenges.end() ? nullptr : &*found;
}

Result<Directory> read_directory(std::string_view text) {
  const auto object = read_object(text);
  if (!object) return object.error();
  Directory out;
  out.new_nonce = url_of(*object, "newNonce");
  out.new_account = url_of(*object, "newAccount");
  out.new_order = url_of(*object, "newOrder");
  if (out.new_nonce.empty() || out.new_account.empty() || out.new_order.empty()) return Errc::malformed;
  if (const json::object* meta = object_of(*object, "meta")) {
    out.terms = for_people(text_of(*meta, "termsOfService"), kMaxUrl);
    const json::value* required = meta->if_contains("externalAccountRequired");
    out.external_account_required = required && required->is_bool() && required->get_bool();
  }
  return out;
}

Result<Order> read_order(std::string_view text) {
  const auto object = read_object(text);
  if (!object) return object.error();
  Order out;
  using S = Order::Status;
  if (!pick<S>(text_of(*object, "status"),
               {{"pending", S::pending},
                {"ready", S::ready},
                {"processing", S::processing},
                {"valid", S::valid},
                {"invalid", S::invalid}},
               out.status)) {
    return Errc::malformed;
  }
  if (const json::array* all = array_of(*object, "authorizations")) {
    if (all->size() > kMaxAuthorizations) return Errc::too_large;
    for (const auto& one : *all) {
      const json::string* url = one.if_string();
      if (!url || !Url::parse({url->data(), url->size()})) return Errc::malformed;
      out.authorizations.emplace_back(url->data(), url->size());
    }
  }
  out.finalize = url_of(*object, "finalize");
  out.certificate = url_of(*object, "certificate");
  if (const json::object* error = object_of(*object, "error")) out.error = problem_of(*error);
  return out;
}

Result<Authorization> read_authorization(std::string_view text) {
  const auto object = read_object(text);
  if (!object) return object.error();
  Authorization out;
  using S = Authorization::Status;
  const json::object* identifier = object_of(*object, "identifier");
  if (!identifier || text_of(*identifier, "type") != "dns" ||
      !pick<S>(text_of(*object, "status"),
               {{"pending", S::pending},
                {"valid", S::valid},
                {"invalid", S::invalid},
                {"deactivated", S::deactivated},
                {"expired", S::expired},
                {"revoked", S::revoked}},
               out.status)) {
    return Errc::malformed;
  }
  out.name = base::to_lower(text_of(*identifier, "value"));
  const json::array* all = array_of(*object, "challenges");
  for (std::size_t i = 0; all && i < std::min(all->size(), kMaxChallenges); ++i) {
    const json::object* one = (*all)[i].if_object();
    if (!one) continue;
    Challenge challenge;
    challenge.type = text_of(*one, "type");
    if (challenge.type != "http-01" && challenge.type != "tls-alpn-01") continue;
    challenge.url = url_of(*one, "url");
    challenge.token = text_of(*one, "token");
    using C = Challenge::Status;
    const bool known =
        pick<C>(text_of(*one, "status"),
                {{"pending", C::pending}, {"processing", C::processing}, {"valid", C::valid}, {"invalid", C::invalid}},
                challenge.status);
    if (!known || challenge.url.empty() || !is_token(challenge.token)) continue;
    if (const json::object* error = object_of(*one, "error")) challenge.error = problem_of(*error);
    out.challenges.push_back(std::move(challenge));
  }
  return out;
}

Problem read_problem(std::string_view text) {
  const auto object = read_object(text);
  return object ? problem_of(*object) : Problem();
}

std::string read_account_status(std::string_view text) {
  const auto object = read_object(text);
  return object ? for_people(text_of(*object, "status"), 40) : std::string();
}

std::optional<Duration> read_retry_after(std::string_view field, WallTime now) {
  constexpr std::chrono::seconds kMost = std::chrono::hours(24 * 7);
  field = base::trim(field);
  if (field.empty()) return std::nullopt;
  if (const auto seconds = base::parse_uint(field)) {
    return std::chrono::seconds(std::min<std::uint64_t>(*seconds, static_cast<std::uint64_t>(kMost.count())));
  }
  const auto date = base::parse_http_date(field);
  if (!date) return std::nullopt;
  const auto left = std::chrono::ceil<std::chrono::seconds>(*date - now);
  return std::clamp<std::chrono::seconds>(left, std::chrono::seconds(0), kMost);
}

bool is_token(std::string_view text) noexcept {
  constexpr std::size_t kMaxToken = 256;
  if (text.empty() || text.size() > kMaxToken) return false;
  return std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
  });
}

std::string for_people(std::string_view text, std::size_t limit) {
  std::string out;
  for (std::size_t i = 0; i < text.size();) {
    const std::size_t size = base::utf8_sequence(text.substr(i));
    if (out.size() + std::max<std::size_t>(size, 1) > limit) {
      if (out.size() >= 3) out.replace(out.size() - 3, 3, "...");
      break;
    }
    if (size <= 1) {
      const auto c = static_cast<unsigned char>(text[i]);
      out += size == 1 && c >= 0x20 && c != 0x7f ? text[i] : ' ';
      ++i;
    } else {
      out += text.substr(i, size);
      i += size;
    }
  }
  return out;
}

}  // namespace genkan::acme
