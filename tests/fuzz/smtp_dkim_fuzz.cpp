// room: smtp
// A message with signatures, chains and the key's record: the same octets in any pieces give the same digests, nothing
// holds with a made-up signature, and canonical fields are one line.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>

#include "smtp/auth/message_auth.hpp"
#include "tests/fuzz/auth_dns.hpp"

using namespace genkan;
using namespace genkan::smtp;

namespace {

void same_in_pieces(std::string_view body, std::size_t piece) {
  for (const auto canon : {Canon::simple, Canon::relaxed}) {
    BodyHash whole(canon, 20), pieces(canon, 20), open(canon, std::nullopt), open_pieces(canon, std::nullopt);
    whole.feed(body);
    open.feed(body);
    for (std::size_t at = 0; at < body.size(); at += piece) {
      pieces.feed(body.substr(at, piece));
      open_pieces.feed(body.substr(at, piece));
    }
    for (auto* hash : {&whole, &pieces, &open, &open_pieces}) hash->finish();
    if (whole.digest() != pieces.digest() || open.digest() != open_pieces.digest()) std::abort();
    if (open.size() != open_pieces.size() || open.size() > body.size() + 2) std::abort();
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string text(reinterpret_cast<const char*>(data), size);
  // "KEY RECORD \0 MESSAGE"
  const auto split = text.find('\0');
  const auto record = split == std::string::npos ? std::string("v=DKIM1; p=") : text.substr(0, split);
  const auto content = split == std::string::npos ? text : text.substr(split + 1);
  const std::size_t piece = 1 + size % 7;
  same_in_pieces(content, piece);

  SignatureCheck check;
  parse_key(record, base::KeyKind::rsa, check);
  parse_key(record, base::KeyKind::ed25519, check);

  auto rules = std::make_shared<AuthRules>();
  rules->authserv_id = "mx.example";
  AuthTask task;
  task.verify = task.strip = true;
  MessageAuth auth(rules, task, 1'700'000'000);
  for (std::size_t at = 0; at < content.size(); at += piece) auth.feed(std::string_view(content).substr(at, piece));
  auth.finish();
  FuzzDns dns(record);
  const auto verdict = now(auth.judge(dns, ClientAuth(), ClientQuestion(), 0));
  if (verdict.kind != AuthVerdict::Kind::take || auth.findings().dkim.size() > kMaxSignatures || dns.asked > 100)
    std::abort();
  if (auth.header_size() > content.size()) std::abort();

  const MailHeader header(content);
  std::string again;
  for (const auto& field : header.fields()) {
    again += field.raw;
    std::string line;
    put_canonical(field, Canon::relaxed, line);
    if (std::count(line.begin(), line.end(), '\n') != 1 || line.find("  ") != std::string::npos) std::abort();
    without_signature(field);
  }
  if (again != content) std::abort();
  return 0;
}
