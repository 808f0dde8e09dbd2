#include "smtp/auth/dmarc.hpp"

#include <algorithm>

#include "base/text.hpp"
#include "smtp/auth/public_suffix.hpp"
#include "smtp/auth/signature.hpp"
#include "smtp/auth/tags.hpp"

namespace genkan::smtp {
namespace {

std::optional<DmarcPolicy> policy_of(std::string_view word) {
  if (base::iequals(word, "none")) return DmarcPolicy::none;
  if (base::iequals(word, "quarantine")) return DmarcPolicy::quarantine;
  if (base::iequals(word, "reject")) return DmarcPolicy::reject;
  return std::nullopt;
}

// Sampled out: the next milder one (6.6.4).
DmarcPolicy milder(DmarcPolicy policy) {
  return policy == DmarcPolicy::reject ? DmarcPolicy::quarantine : DmarcPolicy::none;
}

// One mailbox of a From field, put together without comments, quoted strings kept out of the way.
struct Mailbox {
  std::string bare, angled;
  bool in_angle = false, had_angle = false;

  void add(char c) { (in_angle ? angled : bare) += c; }
  std::string domain() const {
    const auto& text = had_angle ? angled : bare;
    const auto at = text.rfind('@');
    if (at == std::string::npos) return {};
    auto out = base::to_lower(without_space(std::string_view(text).substr(at + 1)));
    if (out.ends_with('.')) out.pop_back();
    return is_domain_text(out) ? out : std::string();
  }
};

struct Found {
  std::optional<DmarcRecord> record;
  bool failed = false;
};

net::Task<Found> find_record(AuthDns& dns, std::string domain) {
  Found found;
  const auto texts = co_await dns.txt("_dmarc." + domain);
  found.failed = texts.failed();
  std::size_t count = 0;
  for (const auto& text : texts.records) {
    const auto record = parse_dmarc(text);
    if (!record) continue;
    ++count;
    found.record = record;
  }
  if (count > 1) found.record.reset();  // several are none (6.6.3)
  co_return found;
}

net::Task<DmarcAnswer> check_domain(AuthDns& dns, std::string domain, DmarcEvidence evidence, unsigned dice) {
  using R = DmarcAnswer::Result;
  DmarcAnswer answer;
  answer.domain = domain;
  auto found = co_await find_record(dns, domain);
  bool below = false;
  if (!found.record && !found.failed) {
    auto whole = organisational_domain(domain);
    below = whole != domain;
    if (below) found = co_await find_record(dns, std::move(whole));
  }
  if (found.failed) answer.result = R::temperror;
  if (!found.record) co_return answer;
  const auto& record = *found.record;
  answer.published = below ? record.subdomains.value_or(record.policy) : record.policy;
  bool good = !evidence.spf_domain.empty() && is_aligned(evidence.spf_domain, domain, record.strict_spf);
  for (const auto& d : evidence.dkim_domains) good = good || is_aligned(d, domain, record.strict_dkim);
  answer.result = good ? R::pass : R::fail;
  if (!good) answer.wish = dice < record.percent ? answer.published : milder(answer.published);
  co_return answer;
}

}  // namespace

std::string_view word_of(DmarcPolicy policy) noexcept {
  return policy == DmarcPolicy::none ? "none" : policy == DmarcPolicy::reject ? "reject" : "quarantine";
}

std::string_view word_of(DmarcAnswer::Result result) noexcept {
  switch (result) {
    case DmarcAnswer::Result::none:
      return "none";
    case DmarcAnswer::Result::pass:
      return "pass";
    case DmarcAnswer::Result::fail:
      return "fail";
    case DmarcAnswer::Result::temperror:
      return "temperror";
    case DmarcAnswer::Result::permerror:
      break;
  }
  return "permerror";
}

std::optional<DmarcRecord> parse_dmarc(std::string_view txt) {
  const auto tags = TagList::parse(txt);
  if (!tags || tags->tags().empty() || tags->tags().front().first != "v" || tags->get("v") != "DMARC1")
    return std::nullopt;
  DmarcRecord record;
  const auto policy = policy_of(tags->get("p"));
  const auto subdomains = policy_of(tags->get("sp"));
  if (!policy || (tags->has("sp") && !subdomains)) {
    // With somebody to tell it is as p=none, else no record at all (6.6.3).
    if (!tags->has("rua")) return std::nullopt;
  } else {
    record.policy = *policy;
    record.subdomains = subdomains;
  }
  record.strict_dkim = base::iequals(tags->get("adkim"), "s");
  record.strict_spf = base::iequals(tags->get("aspf"), "s");
  const auto percent = base::parse_uint(tags->get("pct"));
  if (percent && *percent <= 100) record.percent = static_cast<unsigned>(*percent);
  return record;
}

std::vector<std::string> address_domains(std::string_view value) {
  std::vector<std::string> out;
  Mailbox box;
  int comments = 0;
  bool quoted = false;
  const auto end = [&] {
    auto domain = box.domain();
    box = Mailbox();
    if (!domain.empty() && out.size() < kMaxFromDomains && std::find(out.begin(), out.end(), domain) == out.end())
      out.push_back(std::move(domain));
  };
  for (std::size_t i = 0; i < value.size(); ++i) {
    const char c = value[i];
    if (c == '\\' && (quoted || comments > 0)) {
      ++i;
    } else if (quoted) {
      quoted = c != '"';
    } else if (c == '(' || c == ')') {
      comments = c == '(' ? comments + 1 : std::max(0, comments - 1);
    } else if (comments > 0 || c == '\r' || c == '\n') {
      continue;
    } else if (c == '"') {
      quoted = true;
      box.add('q');  // the local part, or a name: no character of it counts
    } else if (c == '<') {
      box.in_angle = box.had_angle = true;
      box.angled.clear();
    } else if (c == '>') {
      box.in_angle = false;
    } else if ((c == ',' || c == ';') && !box.in_angle) {
      end();
    } else if (c == ':' && !box.in_angle) {
      box = Mailbox();  // the name of a group
    } else {
      box.add(c);
    }
  }
  end();
  return out;
}

bool is_aligned(std::string_view a, std::string_view from, bool strict) {
  if (base::iequals(a, from)) return true;
  return !strict && organisational_domain(base::to_lower(a)) == organisational_domain(base::to_lower(from));
}

net::Task<DmarcAnswer> check_dmarc(AuthDns& dns, const MailHeader& header, DmarcEvidence evidence, unsigned dice) {
  using R = DmarcAnswer::Result;
  DmarcAnswer worst;
  const auto& from = header.all("from");
  if (from.size() != 1) {
    worst.result = R::permerror;
    worst.why = from.empty() ? "no From" : "more than one From";
    co_return worst;
  }
  const auto domains = address_domains(header.fields()[from.front()].value);
  if (domains.empty()) {
    worst.result = R::permerror;
    worst.why = "no domain in From";
    co_return worst;
  }
  // Several authors: each domain is asked, and the one with the strictest wish decides (6.6.1).
  bool first = true;
  for (const auto& domain : domains) {
    const auto answer = co_await check_domain(dns, domain, evidence, dice);
    const auto rank = [](const DmarcAnswer& a) {
      if (a.result == R::fail) return 10 + static_cast<int>(a.wish);
      return a.result == R::temperror ? 3 : a.result == R::none ? 2 : 1;
    };
    if (first || rank(answer) > rank(worst)) worst = answer;
    first = false;
  }
  co_return worst;
}

}  // namespace genkan::smtp
