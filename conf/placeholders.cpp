#include "conf/placeholders.hpp"

#include <algorithm>
#include <array>
#include <optional>
#include <utility>

#include "base/text.hpp"

namespace genkan::conf {
namespace {

struct Known {
  std::string_view name;
  Placeholder kind;
  bool argument = false;
};
constexpr std::array<Known, 18> kKnown{{
    {"scheme", Placeholder::scheme},
    {"host", Placeholder::host},
    {"path", Placeholder::path},
    {"query", Placeholder::query},
    {"target", Placeholder::target},
    {"method", Placeholder::method},
    {"client", Placeholder::client},
    {"network", Placeholder::network},
    {"user", Placeholder::user},
    {"route", Placeholder::route},
    {"server_name", Placeholder::server_name},
    {"tls_version", Placeholder::tls_version},
    {"tls_cipher", Placeholder::tls_cipher},
    {"request_id", Placeholder::request_id},
    {"status", Placeholder::status},
    {"header", Placeholder::header, true},
    {"cookie", Placeholder::cookie, true},
    {"arg", Placeholder::arg, true},
}};

// What stands between the braces. False: there is no such placeholder here.
bool read_name(std::string_view name, const PlaceholderRules& rules, Piece& out) {
  if (const auto number = base::parse_uint(name); number && rules.groups && *number <= 99) {
    out = {Placeholder::group, {}, static_cast<std::size_t>(*number)};
    return true;
  }
  if (const auto fact = client_fact_item(name)) {
    out.kind = Placeholder::client_fact;
    out.fact = *fact;
    return true;
  }
  const std::size_t colon = name.find(':');
  for (const Known& known : kKnown) {
    if (known.name != name.substr(0, colon)) continue;
    if (known.kind == Placeholder::status && !rules.status) return false;
    if (known.argument != (colon != std::string_view::npos)) return false;
    out.kind = known.kind;
    if (known.argument) out.text = name.substr(colon + 1);
    return !known.argument || !out.text.empty();
  }
  return false;
}

constexpr std::array<std::string_view, 7> kDays{"sun", "mon", "tue", "wed", "thu", "fri", "sat"};
constexpr int kDay = 24 * 60, kWeek = 7 * kDay;

int day_of(std::string_view text) {
  const std::string name = base::to_lower(text);
  const auto found = std::find(kDays.begin(), kDays.end(), name);
  return found == kDays.end() ? -1 : static_cast<int>(found - kDays.begin());
}

// "08:00" in minutes; 24:00 is the end of the day. -1: no time.
int minute_of(std::string_view text) {
  if (text.size() != 5 || text[2] != ':') return -1;
  const auto hour = base::parse_uint(text.substr(0, 2)), minute = base::parse_uint(text.substr(3));
  if (!hour || !minute || *hour > 24 || *minute > 59 || (*hour == 24 && *minute > 0)) return -1;
  return static_cast<int>(*hour * 60 + *minute);
}

// "Mon-Fri", "Sat,Sun" as a set of days.
std::optional<std::array<bool, 7>> days_of(std::string_view text) {
  std::array<bool, 7> out{};
  for (const auto part : base::split(text, ',')) {
    const std::size_t dash = part.find('-');
    const int first = day_of(part.substr(0, dash));
    const int last = dash == std::string_view::npos ? first : day_of(part.substr(dash + 1));
    if (first < 0 || last < 0) return std::nullopt;
    for (int d = first;; d = (d + 1) % 7) {
      out[static_cast<std::size_t>(d)] = true;
      if (d == last) break;
    }
  }
  return out;
}

}  // namespace

Result<std::vector<Piece>> parse_placeholders(std::string_view text, PlaceholderRules rules, std::string& why) {
  std::vector<Piece> out;
  std::string plain;
  const auto flush = [&] {
    if (!plain.empty()) out.push_back({Placeholder::text, std::exchange(plain, {}), 0});
  };
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (c != '{' && c != '}') {
      plain += c;
      continue;
    }
    if (i + 1 < text.size() && text[i + 1] == c) {
      plain += c;
      ++i;
      continue;
    }
    const std::size_t close = text.find('}', i);
    Piece piece;
    if (c == '}' || close == std::string_view::npos) {
      why = "a " + std::string(1, c) + " stands alone; write it twice for the brace itself";
      return Errc::malformed;
    }
    const auto name = text.substr(i + 1, close - i - 1);
    if (!read_name(name, rules, piece)) {
      why = "knows no placeholder {" + std::string(name) + "}";
      return Errc::malformed;
    }
    flush();
    out.push_back(std::move(piece));
    i = close;
  }
  flush();
  return out;
}

bool is_token(std::string_view text) noexcept {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= '0' && c <= '9') || (base::lower(c) >= 'a' && base::lower(c) <= 'z') ||
           std::string_view("!#$%&'*+-.^_`|~").find(c) != std::string_view::npos;
  });
}

Result<FieldRule> split_field_rule(std::string_view rule) {
  const std::size_t colon = rule.find(':');
  if (colon == std::string_view::npos || !is_token(rule.substr(0, colon))) return Errc::malformed;
  return FieldRule{rule.substr(0, colon), base::trim(rule.substr(colon + 1))};
}

Result<double> parse_rate(std::string_view text) {
  const std::size_t slash = text.find('/');
  if (slash == std::string_view::npos) return Errc::malformed;
  const auto count = base::parse_uint(text.substr(0, slash));
  const auto unit = text.substr(slash + 1);
  const double seconds = unit == "s" ? 1 : unit == "m" ? 60 : unit == "h" ? 3600 : unit == "d" ? 86'400 : 0;
  if (!count || *count == 0 || *count > 1'000'000'000 || seconds == 0) return Errc::malformed;
  return static_cast<double>(*count) / seconds;
}

Result<std::vector<WeekRange>> parse_week_time(std::string_view text) {
  text = base::trim(text);
  const std::size_t space = text.find(' ');
  std::string_view days = text, hours;
  if (space != std::string_view::npos) {
    days = text.substr(0, space);
    hours = base::trim(text.substr(space + 1));
  } else if (text.find(':') != std::string_view::npos) {
    days = "sun-sat";
    hours = text;
  }
  const auto which = days_of(days);
  if (!which) return Errc::malformed;
  int first = 0, last = kDay;
  if (!hours.empty()) {
    const std::size_t dash = hours.find('-');
    if (dash == std::string_view::npos) return Errc::malformed;
    first = minute_of(base::trim(hours.substr(0, dash)));
    last = minute_of(base::trim(hours.substr(dash + 1)));
    if (first < 0 || last < 0 || first == last || first == kDay) return Errc::malformed;
    if (last < first) last += kDay;
  }
  std::vector<WeekRange> out;
  for (int d = 0; d < 7; ++d) {
    if (!(*which)[static_cast<std::size_t>(d)]) continue;
    const int from = d * kDay + first, to = d * kDay + last;
    out.push_back({from, std::min(to, kWeek)});
    if (to > kWeek) out.push_back({0, to - kWeek});
  }
  return out;
}

Result<ErrorPageRule> parse_error_page(std::string_view text) {
  const std::size_t colon = text.find(':');
  if (colon != 3) return Errc::malformed;
  const auto code = text.substr(0, 3);
  ErrorPageRule out;
  out.path = base::trim(text.substr(4));
  if (code == "4xx" || code == "5xx") {
    out.first = (code[0] - '0') * 100;
    out.last = out.first + 99;
  } else {
    const auto number = base::parse_uint(code);
    if (!number || *number < 400 || *number > 599) return Errc::malformed;
    out.first = out.last = static_cast<int>(*number);
  }
  if (out.path.empty()) return Errc::malformed;
  return out;
}

Result<RewriteRule> parse_rewrite(std::string_view text) {
  const std::size_t arrow = text.find(" -> ");
  if (arrow == std::string_view::npos) return Errc::malformed;
  RewriteRule out{base::trim(text.substr(0, arrow)), base::trim(text.substr(arrow + 4))};
  if (out.pattern.empty() || out.text.empty()) return Errc::malformed;
  return out;
}

}  // namespace genkan::conf
