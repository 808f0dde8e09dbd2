#include "proxy/split.hpp"

#include "base/crypto.hpp"
#include "conf/placeholders.hpp"
#include "http/lookup.hpp"

namespace genkan::proxy {
namespace {

double random_draw() {
  thread_local std::uint64_t state = base::random_u64() | 1;  // xorshift64*: only spreads load
  state ^= state >> 12, state ^= state << 25, state ^= state >> 27;
  return static_cast<double>((state * 0x2545F4914F6CDD1DULL) >> 11) / static_cast<double>(1ULL << 53) * 100;
}

}  // namespace

Split::Split(const conf::Route& route, std::vector<HandlerPtr> parts, HandlerPtr rest)
    : rest_(std::move(rest)), salt_(route.name) {
  const auto rule_of = [](const std::string& text) {
    std::optional<Rule> out;
    const auto split = conf::split_field_rule(text);
    std::string why;
    if (!split) return out;
    if (auto pattern = base::Pattern::compile(split->text, why)) out = Rule{std::string(split->name), *pattern};
    return out;
  };
  for (std::size_t i = 0; i < parts.size(); ++i) {
    const auto& split = route.splits[i];
    parts_.push_back({std::move(parts[i]), split.weight, rule_of(split.header), rule_of(split.cookie)});
  }
  if (route.split_by == "client") by_ = By::client;
  if (route.split_by.starts_with("header:")) by_ = By::header;
  if (route.split_by.starts_with("cookie:")) by_ = By::cookie;
  if (by_ == By::header || by_ == By::cookie) name_ = route.split_by.substr(7);
}

std::optional<double> Split::kept_draw(const http::Request& r) const {
  std::string_view key;
  if (by_ == By::client) key = r.client_text;
  if (by_ == By::header) key = r.fields.get(name_).value_or("");
  if (by_ == By::cookie) key = http::cookie_value(r.fields, name_).value_or("");
  if (key.empty()) return std::nullopt;
  const auto digest = base::hmac_sha256(salt_, key);
  std::uint32_t number = 0;
  for (std::size_t i = 0; i < 4; ++i) number = number << 8 | digest[i];
  return number / 4294967296.0 * 100;
}

int Split::choose(const http::Request& r, double draw) const {
  for (std::size_t i = 0; i < parts_.size(); ++i) {
    const Part& part = parts_[i];
    if (part.header) {
      const auto value = r.fields.get(part.header->name);
      if (value && part.header->pattern.matches(*value)) return static_cast<int>(i);
    }
    if (part.cookie) {
      const auto value = http::cookie_value(r.fields, part.cookie->name);
      if (value && part.cookie->pattern.matches(*value)) return static_cast<int>(i);
    }
  }
  for (std::size_t i = 0; i < parts_.size(); ++i) {
    if (draw < parts_[i].weight) return static_cast<int>(i);
    draw -= parts_[i].weight;
  }
  return -1;
}

net::Task<Result<http::Response>> Split::handle(http::Request& r) {
  const auto kept = kept_draw(r);
  const int part = choose(r, kept ? *kept : random_draw());
  return part < 0 ? rest_->handle(r) : parts_[static_cast<std::size_t>(part)].handler->handle(r);
}

}  // namespace genkan::proxy
