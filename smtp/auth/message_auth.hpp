// One message, seen once while it streams by: its header is kept (at most kMaxAuthHeader), of its body only digests. At
// the end: what SPF, DKIM, DMARC and ARC say, the fields to put on top, the refusal if there is one; and our own
// signatures.
//
// feed() takes the content as it is stored. What a filter changes afterwards is another message: sign it with another
// MessageAuth.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "conf/conf.hpp"
#include "smtp/auth/results.hpp"

namespace genkan::smtp {

constexpr std::size_t kMaxAuthHeader = 256 * 1024;

// [smtp.auth] and [[smtp.dkim]], made ready: keys are read. Immutable.
struct AuthRules {
  // `why` says which file.
  static Result<std::shared_ptr<const AuthRules>> make(const conf::Smtp& smtp, std::string_view hostname,
                                                       std::string& why);

  conf::SmtpAuth conf;
  std::string authserv_id, hostname;
  std::vector<DkimKey> keys;
  const DkimKey* seal = nullptr;  // one of `keys`
};
using AuthRulesPtr = std::shared_ptr<const AuthRules>;

struct AuthTask {
  bool verify = false;  // it comes from outside
  bool strip = false;   // it comes from somebody whose words about itself do not count
  bool sign = false;    // it comes from one of us
  bool seal = false;    // and goes on to another server
  bool any() const noexcept { return verify || strip || sign || seal; }
};

// What is to be done with a message.
struct AuthVerdict {
  enum class Kind { take, refuse } kind = Kind::take;
  std::string reply;   // "550 5.7.1 text"
  std::string fields;  // to put on top of everything
};

class MessageAuth {
 public:
  MessageAuth(AuthRulesPtr rules, AuthTask task, std::int64_t now_s);
  ~MessageAuth();
  MessageAuth(const MessageAuth&) = delete;
  MessageAuth& operator=(const MessageAuth&) = delete;

  void feed(std::string_view octets);
  bool header_too_large() const noexcept { return too_large_; }
  void finish();  // no more comes

  // After finish(). `client`: what was found of it; `question`: what was asked.
  net::Task<AuthVerdict> judge(AuthDns& dns, ClientAuth client, ClientQuestion question, unsigned dice);
  // Signatures and seal of our own, for the header as it will leave. Slow (RSA): not on a worker. After judge(), if
  // that is called at all; const, and touches nothing that changes.
  Result<std::string> sign() const;
  // One for the same message after a change: it signs, and seals what was found of the message as it came in.
  std::unique_ptr<MessageAuth> anew() const;
  bool signs() const noexcept { return !signers_.empty() || seals_; }

  std::size_t header_size() const noexcept { return head_size_; }  // octets of the content that are header
  // The header without fields that claim to be ours; nothing: there are none.
  std::optional<std::string> stripped() const;
  const AuthFindings& findings() const noexcept { return findings_; }

 private:
  void begin_body();
  AuthVerdict decide(const AuthFindings& findings) const;

  const AuthRulesPtr rules_;
  const AuthTask task_;
  const std::int64_t now_s_;
  std::string head_;
  std::size_t head_size_ = 0;
  bool in_body_ = false, too_large_ = false, seals_ = false;
  std::unique_ptr<MailHeader> header_;
  BodyHashes hashes_;
  std::optional<DkimVerifier> dkim_;
  std::optional<ArcVerifier> arc_;
  std::vector<const DkimKey*> signers_;
  std::size_t signed_hash_ = 0;
  AuthFindings findings_;
};

}  // namespace genkan::smtp
