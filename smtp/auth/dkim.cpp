#include "smtp/auth/dkim.hpp"

#include <algorithm>

#include "base/text.hpp"

namespace genkan::smtp {
namespace {

constexpr std::size_t kLine = 72;

// Fields that a message may have once only: naming them once more keeps a second one from being slipped in.
bool once_more(std::string_view name) {
  static constexpr std::string_view kOnce[] = {"from", "to", "cc", "subject", "date", "reply-to", "content-type"};
  return std::find(std::begin(kOnce), std::end(kOnce), name) != std::end(kOnce);
}

// "h=from:to" in lines.
std::string folded_names(const std::vector<std::string>& names) {
  std::string out;
  std::size_t line = 3;
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (i > 0) {
      out += ':';
      ++line;
      if (line + names[i].size() > kLine) {
        out += "\r\n\t ";
        line = 2;
      }
    }
    out += names[i];
    line += names[i].size();
  }
  return out;
}

}  // namespace

DkimVerifier::DkimVerifier(const MailHeader& header, BodyHashes& hashes, std::int64_t now_s)
    : header_(header), hashes_(hashes) {
  for (const auto index : header.all("dkim-signature")) {
    if (all_.size() == kMaxSignatures) break;
    One one;
    one.field = index;
    one.result.check = read_signature(header.fields()[index], false, now_s, one.result.signature);
    if (one.result.check.result == SignatureResult::none)
      one.hash = hashes_.want(one.result.signature.body_canon, one.result.signature.limit);
    all_.push_back(std::move(one));
  }
}

net::Task<std::vector<DkimResult>> DkimVerifier::verify(AuthDns& dns) {
  std::vector<DkimResult> results;
  for (auto& one : all_) {
    if (one.result.check.result == SignatureResult::none) {
      const auto& field = header_.fields()[one.field];
      const auto& hash = hashes_.at(one.hash);
      one.result.check = co_await verify_signature(dns, one.result.signature, field, header_, hash, false);
    }
    results.push_back(std::move(one.result));
  }
  all_.clear();
  co_return results;
}

const std::vector<std::string>& default_signed_names() {
  static const std::vector<std::string> kNames = {"from",
                                                  "reply-to",
                                                  "subject",
                                                  "date",
                                                  "to",
                                                  "cc",
                                                  "message-id",
                                                  "in-reply-to",
                                                  "references",
                                                  "mime-version",
                                                  "sender",
                                                  "content-type",
                                                  "content-transfer-encoding",
                                                  "resent-from",
                                                  "resent-date",
                                                  "resent-to",
                                                  "resent-cc",
                                                  "list-id",
                                                  "list-help",
                                                  "list-unsubscribe",
                                                  "list-unsubscribe-post",
                                                  "list-post",
                                                  "list-owner",
                                                  "list-archive"};
  return kNames;
}

std::vector<std::string> names_to_sign(const MailHeader& header, const std::vector<std::string>& names) {
  constexpr std::size_t kMost = 100;  // of one name
  std::vector<std::string> out;
  const auto add = [&](const std::string& name) {
    if (std::find(out.begin(), out.end(), name) != out.end()) return;
    const auto there = header.all(name).size();
    const auto count = std::min(there, kMost) + (once_more(name) && there > 0 ? 1 : 0);
    for (std::size_t i = 0; i < count && out.size() < kMaxSignedNames / 2; ++i) out.push_back(name);
  };
  add("from");
  for (const auto& name : names) add(name);
  return out;
}

std::string folded_base64(std::string_view octets) {
  const auto text = base::base64(octets);
  std::string out;
  for (std::size_t at = 0; at < text.size(); at += kLine) {
    if (at > 0) out += "\r\n\t ";
    out += std::string_view(text).substr(at, kLine);
  }
  return out;
}

Result<std::string> sign_dkim(const DkimKey& key, const MailHeader& header, const base::Sha256& body_hash,
                              std::int64_t now_s) {
  const auto names = names_to_sign(header, key.names);
  std::string field = "DKIM-Signature: v=1; a=";
  field += key.key->kind() == base::KeyKind::rsa ? "rsa-sha256" : "ed25519-sha256";
  field += "; c=relaxed/relaxed; d=" + key.domain + ";\r\n\ts=" + key.selector + "; t=" + std::to_string(now_s);
  field += ";\r\n\th=" + folded_names(names) + ";\r\n\tbh=";
  field += base::base64(std::string_view(reinterpret_cast<const char*>(body_hash.data()), body_hash.size()));
  field += ";\r\n\tb=\r\n";
  const auto digest = header_digest(header, names, Canon::relaxed, field_of(field));
  auto signature = key.key->sign(digest);
  if (!signature) return signature.error();
  field.resize(field.size() - 2);
  field += folded_base64(*signature) + "\r\n";
  return Result<std::string>(std::move(field));
}

std::string key_record(const base::SigningKey& key) {
  const bool rsa = key.kind() == base::KeyKind::rsa;
  return std::string(rsa ? "v=DKIM1; k=rsa; p=" : "v=DKIM1; k=ed25519; p=") + base::base64(key.public_octets());
}

}  // namespace genkan::smtp
