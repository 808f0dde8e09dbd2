// Dates of mail headers (RFC 5322 3.3 and 4.3: two-digit years, named zones, comments) and of JMAP (RFC 3339).
#include <array>
#include <cstdio>

#include "base/text.hpp"
#include "webmail/mime/header.hpp"

namespace genkan::webmail::mime {

namespace {

using std::chrono::day;
using std::chrono::month;
using std::chrono::sys_days;
using std::chrono::year;
using std::chrono::year_month_day;

constexpr std::array<std::string_view, 12> kMonths = {"jan", "feb", "mar", "apr", "may", "jun",
                                                      "jul", "aug", "sep", "oct", "nov", "dec"};

struct Zone {
  std::string_view name;
  int minutes;
};
constexpr std::array kZones = {Zone{"ut", 0},     Zone{"utc", 0},    Zone{"gmt", 0},    Zone{"z", 0},
                               Zone{"est", -300}, Zone{"edt", -240}, Zone{"cst", -360}, Zone{"cdt", -300},
                               Zone{"mst", -420}, Zone{"mdt", -360}, Zone{"pst", -480}, Zone{"pdt", -420},
                               Zone{"jst", 540},  Zone{"cet", 60},   Zone{"cest", 120}};

// Words of the date; comments are skipped, ',' and ':' and blanks separate.
std::vector<std::string> tokens(std::string_view raw) {
  constexpr std::size_t kMaxDate = 200;
  std::vector<std::string> out;
  std::string word;
  int comment = 0;
  for (const char c : raw.substr(0, kMaxDate)) {
    if (c == '(') ++comment;
    const bool inside = comment > 0;
    if (c == ')' && comment > 0) --comment;
    const bool separator = inside || c == ' ' || c == '\t' || c == '\r' || c == '\n' || c == ',' || c == ':';
    if (!separator) {
      word += base::lower(c);
    } else if (!word.empty()) {
      out.push_back(std::move(word));
      word.clear();
    }
  }
  if (!word.empty()) out.push_back(std::move(word));
  return out;
}

int month_of(std::string_view word) {
  for (std::size_t i = 0; i < kMonths.size(); ++i) {
    if (word.starts_with(kMonths[i])) return static_cast<int>(i) + 1;
  }
  return 0;
}

void read_zone(std::string_view word, Date& date) {
  if (word.size() == 5 && (word[0] == '+' || word[0] == '-')) {
    if (const auto n = base::parse_uint(word.substr(1)); n && *n % 100 < 60 && *n < 2400) {
      const int minutes = static_cast<int>(*n / 100 * 60 + *n % 100);
      date.offset_minutes = word[0] == '-' ? -minutes : minutes;
      date.unknown_zone = word == "-0000";
      return;
    }
  }
  for (const auto& zone : kZones) {
    if (zone.name == word) {
      date.offset_minutes = zone.minutes;
      return;
    }
  }
  date.unknown_zone = true;
}

std::optional<std::int64_t> to_seconds(std::uint64_t y, unsigned m, std::uint64_t d, std::uint64_t h, std::uint64_t mi,
                                       std::uint64_t s) {
  if (y < 1900 || y > 9999 || d > 31 || h > 23 || mi > 59 || s > 60) return {};
  const year_month_day ymd{year(static_cast<int>(y)), month(m), day(static_cast<unsigned>(d))};
  if (!ymd.ok()) return {};
  const auto days = sys_days(ymd).time_since_epoch().count();
  return static_cast<std::int64_t>(days) * 86400 + static_cast<std::int64_t>(h * 3600 + mi * 60 + s);
}

std::string print(std::int64_t local, const char* zone) {
  const auto days = std::chrono::floor<std::chrono::days>(std::chrono::sys_seconds(std::chrono::seconds(local)));
  const year_month_day ymd{days};
  const auto rest = local - static_cast<std::int64_t>(days.time_since_epoch().count()) * 86400;
  std::array<char, 64> text;
  const int n =
      std::snprintf(text.data(), text.size(), "%04d-%02u-%02uT%02d:%02d:%02d%s", static_cast<int>(ymd.year()),
                    static_cast<unsigned>(ymd.month()), static_cast<unsigned>(ymd.day()), static_cast<int>(rest / 3600),
                    static_cast<int>(rest / 60 % 60), static_cast<int>(rest % 60), zone);
  return std::string(text.data(), static_cast<std::size_t>(n));
}

}  // namespace

std::optional<Date> parse_date(std::string_view raw) {
  auto words = tokens(raw);
  std::size_t i = 0;
  if (i < words.size() && !words[i].empty() && !(words[i][0] >= '0' && words[i][0] <= '9')) ++i;  // day of the week
  if (words.size() < i + 5) return {};
  const auto d = base::parse_uint(words[i]);
  const int m = month_of(words[i + 1]);
  auto y = base::parse_uint(words[i + 2]);
  const auto h = base::parse_uint(words[i + 3]);
  const auto minute = base::parse_uint(words[i + 4]);
  i += 5;
  std::optional<std::uint64_t> s = 0;
  if (i < words.size()) {
    if (const auto n = base::parse_uint(words[i]); n && words[i].size() <= 2) {
      s = n;
      ++i;
    }
  }
  if (!d || m == 0 || !y || !h || !minute) return {};
  if (*y < 50) {
    *y += 2000;
  } else if (*y < 1000) {
    *y += 1900;  // RFC 5322 4.3
  }
  const auto local = to_seconds(*y, static_cast<unsigned>(m), *d, *h, *minute, *s);
  if (!local) return {};
  Date date;
  read_zone(i < words.size() ? words[i] : "", date);
  date.seconds = *local - date.offset_minutes * 60;
  return date;
}

std::string rfc3339_utc(std::int64_t seconds) { return print(seconds, "Z"); }

std::string rfc3339(const Date& date) {
  if (date.offset_minutes == 0) return rfc3339_utc(date.seconds);
  const int minutes = date.offset_minutes < 0 ? -date.offset_minutes : date.offset_minutes;
  std::array<char, 16> zone;
  std::snprintf(zone.data(), zone.size(), "%c%02d:%02d", date.offset_minutes < 0 ? '-' : '+', minutes / 60 % 100,
                minutes % 60);
  return print(date.seconds + date.offset_minutes * 60, zone.data());
}

std::optional<std::int64_t> parse_rfc3339(std::string_view t) {
  if (t.size() < 20 || t[4] != '-' || t[7] != '-' || t[10] != 'T' || t[13] != ':' || t[16] != ':') return {};
  const auto number = [&](std::size_t at, std::size_t n) { return base::parse_uint(t.substr(at, n)); };
  const auto y = number(0, 4), m = number(5, 2), d = number(8, 2), h = number(11, 2), mi = number(14, 2),
             s = number(17, 2);
  if (!y || !m || !d || !h || !mi || !s) return {};
  const auto local = to_seconds(*y, static_cast<unsigned>(*m), *d, *h, *mi, *s);
  if (!local) return {};
  auto zone = t.substr(19);
  if (zone.starts_with('.')) {
    const auto end = std::min(zone.find_first_not_of("0123456789", 1), zone.size());
    if (end == 1) return {};
    zone.remove_prefix(end);
  }
  if (zone == "Z") return local;
  if (zone.size() != 6 || (zone[0] != '+' && zone[0] != '-') || zone[3] != ':') return {};
  const auto zh = base::parse_uint(zone.substr(1, 2)), zm = base::parse_uint(zone.substr(4, 2));
  if (!zh || !zm || *zh > 23 || *zm > 59) return {};
  const auto offset = static_cast<std::int64_t>(*zh * 3600 + *zm * 60);
  return zone[0] == '-' ? *local + offset : *local - offset;
}

}  // namespace genkan::webmail::mime
