#include "smtp/auth/spf.hpp"

#include <algorithm>

#include "base/text.hpp"

namespace genkan::smtp {
namespace {

using Kind = SpfTerm::Kind;

bool is_below(std::string_view name, std::string_view domain) {
  if (name.size() == domain.size()) return base::iequals(name, domain);
  return name.size() > domain.size() && name[name.size() - domain.size() - 1] == '.' &&
         base::iequals(name.substr(name.size() - domain.size()), domain);
}

bool uses_p(std::string_view text) {
  return text.find("%{p") != std::string_view::npos || text.find("%{P") != std::string_view::npos;
}

// One question with its limits. Named coroutines, each with what it needs by value; `this` outlives all of them.
class SpfRun {
 public:
  SpfRun(AuthDns& dns, SpfMacros macros) : dns_(dns), macros_(std::move(macros)) {}

  net::Task<SpfResult> check(std::string domain, bool first);
  net::Task<std::string> explain();
  int lookups() const noexcept { return lookups_; }

 private:
  enum class Match { yes, no, temperror, permerror };

  net::Task<SpfResult> evaluate(SpfRecord record, std::string domain);
  net::Task<Match> matches(SpfTerm term, std::string domain);
  net::Task<Match> matches_include(std::string target);
  net::Task<Match> matches_address(SpfTerm term, std::string target, bool count);
  net::Task<Match> matches_mx(SpfTerm term, std::string target);
  net::Task<Match> matches_ptr(std::string target);
  net::Task<Match> matches_exists(std::string target);
  net::Task<void> name_client();
  net::Task<void> validate(std::string domain);
  net::Task<std::string> target_of(std::string spec, std::string domain);

  // A term that asks; false: one too many.
  bool ask() noexcept { return ++lookups_ <= kMaxSpfLookups; }
  template <class T>
  bool too_void(const DnsFound<T>& found) noexcept {
    return found.none() && ++voids_ > kMaxSpfVoid;
  }

  AuthDns& dns_;
  SpfMacros macros_;
  int lookups_ = 0, voids_ = 0, depth_ = 0;
  bool named_ = false;
  std::vector<std::string> validated_;  // names of the client that lead back to it
  std::string explain_domain_, explain_spec_;
};

net::Task<SpfResult> SpfRun::check(std::string domain, bool first) {
  if (!is_spf_domain(domain)) co_return SpfResult::none;
  const auto texts = co_await dns_.txt(domain);
  if (texts.failed()) co_return SpfResult::temperror;
  const std::string* only = nullptr;
  for (const auto& text : texts.records) {
    if (!is_spf(text)) continue;
    if (only) co_return SpfResult::permerror;
    only = &text;
  }
  if (!only) {
    if (!first && too_void(texts)) co_return SpfResult::permerror;
    co_return SpfResult::none;
  }
  auto record = parse_spf(*only);
  if (!record) co_return SpfResult::permerror;
  co_return co_await evaluate(std::move(*record), std::move(domain));
}

net::Task<SpfResult> SpfRun::evaluate(SpfRecord record, std::string domain) {
  for (const auto& term : record.terms) {
    const auto match = co_await matches(term, domain);
    if (match == Match::temperror) co_return SpfResult::temperror;
    if (match == Match::permerror) co_return SpfResult::permerror;
    if (match == Match::no) continue;
    if (depth_ == 0) {  // an explanation of what was included is not used (6.2)
      explain_domain_ = domain;
      explain_spec_ = record.explanation;
    }
    co_return term.result;
  }
  if (record.redirect.empty()) co_return SpfResult::neutral;
  if (!ask()) co_return SpfResult::permerror;
  auto target = co_await target_of(record.redirect, domain);
  const auto result = co_await check(std::move(target), false);
  co_return result == SpfResult::none ? SpfResult::permerror : result;
}

net::Task<std::string> SpfRun::target_of(std::string spec, std::string domain) {
  if (spec.empty()) co_return domain;
  if (uses_p(spec)) co_await validate(domain);
  auto name = expand_macros(spec, macros_, domain, true);
  if (name.ends_with('.')) name.pop_back();
  co_return name;
}

net::Task<SpfRun::Match> SpfRun::matches(SpfTerm term, std::string domain) {
  if (term.kind == Kind::all) co_return Match::yes;
  if (term.kind == Kind::ip4 || term.kind == Kind::ip6) {
    const bool in = (term.kind == Kind::ip4) == macros_.ip.is_v4() && same_network(macros_.ip, term.network, term);
    co_return in ? Match::yes : Match::no;
  }
  if (!ask()) co_return Match::permerror;
  auto target = co_await target_of(term.domain, domain);
  switch (term.kind) {
    case Kind::include:
      co_return co_await matches_include(std::move(target));
    case Kind::a:
      co_return co_await matches_address(std::move(term), std::move(target), true);
    case Kind::mx:
      co_return co_await matches_mx(std::move(term), std::move(target));
    case Kind::ptr:
      co_return co_await matches_ptr(std::move(target));
    default:
      co_return co_await matches_exists(std::move(target));
  }
}

net::Task<SpfRun::Match> SpfRun::matches_include(std::string target) {
  ++depth_;
  const auto result = co_await check(std::move(target), false);
  --depth_;
  switch (result) {
    case SpfResult::pass:
      co_return Match::yes;
    case SpfResult::temperror:
      co_return Match::temperror;
    case SpfResult::permerror:
    case SpfResult::none:
      co_return Match::permerror;
    default:
      co_return Match::no;
  }
}

net::Task<SpfRun::Match> SpfRun::matches_address(SpfTerm term, std::string target, bool count) {
  const auto found = co_await dns_.addresses(target, !macros_.ip.is_v4());
  if (found.failed()) co_return Match::temperror;
  if (count && too_void(found)) co_return Match::permerror;
  const bool any = std::any_of(found.records.begin(), found.records.end(),
                               [&](const base::IpAddress& ip) { return same_network(macros_.ip, ip, term); });
  co_return any ? Match::yes : Match::no;
}

net::Task<SpfRun::Match> SpfRun::matches_mx(SpfTerm term, std::string target) {
  const auto hosts = co_await dns_.mx(target);
  if (hosts.failed()) co_return Match::temperror;
  if (too_void(hosts)) co_return Match::permerror;
  // Over the limit is an error, whatever the first ten would have said (4.6.4).
  if (hosts.records.size() > kMaxSpfHosts) co_return Match::permerror;
  for (const auto& host : hosts.records) {
    if (host.empty()) continue;
    const auto match = co_await matches_address(term, host, true);
    if (match != Match::no) co_return match;
  }
  co_return Match::no;
}

net::Task<void> SpfRun::name_client() {
  if (named_) co_return;
  named_ = true;
  auto names = co_await dns_.names(macros_.ip);  // a failure is no error here (5.5): there is just no name
  if (names.records.size() > kMaxSpfHosts) names.records.resize(kMaxSpfHosts);
  for (const auto& name : names.records) {
    const auto found = co_await dns_.addresses(name, !macros_.ip.is_v4());
    const auto& ips = found.records;
    if (std::find(ips.begin(), ips.end(), macros_.ip) != ips.end()) validated_.push_back(name);
  }
}

net::Task<SpfRun::Match> SpfRun::matches_ptr(std::string target) {
  co_await name_client();
  const bool any = std::any_of(validated_.begin(), validated_.end(),
                               [&](const std::string& name) { return is_below(name, target); });
  co_return any ? Match::yes : Match::no;
}

// %{p}: the domain itself, else a name below it, else any (7.3).
net::Task<void> SpfRun::validate(std::string domain) {
  co_await name_client();
  macros_.validated = "unknown";
  if (validated_.empty()) co_return;
  macros_.validated = validated_.front();
  for (const auto& name : validated_) {
    if (!is_below(name, domain)) continue;
    macros_.validated = name;
    if (base::iequals(name, domain)) co_return;
  }
}

net::Task<SpfRun::Match> SpfRun::matches_exists(std::string target) {
  const auto found = co_await dns_.addresses(target, false);  // A, whatever the client speaks (5.7)
  if (found.failed()) co_return Match::temperror;
  if (too_void(found)) co_return Match::permerror;
  co_return found.found() ? Match::yes : Match::no;
}

net::Task<std::string> SpfRun::explain() {
  if (explain_spec_.empty()) co_return std::string();
  auto name = co_await target_of(explain_spec_, explain_domain_);
  const auto texts = co_await dns_.txt(std::move(name));
  if (!texts.found() || texts.records.size() != 1 || !is_macro_string(texts.records.front(), true))
    co_return std::string();
  if (uses_p(texts.records.front())) co_await validate(explain_domain_);
  auto text = expand_macros(texts.records.front(), macros_, explain_domain_, false);
  std::erase_if(text, [](char c) { return c < ' ' || c > '~'; });
  if (text.size() > kMaxSpfExplanation) text.resize(kMaxSpfExplanation);
  co_return text;
}

}  // namespace

bool is_spf_domain(std::string_view domain) noexcept {
  if (domain.ends_with('.')) domain.remove_suffix(1);
  if (domain.empty() || domain.size() > 253 || domain.front() == '[') return false;
  std::size_t label = 0, labels = 1;
  for (const char c : domain) {
    label = c == '.' ? 0 : label + 1;
    if (c == '.') ++labels;
    if (label > 63 || c <= ' ' || c > '~') return false;
    if (c == '.' && &c == domain.data()) return false;
  }
  return labels > 1 && label > 0 && domain.find("..") == std::string_view::npos;
}

net::Task<SpfAnswer> check_spf(AuthDns& dns, SpfQuestion question, bool helo) {
  SpfMacros macros;
  const auto at = question.sender.rfind('@');
  if (helo || at == std::string::npos) {
    macros.local = "postmaster";
    macros.sender_domain = question.helo;
  } else {
    macros.local = at == 0 ? std::string("postmaster") : question.sender.substr(0, at);
    macros.sender_domain = question.sender.substr(at + 1);
  }
  macros.helo = question.helo;
  macros.receiver = question.receiver;
  macros.ip = question.ip;
  macros.now = question.now;
  std::string domain = macros.sender_domain;
  SpfRun run(dns, std::move(macros));
  SpfAnswer answer;
  answer.result = co_await run.check(std::move(domain), true);
  answer.lookups = run.lookups();
  if (answer.result == SpfResult::fail) answer.explanation = co_await run.explain();
  co_return answer;
}

}  // namespace genkan::smtp
