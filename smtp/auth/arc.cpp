#include "smtp/auth/arc.hpp"

#include <algorithm>

#include "base/text.hpp"

namespace genkan::smtp {
namespace {

// i= of a field; 0: none. ARC-Authentication-Results begins with it and is otherwise no list of tags.
std::size_t instance_of(const MailField& field, bool results) {
  std::string text;
  if (results) {
    const auto tag = without_space(field.value.substr(0, field.value.find(';')));
    if (!tag.starts_with("i=")) return 0;
    text = tag.substr(2);
  } else {
    const auto tags = TagList::parse(field.value);
    if (!tags) return 0;
    text = tags->packed("i");
  }
  const auto number = text.size() <= 2 ? base::parse_uint(text) : std::nullopt;
  return number && *number <= kMaxArcSets ? static_cast<std::size_t>(*number) : 0;
}

}  // namespace

std::string_view word_of(ArcAnswer::Result result) noexcept {
  return result == ArcAnswer::Result::none ? "none" : result == ArcAnswer::Result::pass ? "pass" : "fail";
}

ArcVerifier::ArcVerifier(const MailHeader& header, BodyHashes& hashes, std::int64_t now_s)
    : header_(header), hashes_(hashes) {
  if (!collect() || sets_.empty()) return;
  if (!read_seals()) return;
  const auto& field = header_.fields()[static_cast<std::size_t>(sets_.back().message)];
  const auto check = read_signature(field, true, now_s, message_);
  if (check.result != SignatureResult::none) {
    answer_.result = ArcAnswer::Result::fail;
    answer_.why = "the newest message signature: " + check.why;
    return;
  }
  const auto sealed = [](const std::string& name) { return name == "arc-seal"; };
  if (std::any_of(message_.names.begin(), message_.names.end(), sealed)) {
    answer_.result = ArcAnswer::Result::fail;
    answer_.why = "a message signature over seals";
    return;
  }
  hash_ = hashes_.want(message_.body_canon, message_.limit);
}

// False: the sets are not whole; the answer is there.
bool ArcVerifier::collect() {
  const auto take = [&](std::string_view name, int Set::*place) {
    for (const auto index : header_.all(name)) {
      const auto number = instance_of(header_.fields()[index], name == "arc-authentication-results");
      if (number == 0) return false;
      if (sets_.size() < number) sets_.resize(number);
      auto& slot = sets_[number - 1].*place;
      if (slot >= 0) return false;
      slot = static_cast<int>(index);
    }
    return true;
  };
  bool whole = take("arc-authentication-results", &Set::results) && take("arc-message-signature", &Set::message) &&
               take("arc-seal", &Set::seal);
  for (const auto& set : sets_) whole = whole && set.results >= 0 && set.message >= 0 && set.seal >= 0;
  answer_.sets = sets_.size();
  if (whole) return true;
  answer_.result = ArcAnswer::Result::fail;
  answer_.why = "the sets are not whole";
  return false;
}

bool ArcVerifier::read_seals() {
  const auto fails = [&](std::string why) {
    answer_.result = ArcAnswer::Result::fail;
    answer_.why = std::move(why);
    return false;
  };
  for (std::size_t i = 0; i < sets_.size(); ++i) {
    const auto& field = header_.fields()[static_cast<std::size_t>(sets_[i].seal)];
    const auto tags = TagList::parse(field.value);
    if (!tags || tags->has("h") || tags->has("bh")) return fails("a seal is broken");
    const auto cv = base::to_lower(tags->packed("cv"));
    Signature seal;
    seal.domain = base::to_lower(tags->packed("d"));
    seal.selector = base::to_lower(tags->packed("s"));
    if (i + 1 == sets_.size()) {
      answer_.sealer = seal.domain;
      answer_.was_failed = cv == "fail";
    }
    if (cv != (i == 0 ? "none" : "pass")) return fails(cv == "fail" ? "it was broken before" : "a seal of a wrong cv=");
    const auto algorithm = base::to_lower(tags->packed("a"));
    if (algorithm != "rsa-sha256" && algorithm != "ed25519-sha256") return fails("a seal of an unknown algorithm");
    seal.kind = algorithm.starts_with("rsa") ? base::KeyKind::rsa : base::KeyKind::ed25519;
    const auto signature = base::base64_decode(tags->packed("b"));
    if (!signature || signature->empty() || !is_domain_text(seal.domain) || !is_domain_text(seal.selector))
      return fails("a seal is broken");
    seal.signature = *signature;
    seals_.push_back(std::move(seal));
  }
  return true;
}

// `covered`: the sets before this one in canonical form; this one is added. A seal covers all up to itself (5.1.1).
net::Task<bool> ArcVerifier::verify_seal(AuthDns& dns, std::size_t number, std::string& covered) {
  const auto& seal = seals_[number - 1];
  SignatureCheck check;
  const auto key = co_await fetch_key(dns, seal.domain, seal.selector, seal.kind, &check);
  if (!key.key) {
    answer_.why = "seal " + std::to_string(number) + ": " + check.why;
    co_return false;
  }
  const auto field = [&](int index) -> const MailField& { return header_.fields()[static_cast<std::size_t>(index)]; };
  const auto& set = sets_[number - 1];
  put_canonical(field(set.results), Canon::relaxed, covered);
  put_canonical(field(set.message), Canon::relaxed, covered);
  const auto before = covered.size();
  const auto bare = without_signature(field(set.seal));
  put_canonical(field_of(bare), Canon::relaxed, covered);
  covered.resize(covered.size() - 2);
  const auto digest = base::sha256(covered);
  covered.resize(before);
  put_canonical(field(set.seal), Canon::relaxed, covered);
  if (key.key->verify(digest, seal.signature)) co_return true;
  answer_.why = "seal " + std::to_string(number) + " does not hold";
  co_return false;
}

net::Task<ArcAnswer> ArcVerifier::verify(AuthDns& dns) {
  if (answer_.result == ArcAnswer::Result::fail || sets_.empty()) co_return answer_;
  answer_.result = ArcAnswer::Result::fail;
  const auto& field = header_.fields()[static_cast<std::size_t>(sets_.back().message)];
  const auto& hash = hashes_.at(hash_);
  const auto check = co_await verify_signature(dns, message_, field, header_, hash, true);
  if (check.result != SignatureResult::pass) {
    answer_.why = "the newest message signature: " + check.why;
    co_return answer_;
  }
  std::string covered;
  for (std::size_t number = 1; number <= sets_.size(); ++number) {
    const bool good = co_await verify_seal(dns, number, covered);
    if (!good) co_return answer_;
  }
  answer_.result = ArcAnswer::Result::pass;
  co_return answer_;
}

}  // namespace genkan::smtp
