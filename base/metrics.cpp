#include "base/metrics.hpp"

#include <algorithm>
#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <mutex>

#include "base/text.hpp"

namespace genkan::base {
namespace {

enum class Type { counter, gauge, histogram };

constexpr std::string_view type_name(Type type) {
  switch (type) {
    case Type::counter:
      return "counter";
    case Type::gauge:
      return "gauge";
    case Type::histogram:
      return "histogram";
  }
  return "untyped";
}

// The le bounds of exported histograms, in microseconds and as written.
struct Bound {
  std::uint64_t microseconds;
  std::string_view text;
};
constexpr Bound kBounds[] = {
    {100, "0.0001"},  {250, "0.00025"},   {500, "0.0005"},  {1'000, "0.001"},   {2'500, "0.0025"}, {5'000, "0.005"},
    {10'000, "0.01"}, {25'000, "0.025"},  {50'000, "0.05"}, {100'000, "0.1"},   {250'000, "0.25"}, {500'000, "0.5"},
    {1'000'000, "1"}, {2'500'000, "2.5"}, {5'000'000, "5"}, {10'000'000, "10"}, {30'000'000, "30"}};

// A wrong name is a mistake in our own code, never input.
[[noreturn]] void broken(std::string_view what, std::string_view name) {
  std::fprintf(stderr, "genkan: metric %.*s: %.*s\n", static_cast<int>(name.size()), name.data(),
               static_cast<int>(what.size()), what.data());
  std::abort();
}

bool valid_name(std::string_view name, bool colon) {
  if (name.empty() || (name[0] >= '0' && name[0] <= '9')) return false;
  return std::all_of(name.begin(), name.end(), [&](char c) {
    return (lower(c) >= 'a' && lower(c) <= 'z') || (c >= '0' && c <= '9') || c == '_' || (colon && c == ':');
  });
}

std::string escape(std::string_view text, bool quote) {
  std::string out;
  while (!text.empty()) {
    auto length = utf8_sequence(text);
    if (length == 0) {
      out += "\xef\xbf\xbd";
      text.remove_prefix(1);
      continue;
    }
    char c = text.front();
    if (c == '\\') {
      out += "\\\\";
    } else if (c == '\n') {
      out += "\\n";
    } else if (c == '"' && quote) {
      out += "\\\"";
    } else {
      out += text.substr(0, length);
    }
    text.remove_prefix(length);
  }
  return out;
}

std::string number(double value) {
  char out[32];
  return {out, std::to_chars(out, out + sizeof out, value).ptr};
}

// {a="1",b="2"} with `extra` as the last label; empty when there is none.
std::string label_text(const Labels& labels, std::string_view extra_name = {}, std::string_view extra = {}) {
  std::string out;
  auto add = [&](std::string_view name, std::string_view value) {
    out += out.empty() ? '{' : ',';
    out += name;
    out += "=\"";
    out += escape(value, true);
    out += '"';
  };
  for (const auto& [name, value] : labels) add(name, value);
  if (!extra_name.empty()) add(extra_name, extra);
  if (!out.empty()) out += '}';
  return out;
}

// Samples up to and including `bound`. The bounds lie inside of buckets, so that one is taken as spread evenly;
// rounding down keeps every series monotonic.
std::uint64_t count_up_to(const Histogram::Snapshot& s, std::uint64_t bound) {
  std::uint64_t total = 0;
  std::uint64_t low = 0;
  for (std::size_t i = 0; i < Histogram::kBuckets; ++i) {
    auto end = Histogram::upper_bound(i) + 1;
    if (end > bound) return total + s.counts[i] * (bound - low) / (end - low);
    total += s.counts[i];
    low = end;
  }
  return total;
}

void write_histogram(std::string& out, std::string_view name, const Labels& labels, const Histogram& histogram) {
  auto s = histogram.snapshot();
  auto line = [&](std::string_view suffix, const std::string& label, const std::string& value) {
    out += name;
    out += suffix;
    out += label;
    out += ' ';
    out += value;
    out += '\n';
  };
  for (const auto& bound : kBounds) {
    line("_bucket", label_text(labels, "le", bound.text), std::to_string(count_up_to(s, bound.microseconds)));
  }
  line("_bucket", label_text(labels, "le", "+Inf"), std::to_string(s.count));
  line("_sum", label_text(labels), number(s.sum_seconds));
  line("_count", label_text(labels), std::to_string(s.count));
}

}  // namespace

struct Metrics::Impl {
  struct Family {
    Type type = Type::counter;
    std::string help;
    std::map<Labels, std::unique_ptr<Counter>> counters;
    std::map<Labels, std::unique_ptr<Histogram>> histograms;
  };

  Family& family(std::string_view name, std::string_view help, Type type, const Labels& labels) {
    if (!valid_name(name, true)) broken("not a metric name", name);
    for (const auto& [label, value] : labels) {
      if (!valid_name(label, false) || label == "le") broken("not a label name: " + label, name);
    }
    auto [it, fresh] = families.try_emplace(std::string(name));
    if (fresh) {
      it->second.type = type;
      it->second.help = help;
    } else if (it->second.type != type) {
      broken("registered with two types", name);
    }
    return it->second;
  }

  Counter& counter(std::string_view name, std::string_view help, Type type, Labels labels) {
    std::lock_guard lock(mutex);
    auto& place = family(name, help, type, labels).counters[std::move(labels)];
    if (!place) place = std::make_unique<Counter>();
    return *place;
  }

  mutable std::mutex mutex;  // guards the maps: held while registering and while a scrape is written
  std::map<std::string, Family, std::less<>> families;
};

Metrics::Metrics() : impl_(std::make_unique<Impl>()) {}
Metrics::~Metrics() = default;

Counter& Metrics::counter(std::string_view name, std::string_view help, Labels labels) {
  return impl_->counter(name, help, Type::counter, std::move(labels));
}

Counter& Metrics::gauge(std::string_view name, std::string_view help, Labels labels) {
  return impl_->counter(name, help, Type::gauge, std::move(labels));
}

Histogram& Metrics::histogram(std::string_view name, std::string_view help, Labels labels) {
  std::lock_guard lock(impl_->mutex);
  auto& place = impl_->family(name, help, Type::histogram, labels).histograms[std::move(labels)];
  if (!place) place = std::make_unique<Histogram>();
  return *place;
}

void Metrics::forget(const Labels& labels) {
  const auto has_all = [&](const auto& series) {
    return std::all_of(labels.begin(), labels.end(), [&](const auto& label) {
      return std::find(series.first.begin(), series.first.end(), label) != series.first.end();
    });
  };
  std::lock_guard lock(impl_->mutex);
  for (auto& [name, family] : impl_->families) {
    std::erase_if(family.counters, has_all);
    std::erase_if(family.histograms, has_all);
  }
}

std::string Metrics::prometheus() const {
  std::string out;
  std::lock_guard lock(impl_->mutex);
  for (const auto& [name, family] : impl_->families) {
    out += "# HELP " + name + " " + escape(family.help, false) + "\n";
    out += "# TYPE " + name + " ";
    out += type_name(family.type);
    out += '\n';
    for (const auto& [labels, counter] : family.counters) {
      out += name + label_text(labels) + " " + std::to_string(counter->sum()) + "\n";
    }
    for (const auto& [labels, histogram] : family.histograms) write_histogram(out, name, labels, *histogram);
  }
  return out;
}

}  // namespace genkan::base
