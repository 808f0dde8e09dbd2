#include "smtp/auth/message_auth.hpp"

#include <algorithm>

#include "base/file.hpp"
#include "base/text.hpp"
#include "smtp/auth/public_suffix.hpp"

namespace genkan::smtp {
namespace {

constexpr std::size_t kMaxKeyFile = 64 * 1024;

Result<DkimKey> read_key(const conf::SmtpDkim& row, std::string& why) {
  const auto fails = [&](const Error& error, std::string_view what) {
    why = "smtp.dkim `" + row.domain + "`: " + row.key + ": " + std::string(what);
    return Result<DkimKey>(boost::system::in_place_error, error);
  };
  const auto pem = base::read_file(row.key, kMaxKeyFile);
  if (!pem) return fails(pem.error(), pem.error().message());
  std::string what;
  auto key = base::SigningKey::read(*pem, what);
  if (!key) return fails(key.error(), what);
  DkimKey out;
  out.domain = base::to_lower(row.domain);
  out.selector = base::to_lower(row.selector);
  out.key = std::make_shared<const base::SigningKey>(std::move(*key));
  for (const auto& name : row.headers) out.names.push_back(base::to_lower(name));
  // These are taken out or put in on the way, by ourselves as well.
  std::erase_if(out.names, [](const std::string& n) { return n == "authentication-results" || n == "dkim-signature"; });
  if (out.names.empty()) out.names = default_signed_names();
  return Result<DkimKey>(std::move(out));
}

// What of a signature that holds counts for DMARC: not a test, whose owner says that it is none (RFC 6376 3.6.1).
bool counts(const DkimResult& result) { return result.check.result == SignatureResult::pass && !result.check.testing; }

}  // namespace

Result<std::shared_ptr<const AuthRules>> AuthRules::make(const conf::Smtp& smtp, std::string_view hostname,
                                                         std::string& why) {
  using Made = Result<std::shared_ptr<const AuthRules>>;
  auto rules = std::make_shared<AuthRules>();
  rules->conf = smtp.auth;
  rules->hostname = hostname;
  rules->authserv_id = base::to_lower(smtp.auth.authserv_id.empty() ? hostname : smtp.auth.authserv_id);
  for (const auto& row : smtp.dkims) {
    auto key = read_key(row, why);
    if (!key) return Made(boost::system::in_place_error, key.error());
    rules->keys.push_back(std::move(*key));
  }
  if (!smtp.auth.arc_seal.empty()) {
    for (const auto& key : rules->keys) {  // the first, but rather RSA, which everybody reads
      if (!base::iequals(key.domain, smtp.auth.arc_seal)) continue;
      if (!rules->seal || (rules->seal->key->kind() != base::KeyKind::rsa && key.key->kind() == base::KeyKind::rsa))
        rules->seal = &key;
    }
  }
  load_public_suffixes();
  return Made(std::shared_ptr<const AuthRules>(std::move(rules)));
}

MessageAuth::MessageAuth(AuthRulesPtr rules, AuthTask task, std::int64_t now_s)
    : rules_(std::move(rules)), task_(task), now_s_(now_s) {}

MessageAuth::~MessageAuth() = default;

void MessageAuth::feed(std::string_view octets) {
  if (in_body_) {
    hashes_.feed(octets);
    return;
  }
  if (too_large_) return;
  const auto from = head_.size() < 3 ? 0 : head_.size() - 3;
  head_ += octets;
  // Without a header the content begins with the empty line.
  const bool none = head_.starts_with("\r\n");
  const auto end = none ? 0 : head_.find("\r\n\r\n", from);
  if (end == std::string::npos) {
    too_large_ = head_.size() > kMaxAuthHeader;
    return;
  }
  head_size_ = none ? 0 : end + 2;
  too_large_ = head_size_ > kMaxAuthHeader;
  if (too_large_) return;
  const auto body = head_.substr(head_size_ + 2);
  head_.resize(head_size_);
  begin_body();
  hashes_.feed(body);
}

void MessageAuth::begin_body() {
  in_body_ = true;
  header_ = std::make_unique<MailHeader>(std::move(head_));
  head_ = std::string();
  if (task_.verify && rules_->conf.dkim != "off") dkim_.emplace(*header_, hashes_, now_s_);
  if (task_.verify && (rules_->conf.arc != "off" || task_.seal)) arc_.emplace(*header_, hashes_, now_s_);
  if (task_.sign) {
    const auto& from = header_->all("from");
    const auto domains =
        from.size() == 1 ? address_domains(header_->fields()[from.front()].value) : std::vector<std::string>();
    for (const auto& key : rules_->keys) {
      if (domains.size() == 1 && base::iequals(key.domain, domains.front())) signers_.push_back(&key);
    }
  }
  seals_ = task_.seal && rules_->seal;
  if (signs()) signed_hash_ = hashes_.want(Canon::relaxed, std::nullopt);
}

void MessageAuth::finish() {
  if (!in_body_ && !too_large_) {  // a header and nothing else
    head_size_ = head_.size();
    begin_body();
  }
  hashes_.finish();
}

net::Task<AuthVerdict> MessageAuth::judge(AuthDns& dns, ClientAuth client, ClientQuestion question, unsigned dice) {
  AuthVerdict verdict;
  if (!task_.verify || !header_) co_return verdict;
  auto& f = findings_;
  f.client = std::move(client);
  f.question = std::move(question);
  if (dkim_) {
    f.dkim_asked = true;
    f.dkim = co_await dkim_->verify(dns);
  }
  if (arc_) {
    f.arc_asked = true;
    f.arc = co_await arc_->verify(dns);
  }
  if (rules_->conf.dmarc != "off" && rules_->conf.spf != "off" && rules_->conf.dkim != "off") {
    f.dmarc_asked = true;
    DmarcEvidence evidence;
    if (f.client.spf.result == SpfResult::pass) {
      const auto& sender = f.question.sender;
      evidence.spf_domain = sender.empty() ? f.question.helo : sender.substr(sender.rfind('@') + 1);
    }
    for (const auto& one : f.dkim) {
      if (counts(one)) evidence.dkim_domains.push_back(one.signature.domain);
    }
    f.dmarc = co_await check_dmarc(dns, *header_, std::move(evidence), dice);
  }
  co_return decide(f);
}

AuthVerdict MessageAuth::decide(const AuthFindings& f) const {
  AuthVerdict verdict;
  verdict.fields = "Authentication-Results: " + results_text(rules_->authserv_id, f) + "\r\n";
  if (rules_->conf.dmarc != "enforce") return verdict;
  const auto refuse = [&verdict](std::string reply) {
    verdict.kind = AuthVerdict::Kind::refuse;
    verdict.reply = std::move(reply);
    return verdict;
  };
  const bool later = rules_->conf.dns_failure == "tempfail";
  const auto& trusted = rules_->conf.arc_trusted;
  const bool vouched = f.arc.result == ArcAnswer::Result::pass &&
                       std::any_of(trusted.begin(), trusted.end(),
                                   [&](const std::string& domain) { return base::iequals(domain, f.arc.sealer); });
  switch (f.dmarc.result) {
    case DmarcAnswer::Result::fail: {
      // A look-up that failed may have been the one that proves it.
      const bool unsure = f.client.spf.result == SpfResult::temperror ||
                          std::any_of(f.dkim.begin(), f.dkim.end(),
                                      [](const DkimResult& r) { return r.check.result == SignatureResult::temperror; });
      if (f.dmarc.wish == DmarcPolicy::none || vouched) return verdict;
      if (unsure && later) return refuse("451 4.7.1 DMARC: no answer from DNS now, try again later");
      if (unsure) return verdict;
      if (f.dmarc.wish == DmarcPolicy::reject)
        return refuse("550 5.7.1 DMARC: " + f.dmarc.domain + " asks to refuse what is not proven to be its own");
      verdict.fields = "X-Quarantine: DMARC policy of " + f.dmarc.domain + "\r\n" + verdict.fields;
      return verdict;
    }
    case DmarcAnswer::Result::temperror:
      return later ? refuse("451 4.7.1 DMARC: no answer from DNS now, try again later") : verdict;
    case DmarcAnswer::Result::permerror:
      // Who is the author? With two fields every reader decides for himself (RFC 7489 6.6.1).
      if (f.dmarc.why == "more than one From") return refuse("550 5.7.1 a message has one From field");
      return verdict;
    default:
      return verdict;
  }
}

std::unique_ptr<MessageAuth> MessageAuth::anew() const {
  AuthTask task;
  task.sign = task_.sign;
  task.seal = task_.seal;
  auto other = std::make_unique<MessageAuth>(rules_, task, now_s_);
  other->findings_ = findings_;
  return other;
}

Result<std::string> MessageAuth::sign() const {
  std::string out;
  if (!header_) return Result<std::string>(std::move(out));
  const auto& digest = hashes_.at(signed_hash_).digest();
  for (const auto* key : signers_) {
    auto field = sign_dkim(*key, *header_, digest, now_s_);
    if (!field) return field;
    out += *field;
  }
  if (seals_) {
    auto sealed =
        seal_arc(*rules_->seal, *header_, findings_.arc, digest, results_text(rules_->authserv_id, findings_), now_s_);
    if (!sealed) return sealed;
    out = *sealed + out;
  }
  return Result<std::string>(std::move(out));
}

std::optional<std::string> MessageAuth::stripped() const {
  if (!task_.strip || !header_) return std::nullopt;
  std::size_t removed = 0;
  auto text = without_forged(*header_, rules_->authserv_id, &removed);
  if (removed == 0) return std::nullopt;
  return text;
}

}  // namespace genkan::smtp
