#include "smtp/auth/spf_record.hpp"

#include <algorithm>

#include "base/text.hpp"

namespace genkan::smtp {
namespace {

bool is_alpha(char c) noexcept { return base::lower(c) >= 'a' && base::lower(c) <= 'z'; }
bool is_digit(char c) noexcept { return c >= '0' && c <= '9'; }
bool is_alnum(char c) noexcept { return is_alpha(c) || is_digit(c); }
bool is_delimiter(char c) noexcept {
  return c != '\0' && std::string_view(".-+,/_=").find(c) != std::string_view::npos;
}

// The length of the macro-expand that `text` (at its '%') starts with; 0: none.
std::size_t macro_length(std::string_view text, bool explain) noexcept {
  if (text.size() < 2) return 0;
  if (text[1] == '%' || text[1] == '_' || text[1] == '-') return 2;
  if (text[1] != '{' || text.size() < 4) return 0;
  const auto letter = base::lower(text[2]);
  const std::string_view letters = explain ? "slodiphvcrt" : "slodiphv";
  if (letters.find(letter) == std::string_view::npos) return 0;
  std::size_t at = 3;
  bool digits = false, zero = true;
  for (; at < text.size() && is_digit(text[at]); ++at) {
    digits = true;
    zero = zero && text[at] == '0';
  }
  if (digits && (zero || at > 3 + 3)) return 0;  // no address has a thousand parts
  if (at < text.size() && base::lower(text[at]) == 'r') ++at;
  while (at < text.size() && is_delimiter(text[at])) ++at;
  return at < text.size() && text[at] == '}' ? at + 1 : 0;
}

// toplabel: LDH, not digits alone, no hyphen at an end.
bool is_toplabel(std::string_view label) noexcept {
  if (label.empty() || label.front() == '-' || label.back() == '-') return false;
  bool plain = true;
  for (const char c : label) {
    if (!is_alnum(c) && c != '-') return false;
    plain = plain && is_digit(c);
  }
  return !plain;
}

bool is_domain_spec(std::string_view spec) noexcept {
  if (!is_macro_string(spec, false) || spec.find(' ') != std::string_view::npos) return false;
  // It ends in a macro, or in a dot and a label that can be a top-level domain.
  std::size_t last_macro = 0;
  for (std::size_t i = 0; i < spec.size();) {
    if (spec[i] != '%') {
      ++i;
      continue;
    }
    const auto length = macro_length(spec.substr(i), false);
    i += length;
    last_macro = i;
  }
  if (last_macro == spec.size() && !spec.empty()) return spec.back() == '}';
  if (spec.ends_with('.')) spec.remove_suffix(1);
  const auto dot = spec.rfind('.');
  return dot != std::string_view::npos && dot + 1 >= last_macro && is_toplabel(spec.substr(dot + 1));
}

// "/24", "//64", "/24//64" at the end of `text` are taken off. False: a length that cannot be.
bool take_length(std::string_view& text, std::string_view slashes, unsigned max, std::uint8_t& out) {
  const auto slash = text.rfind('/');
  if (slash == std::string_view::npos) return true;
  const auto digits = text.substr(slash + 1);
  if (digits.empty() || digits.size() > 3 || !std::all_of(digits.begin(), digits.end(), is_digit)) return true;
  const auto before = text.substr(0, slash + 1);
  const bool two = before.ends_with("//");
  if (two != (slashes == "//")) return true;
  const auto value = base::parse_uint(digits);
  if (!value || *value > max || (digits.size() > 1 && digits.front() == '0')) return false;
  out = static_cast<std::uint8_t>(*value);
  text.remove_suffix(digits.size() + slashes.size());
  return true;
}

bool read_network(std::string_view text, SpfTerm& term) {
  const bool v6 = term.kind == SpfTerm::Kind::ip6;
  auto& length = v6 ? term.v6_prefix : term.v4_prefix;
  const auto slash = text.find('/');
  if (slash != std::string_view::npos) {
    auto rest = text.substr(slash);
    if (!take_length(rest, "/", v6 ? 128 : 32, length) || !rest.empty()) return false;
    text = text.substr(0, slash);
  }
  const auto ip = base::IpAddress::parse(text);
  if (!ip || text.find('%') != std::string_view::npos) return false;
  const bool dotted = text.find(':') == std::string_view::npos;
  if (dotted == v6) return false;
  term.network = *ip;
  return true;
}

struct Name {
  std::string_view text;
  SpfTerm::Kind kind;
};
constexpr Name kNames[] = {{"all", SpfTerm::Kind::all}, {"include", SpfTerm::Kind::include},
                           {"a", SpfTerm::Kind::a},     {"mx", SpfTerm::Kind::mx},
                           {"ptr", SpfTerm::Kind::ptr}, {"ip4", SpfTerm::Kind::ip4},
                           {"ip6", SpfTerm::Kind::ip6}, {"exists", SpfTerm::Kind::exists}};

std::optional<SpfTerm> parse_directive(std::string_view text) {
  using Kind = SpfTerm::Kind;
  SpfTerm term;
  switch (text.empty() ? '\0' : text.front()) {
    case '-':
      term.result = SpfResult::fail;
      break;
    case '~':
      term.result = SpfResult::softfail;
      break;
    case '?':
      term.result = SpfResult::neutral;
      break;
    default:
      break;
  }
  if (!text.empty() && std::string_view("+-~?").find(text.front()) != std::string_view::npos) text.remove_prefix(1);
  const auto end = std::min(text.find_first_of(":/"), text.size());
  const auto* name = std::find_if(std::begin(kNames), std::end(kNames),
                                  [&](const Name& n) { return base::iequals(n.text, text.substr(0, end)); });
  if (name == std::end(kNames)) return std::nullopt;
  term.kind = name->kind;
  auto rest = text.substr(end);
  if (term.kind == Kind::all) return rest.empty() ? std::optional(term) : std::nullopt;
  const bool colon = rest.starts_with(':');
  if (term.kind == Kind::ip4 || term.kind == Kind::ip6) {
    return colon && read_network(rest.substr(1), term) ? std::optional(term) : std::nullopt;
  }
  if (term.kind == Kind::a || term.kind == Kind::mx) {
    if (!take_length(rest, "//", 128, term.v6_prefix) || !take_length(rest, "/", 32, term.v4_prefix))
      return std::nullopt;
  }
  if (rest.empty()) {
    const bool alone = term.kind == Kind::a || term.kind == Kind::mx || term.kind == Kind::ptr;
    return alone ? std::optional(term) : std::nullopt;
  }
  if (!rest.starts_with(':') || !is_domain_spec(rest.substr(1))) return std::nullopt;
  term.domain = rest.substr(1);
  return term;
}

bool is_modifier_name(std::string_view name) noexcept {
  return !name.empty() && is_alpha(name.front()) &&
         std::all_of(name.begin(), name.end(), [](char c) { return is_alnum(c) || c == '-' || c == '_' || c == '.'; });
}

}  // namespace

std::string_view word_of(SpfResult result) noexcept {
  switch (result) {
    case SpfResult::none:
      return "none";
    case SpfResult::neutral:
      return "neutral";
    case SpfResult::pass:
      return "pass";
    case SpfResult::fail:
      return "fail";
    case SpfResult::softfail:
      return "softfail";
    case SpfResult::temperror:
      return "temperror";
    case SpfResult::permerror:
      break;
  }
  return "permerror";
}

bool is_macro_string(std::string_view text, bool explain) noexcept {
  for (std::size_t i = 0; i < text.size();) {
    const char c = text[i];
    if (c == '%') {
      const auto length = macro_length(text.substr(i), explain);
      if (length == 0) return false;
      i += length;
    } else if ((c >= '!' && c <= '~') || (explain && c == ' ')) {
      ++i;
    } else {
      return false;
    }
  }
  return true;
}

bool is_spf(std::string_view txt) noexcept {
  return base::istarts_with(txt, "v=spf1") && (txt.size() == 6 || txt[6] == ' ');
}

std::optional<SpfRecord> parse_spf(std::string_view txt) {
  SpfRecord record;
  if (!is_spf(txt)) return std::nullopt;
  bool redirected = false, explained = false;
  for (const auto word : base::split(txt.substr(6), ' ')) {
    if (word.empty()) continue;
    const auto equals = word.find('=');
    if (equals != std::string_view::npos && is_modifier_name(word.substr(0, equals))) {
      const auto name = word.substr(0, equals), value = word.substr(equals + 1);
      const bool redirect = base::iequals(name, "redirect"), exp = base::iequals(name, "exp");
      if (redirect || exp) {
        auto& seen = redirect ? redirected : explained;
        if (seen || !is_domain_spec(value)) return std::nullopt;
        seen = true;
        (redirect ? record.redirect : record.explanation) = value;
      } else if (!is_macro_string(value, false)) {
        return std::nullopt;
      }
      continue;
    }
    auto term = parse_directive(word);
    if (!term) return std::nullopt;
    record.terms.push_back(std::move(*term));
  }
  return record;
}

bool same_network(const base::IpAddress& ip, const base::IpAddress& network, const SpfTerm& term) noexcept {
  if (ip.is_v4() != network.is_v4()) return false;
  const unsigned bits = ip.is_v4() ? 96u + term.v4_prefix : term.v6_prefix;
  for (unsigned i = 0; i < 16; ++i) {
    const unsigned left = bits > i * 8 ? std::min(8u, bits - i * 8) : 0;
    const auto mask = static_cast<std::uint8_t>(0xFF00u >> left);
    if ((ip.bytes[i] & mask) != (network.bytes[i] & mask)) return false;
  }
  return true;
}

}  // namespace genkan::smtp
