// Dates of the protocols: RFC 9110 5.6.7 (three forms are read, one is written), RFC 5322 3.3, RFC 3339.
#include "base/text.hpp"

#include <array>
#include <cstdio>

namespace genkan::base {
namespace {

using std::chrono::days;
using std::chrono::seconds;
using std::chrono::sys_days;
using std::chrono::sys_seconds;

constexpr std::array<std::string_view, 7> kDays = {"Sunday",   "Monday", "Tuesday", "Wednesday",
                                                   "Thursday", "Friday", "Saturday"};
constexpr std::array<std::string_view, 12> kMonths = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                      "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};

struct Civil {
  int year = 0;
  unsigned month = 0, day = 0, hour = 0, minute = 0, second = 0, weekday = 0;
};

Civil civil(sys_seconds t) {
  auto day = std::chrono::floor<days>(t);
  std::chrono::year_month_day ymd(day);
  std::chrono::hh_mm_ss<seconds> clock(t - day);
  Civil c;
  c.year = static_cast<int>(ymd.year());
  c.month = static_cast<unsigned>(ymd.month());
  c.day = static_cast<unsigned>(ymd.day());
  c.hour = static_cast<unsigned>(clock.hours().count());
  c.minute = static_cast<unsigned>(clock.minutes().count());
  c.second = static_cast<unsigned>(clock.seconds().count());
  c.weekday = std::chrono::weekday(day).c_encoding();
  return c;
}

// Reads a date piece by piece; every step fails for good once one has failed.
class Cursor {
 public:
  explicit Cursor(std::string_view text) : rest_(text) {}

  bool literal(std::string_view wanted) {
    if (!istarts_with(rest_, wanted)) return ok_ = false;
    rest_.remove_prefix(wanted.size());
    return true;
  }
  unsigned number(std::size_t digits) {
    auto value = rest_.size() < digits ? std::nullopt : parse_uint(rest_.substr(0, digits));
    if (!value) {
      ok_ = false;
      return 0;
    }
    rest_.remove_prefix(digits);
    return static_cast<unsigned>(*value);
  }
  unsigned month() {
    for (std::size_t i = 0; i < kMonths.size(); ++i) {
      if (istarts_with(rest_, kMonths[i])) {
        rest_.remove_prefix(3);
        return static_cast<unsigned>(i + 1);
      }
    }
    ok_ = false;
    return 0;
  }
  void time(Civil& c) {
    c.hour = number(2);
    literal(":");
    c.minute = number(2);
    literal(":");
    c.second = number(2);
  }
  bool starts_with(char c) const { return !rest_.empty() && rest_.front() == c; }
  bool done() const { return ok_ && rest_.empty(); }

 private:
  std::string_view rest_;
  bool ok_ = true;
};

// The day's name: 3 letters, or the whole name; nothing when it is neither.
struct DayName {
  bool found = false, whole = false;
  std::size_t length = 0;
};
DayName day_name(std::string_view text) {
  for (auto name : kDays) {
    if (istarts_with(text, name)) return {true, true, name.size()};
    if (istarts_with(text, name.substr(0, 3))) return {true, false, 3};
  }
  return {};
}

// RFC 9110 5.6.7: a two-digit year that seems more than 50 years ahead means the past one.
int full_year(unsigned two_digits) {
  int now = civil(std::chrono::floor<seconds>(WallClock::now())).year;
  int year = now / 100 * 100 + static_cast<int>(two_digits);
  return year > now + 50 ? year - 100 : year;
}

std::optional<WallTime> to_time(const Civil& c) {
  std::chrono::year_month_day ymd{std::chrono::year(c.year), std::chrono::month(c.month), std::chrono::day(c.day)};
  if (!ymd.ok() || c.hour > 23 || c.minute > 59 || c.second > 60) return std::nullopt;
  sys_seconds t = sys_days(ymd) + std::chrono::hours(c.hour) + std::chrono::minutes(c.minute) + seconds(c.second);
  // WallTime counts nanoseconds and ends in the year 2262; "year 9999" is a common way to say never.
  constexpr auto kLast = std::chrono::floor<seconds>(WallTime::max());
  constexpr auto kFirst = std::chrono::ceil<seconds>(WallTime::min());
  if (t > kLast) return kLast;
  if (t < kFirst) return kFirst;
  return t;
}

}  // namespace

std::string http_date(WallTime t) {
  auto c = civil(std::chrono::floor<seconds>(t));
  char out[48];
  auto n = std::snprintf(out, sizeof out, "%.3s, %02u %.3s %04d %02u:%02u:%02u GMT", kDays[c.weekday].data(), c.day,
                         kMonths[c.month - 1].data(), c.year, c.hour, c.minute, c.second);
  return {out, static_cast<std::size_t>(n)};
}

// Letters are compared without case: RFC 9111 4.2 asks that of a cache.
std::optional<WallTime> parse_http_date(std::string_view text) {
  auto day = day_name(text);
  if (!day.found) return std::nullopt;
  Cursor in(text.substr(day.length));
  Civil c;
  if (!in.starts_with(',')) {  // asctime: Sun Nov  6 08:49:37 1994
    if (day.whole) return std::nullopt;
    in.literal(" ");
    c.month = in.month();
    in.literal(" ");
    if (in.starts_with(' ')) {
      in.literal(" ");
      c.day = in.number(1);
    } else {
      c.day = in.number(2);
    }
    in.literal(" ");
    in.time(c);
    in.literal(" ");
    c.year = static_cast<int>(in.number(4));
    return in.done() ? to_time(c) : std::nullopt;
  }
  std::string_view separator = day.whole ? "-" : " ";  // RFC 850: Sunday, 06-Nov-94 08:49:37 GMT
  in.literal(", ");
  c.day = in.number(2);
  in.literal(separator);
  c.month = in.month();
  in.literal(separator);
  c.year = day.whole ? full_year(in.number(2)) : static_cast<int>(in.number(4));
  in.literal(" ");
  in.time(c);
  in.literal(" GMT");
  return in.done() ? to_time(c) : std::nullopt;
}

std::string rfc5322_date(WallTime t) {
  auto c = civil(std::chrono::floor<seconds>(t));
  char out[48];
  auto n = std::snprintf(out, sizeof out, "%.3s, %u %.3s %04d %02u:%02u:%02u +0000", kDays[c.weekday].data(), c.day,
                         kMonths[c.month - 1].data(), c.year, c.hour, c.minute, c.second);
  return {out, static_cast<std::size_t>(n)};
}

std::string rfc3339(WallTime t) {
  auto ms = std::chrono::floor<std::chrono::milliseconds>(t);
  auto whole = std::chrono::floor<seconds>(ms);
  auto c = civil(whole);
  char out[48];
  auto n = std::snprintf(out, sizeof out, "%04d-%02u-%02uT%02u:%02u:%02u.%03dZ", c.year, c.month, c.day, c.hour,
                         c.minute, c.second, static_cast<int>((ms - whole).count()));
  return {out, static_cast<std::size_t>(n)};
}

}  // namespace genkan::base
