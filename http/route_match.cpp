#include "http/route_match.hpp"

#include <algorithm>
#include <ctime>

#include "base/text.hpp"
#include "http/lookup.hpp"
#include "net/tls_stream.hpp"

namespace genkan::http {
namespace {

bool has(const std::vector<int>& sorted, int wanted) {
  return std::binary_search(sorted.begin(), sorted.end(), wanted);
}

bool name_matches(std::string_view pattern, std::string_view name) {
  if (!pattern.starts_with("*.")) return base::iequals(pattern, name);
  pattern.remove_prefix(1);
  return name.size() > pattern.size() && base::iequals(name.substr(name.size() - pattern.size()), pattern);
}

}  // namespace

const std::vector<int>& Facts::paths(const PatternSets& sets, const Request& r) {
  if (first_time(1)) sets.paths.match(r.path, paths_);
  return paths_;
}

const std::vector<int>& Facts::hosts(const PatternSets& sets, const Request& r) {
  if (first_time(2)) sets.hosts.match(r.host, hosts_);
  return hosts_;
}

const std::vector<int>& Facts::agents(const PatternSets& sets, const Request& r) {
  if (first_time(4)) sets.agents.match(r.fields.get(FieldId::user_agent).value_or(""), agents_);
  return agents_;
}

unsigned Facts::agent_class(const Request& r) {
  if (first_time(8)) class_ = http::agent_class(r.fields.get(FieldId::user_agent).value_or(""));
  return class_;
}

int Facts::minute_of_week(const Request& r) {
  if (first_time(16)) {
    const std::time_t now = WallClock::to_time_t(r.started_wall);
    std::tm local{};
    ::localtime_r(&now, &local);
    minute_ = (local.tm_wday * 24 + local.tm_hour) * 60 + local.tm_min;
  }
  return minute_;
}

Result<void> RowMatcher::read_hosts(const conf::Route& route, PatternSets& sets, std::string& why) {
  any_host = route.hosts.empty();
  for (const auto& host : route.hosts) {
    if (host == "*") {
      any_host = true;
    } else if (host.starts_with("~")) {
      const auto index = sets.hosts.add("(?i)" + host.substr(1), why);
      if (!index) return index.error();
      host_patterns.push_back(*index);
    } else if (host.starts_with("*.")) {
      suffixes.push_back(base::to_lower(host.substr(1)));
    } else {
      hosts.push_back(base::to_lower(host));
    }
  }
  return {};
}

Result<void> RowMatcher::read_named(const std::vector<std::string>& rules, std::vector<Named>& out, std::string& why) {
  for (const auto& rule : rules) {
    const auto split = conf::split_field_rule(rule);
    if (!split) return split.error();
    auto pattern = base::Pattern::compile(split->text, why);
    if (!pattern) return pattern.error();
    out.push_back({std::string(split->name), std::move(*pattern)});
  }
  return {};
}

Result<RowMatcher> RowMatcher::make(const conf::Route& route, PatternSets& sets, std::string& why) {
  RowMatcher m;
  if (auto r = m.read_hosts(route, sets, why); !r) return r.error();
  m.path = route.path;
  m.prefix = route.path_prefix;
  if (!route.path_pattern.empty()) {
    const auto index = sets.paths.add(route.path_pattern, why);
    if (!index) return index.error();
    m.path_pattern = *index;
  }
  if (!route.user_agent.empty()) {
    const auto index = sets.agents.add("(?i)" + route.user_agent, why);
    if (!index) return index.error();
    m.agent_pattern_ = *index;
  }
  m.methods_ = route.methods;
  for (const auto& agent : route.agents) m.agents_ |= agent == "bot" ? kBot : agent == "mobile" ? kMobile : kBrowser;
  if (auto r = m.read_named(route.headers, m.headers_, why); !r) return r.error();
  if (auto r = m.read_named(route.cookies, m.cookies_, why); !r) return r.error();
  if (auto r = m.read_named(route.args, m.args_, why); !r) return r.error();
  if (!route.from.empty()) m.from_.emplace(route.from);
  m.scheme_ = route.scheme;
  for (const auto& version : route.tls_versions) m.tls_versions_.push_back("TLSv" + version);
  m.server_names_ = route.server_names;
  if (!route.client_certificate.empty()) {
    auto pattern = base::Pattern::compile(route.client_certificate, why);
    if (!pattern) return pattern.error();
    m.certificate_ = std::move(*pattern);
  }
  for (const auto& time : route.times) {
    const auto ranges = conf::parse_week_time(time);
    if (!ranges) return ranges.error();
    m.times_.insert(m.times_.end(), ranges->begin(), ranges->end());
  }
  m.rare_ = m.agents_ || !m.headers_.empty() || !m.cookies_.empty() || !m.args_.empty() || m.from_ ||
            !m.scheme_.empty() || !m.tls_versions_.empty() || !m.server_names_.empty() || m.certificate_ ||
            !m.times_.empty();
  return m;
}

bool RowMatcher::host_holds(const Request& r, const PatternSets& sets, Facts& facts) const {
  if (any_host) return true;
  if (std::find(hosts.begin(), hosts.end(), r.host) != hosts.end()) return true;
  for (const auto& suffix : suffixes) {
    if (r.host.size() > suffix.size() && r.host.ends_with(suffix)) return true;
  }
  if (host_patterns.empty()) return false;
  const auto& found = facts.hosts(sets, r);
  return std::any_of(host_patterns.begin(), host_patterns.end(), [&](int p) { return has(found, p); });
}

Condition RowMatcher::first_miss(const Request& r, const PatternSets& sets, Facts& facts) const {
  if (!path.empty() && r.path != path) return Condition::path;
  if (!prefix.empty() && !r.path.starts_with(prefix)) return Condition::path;
  if (!host_holds(r, sets, facts)) return Condition::host;
  if (!methods_.empty() && std::find(methods_.begin(), methods_.end(), r.method_text) == methods_.end()) {
    return Condition::method;
  }
  if (path_pattern >= 0 && !has(facts.paths(sets, r), path_pattern)) return Condition::path;
  if (agent_pattern_ >= 0 && !has(facts.agents(sets, r), agent_pattern_)) return Condition::user_agent;
  return rare_ ? rare_miss(r, facts) : Condition::none;
}

Condition RowMatcher::rare_miss(const Request& r, Facts& facts) const {
  if (agents_ && !(facts.agent_class(r) & agents_)) return Condition::agent;
  for (const Named& rule : headers_) {
    const auto value = r.fields.get(rule.name);
    if (!value || !rule.pattern.matches(*value)) return Condition::header;
  }
  for (const Named& rule : cookies_) {
    const auto value = cookie_value(r.fields, rule.name);
    if (!value || !rule.pattern.matches(*value)) return Condition::cookie;
  }
  std::string store;
  for (const Named& rule : args_) {
    const auto value = query_value(r.query, rule.name, store);
    if (!value || !rule.pattern.matches(*value)) return Condition::arg;
  }
  if (from_ && (!r.client || r.client->is_unix() || !from_->contains(r.client->ip))) return Condition::from;
  if (!scheme_.empty() && r.scheme != scheme_) return Condition::scheme;
  if (const Condition missed = tls_miss(r); missed != Condition::none) return missed;
  if (!times_.empty() && !time_holds(facts.minute_of_week(r))) return Condition::time;
  return Condition::none;
}

Condition RowMatcher::tls_miss(const Request& r) const {
  if (!tls_versions_.empty()) {
    const std::string_view version = r.tls ? r.tls->version() : std::string_view();
    if (std::find(tls_versions_.begin(), tls_versions_.end(), version) == tls_versions_.end())
      return Condition::tls_version;
  }
  if (!server_names_.empty()) {
    const std::string_view name = r.tls ? r.tls->server_name() : std::string_view();
    if (std::none_of(server_names_.begin(), server_names_.end(),
                     [&](const std::string& pattern) { return name_matches(pattern, name); }))
      return Condition::server_name;
  }
  if (certificate_) {
    const std::string_view subject = r.tls ? r.tls->peer_subject() : std::string_view();
    if (subject.empty() || !certificate_->matches(subject)) return Condition::client_certificate;
  }
  return Condition::none;
}

bool RowMatcher::time_holds(int minute) const noexcept {
  return std::any_of(times_.begin(), times_.end(),
                     [minute](const conf::WeekRange& range) { return minute >= range.first && minute < range.last; });
}

namespace {

std::string listed(const std::vector<std::string>& items) {
  std::string out;
  for (const auto& item : items) (out += out.empty() ? "" : ", ") += item;
  return out;
}

std::string or_none(std::string_view text) { return text.empty() ? std::string("none") : std::string(text); }

}  // namespace

std::string explain_miss(Condition missed, const conf::Route& route, const Request& r) {
  const std::string agent(r.fields.get(FieldId::user_agent).value_or(""));
  switch (missed) {
    case Condition::none:
      return "all its conditions hold";
    case Condition::host:
      return "hosts: " + listed(route.hosts) + "; the request is for " + or_none(r.host);
    case Condition::path:
      if (!route.path.empty()) return "path: " + route.path + "; the request's is " + std::string(r.path);
      if (!route.path_prefix.empty())
        return "path_prefix: " + route.path_prefix + "; the request's path is " + std::string(r.path);
      return "path_pattern: " + route.path_pattern + " is not found in " + std::string(r.path);
    case Condition::method:
      return "methods: " + listed(route.methods) + "; the request's is " + std::string(r.method_text);
    case Condition::user_agent:
      return "user_agent: " + route.user_agent + " is not found in " + or_none(agent);
    case Condition::agent: {
      const unsigned kind = agent_class(agent);
      std::string is = kind & kBot ? "bot" : kind & kBrowser ? "browser" : "";
      if (kind & kMobile) is += is.empty() ? "mobile" : ", mobile";
      return "agents: " + listed(route.agents) + "; this one is " + is;
    }
    case Condition::header:
      return "headers: " + listed(route.headers) + " do not all hold";
    case Condition::cookie:
      return "cookies: " + listed(route.cookies) + " do not all hold";
    case Condition::arg:
      return "args: " + listed(route.args) + " do not all hold for the query " + or_none(r.query);
    case Condition::from:
      return "from: the client " + or_none(r.client_text) + " is in none of its networks";
    case Condition::scheme:
      return "scheme: " + route.scheme + "; the request came by " + std::string(r.scheme);
    case Condition::tls_version:
      return "tls_versions: " + listed(route.tls_versions) + "; the connection has " +
             or_none(r.tls ? r.tls->version() : std::string_view());
    case Condition::server_name:
      return "server_names: " + listed(route.server_names) + "; the client asked for " +
             or_none(r.tls ? r.tls->server_name() : std::string_view());
    case Condition::client_certificate:
      return "client_certificate: " + route.client_certificate + "; the client's is " +
             or_none(r.tls ? r.tls->peer_subject() : std::string_view());
    case Condition::time:
      return "times: it is not " + listed(route.times);
  }
  return {};
}

}  // namespace genkan::http
