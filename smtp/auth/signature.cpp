#include "smtp/auth/signature.hpp"

#include <algorithm>
#include <unordered_map>

#include "base/text.hpp"

namespace genkan::smtp {
namespace {

SignatureCheck bad(SignatureResult result, std::string why) {
  SignatureCheck check;
  check.result = result;
  check.why = std::move(why);
  return check;
}
SignatureCheck broken(std::string why) { return bad(SignatureResult::neutral, std::move(why)); }
SignatureCheck never(std::string why) { return bad(SignatureResult::permerror, std::move(why)); }

bool read_canon(std::string_view text, Signature& out) {
  const auto word = [](std::string_view w, Canon& canon) {
    canon = base::iequals(w, "relaxed") ? Canon::relaxed : Canon::simple;
    return base::iequals(w, "relaxed") || base::iequals(w, "simple");
  };
  const auto slash = text.find('/');
  if (!word(text.substr(0, slash), out.header_canon)) return false;
  return slash == std::string_view::npos || word(text.substr(slash + 1), out.body_canon);
}

// The domain of an i= (its local part may be quoted-printable, which we never need).
std::string domain_of_identity(std::string_view identity) {
  const auto at = identity.rfind('@');
  return at == std::string_view::npos ? std::string() : std::string(identity.substr(at + 1));
}

bool read_numbers(const TagList& tags, Signature& out) {
  const auto read = [&](std::string_view name, std::optional<std::uint64_t>& to) {
    if (!tags.has(name)) return true;
    to = tag_number(tags.packed(name));
    return to.has_value();
  };
  return read("l", out.limit) && read("t", out.time) && read("x", out.expires);
}

SignatureCheck read_tags(const TagList& tags, bool arc, Signature& out) {
  for (const auto* name : {"a", "b", "bh", "d", "h", "s"}) {
    if (!tags.has(name)) return broken(std::string("no ") + name + "= in it");
  }
  out.domain = base::to_lower(tags.packed("d"));
  out.selector = base::to_lower(tags.packed("s"));
  out.signature_text = tags.packed("b");
  if (!arc && tags.packed("v") != "1") return broken("its version is not 1");
  if (!is_domain_text(out.domain) || !is_domain_text(out.selector)) return broken("d= or s= is no name");
  const auto algorithm = base::to_lower(tags.packed("a"));
  if (algorithm == "rsa-sha1") return never("rsa-sha1 is not accepted");
  if (algorithm != "rsa-sha256" && algorithm != "ed25519-sha256") return broken("an unknown algorithm");
  out.kind = algorithm.starts_with("rsa") ? base::KeyKind::rsa : base::KeyKind::ed25519;
  if (tags.has("c") && !read_canon(tags.packed("c"), out)) return broken("an unknown canonical form");
  if (!read_numbers(tags, out)) return broken("l=, t= or x= is no number");
  const auto signature = base::base64_decode(out.signature_text), hash = base::base64_decode(tags.packed("bh"));
  if (!signature || signature->empty() || !hash) return broken("b= or bh= is no base64");
  out.signature = *signature;
  out.body_hash = *hash;
  if (out.body_hash.size() != sizeof(base::Sha256)) return broken("bh= is no SHA-256");
  out.names = colon_list(tags.get("h"));
  if (out.names.size() > kMaxSignedNames) return broken("too many fields in h=");
  for (auto& name : out.names) {
    name = base::to_lower(name);
    if (name.empty()) return broken("an empty name in h=");
  }
  return SignatureCheck();
}

}  // namespace

std::string_view word_of(SignatureResult result) noexcept {
  switch (result) {
    case SignatureResult::none:
      return "none";
    case SignatureResult::pass:
      return "pass";
    case SignatureResult::fail:
      return "fail";
    case SignatureResult::policy:
      return "policy";
    case SignatureResult::neutral:
      return "neutral";
    case SignatureResult::temperror:
      return "temperror";
    case SignatureResult::permerror:
      break;
  }
  return "permerror";
}

bool is_in_domain(std::string_view name, std::string_view domain) noexcept {
  if (name.size() == domain.size()) return base::iequals(name, domain);
  return name.size() > domain.size() && name[name.size() - domain.size() - 1] == '.' &&
         base::iequals(name.substr(name.size() - domain.size()), domain);
}

bool is_domain_text(std::string_view text) noexcept {
  if (text.empty() || text.size() > 253) return false;
  std::size_t label = 0;
  for (const char c : text) {
    const char l = base::lower(c);
    const bool good = (l >= 'a' && l <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
    if (c == '.' ? label == 0 : !good) return false;
    label = c == '.' ? 0 : label + 1;
    if (label > 63) return false;
  }
  return label > 0;
}

SignatureCheck read_signature(const MailField& field, bool arc, std::int64_t now_s, Signature& out) {
  const auto tags = TagList::parse(field.value);
  if (!tags) return broken("no list of tags");
  auto check = read_tags(*tags, arc, out);
  if (check.result != SignatureResult::none || arc) return check;
  if (tags->has("q")) {
    const auto methods = colon_list(tags->get("q"));
    if (std::find(methods.begin(), methods.end(), "dns/txt") == methods.end()) return broken("its key is not in DNS");
  }
  out.identity = tags->has("i") ? tags->packed("i") : "@" + out.domain;
  if (!is_in_domain(domain_of_identity(out.identity), out.domain)) return never("i= is not in the domain of d=");
  if (std::find(out.names.begin(), out.names.end(), "from") == out.names.end()) return never("From is not signed");
  if (out.expires && out.time && *out.expires < *out.time) return never("it expires before it was made");
  if (out.expires && now_s > 0 && *out.expires < static_cast<std::uint64_t>(now_s)) return never("it has expired");
  return check;
}

std::string without_signature(const MailField& field) {
  const auto colon = field.raw.size() - field.value.size();
  std::size_t at = colon;
  while (at < field.raw.size()) {
    const auto end = std::min(field.raw.find(';', at), field.raw.size());
    const auto tag = field.raw.substr(at, end - at);
    const auto equals = tag.find('=');
    if (equals != std::string_view::npos && without_space(tag.substr(0, equals)) == "b") {
      std::string out(field.raw.substr(0, at + equals + 1));
      out += field.raw.substr(end);
      if (!out.ends_with("\r\n") && end == field.raw.size()) out += "\r\n";
      return out;
    }
    at = end + 1;
  }
  return std::string(field.raw);
}

base::Sha256 header_digest(const MailHeader& header, const std::vector<std::string>& names, Canon canon,
                           const MailField& own) {
  base::Sha256Stream hash;
  std::unordered_map<std::string_view, std::size_t> used;
  std::string text;
  for (const auto& name : names) {
    const auto& all = header.all(name);
    auto& count = used[name];
    if (count >= all.size()) continue;  // a name once too often: a field that was not there, and must not be
    text.clear();
    put_canonical(header.fields()[all[all.size() - 1 - count]], canon, text);
    ++count;
    hash.update(text);
  }
  const auto bare = without_signature(own);
  text.clear();
  put_canonical(field_of(bare), canon, text);
  if (text.ends_with("\r\n")) text.resize(text.size() - 2);
  hash.update(text);
  return hash.finish();
}

std::optional<SignatureKey> parse_key(std::string_view record, base::KeyKind kind, SignatureCheck& check) {
  const auto fails = [&check](std::string why) {
    check = never(std::move(why));
    return std::nullopt;
  };
  const auto tags = TagList::parse(record);
  if (!tags || !tags->has("p")) return fails("the key record is broken");
  if (tags->has("v") && (tags->packed("v") != "DKIM1" || tags->tags().front().first != "v"))
    return fails("the key record is of another version");
  const auto is = [&](std::string_view tag, std::string_view a, std::string_view b) {
    const auto list = colon_list(tags->get(tag));
    return !tags->has(tag) || std::any_of(list.begin(), list.end(), [&](const std::string& word) {
      return base::iequals(word, a) || base::iequals(word, b);
    });
  };
  const auto type = tags->has("k") ? base::to_lower(tags->packed("k")) : std::string("rsa");
  if (type != (kind == base::KeyKind::rsa ? "rsa" : "ed25519")) return fails("the key is of another type");
  if (!is("h", "sha256", "sha256")) return fails("the key is not for SHA-256");
  if (!is("s", "*", "email")) return fails("the key is not for mail");
  const auto text = tags->packed("p");
  if (text.empty()) return fails("the key is revoked");
  const auto octets = base::base64_decode(text);
  if (!octets) return fails("the key is no base64");
  auto key = base::PublicKey::read(kind, *octets);
  if (!key) return fails("the key cannot be read");
  check.bits = key->bits();
  if (kind == base::KeyKind::rsa && (key->bits() < kMinRsaBits || key->bits() > kMaxRsaBits))
    return fails("an RSA key of " + std::to_string(key->bits()) + " bits");
  SignatureKey out;
  out.key = std::move(*key);
  out.testing = tags->has("t") && is("t", "y", "y");
  out.strict = tags->has("t") && is("t", "s", "s");
  return out;
}

net::Task<SignatureKey> fetch_key(AuthDns& dns, std::string domain, std::string selector, base::KeyKind kind,
                                  SignatureCheck* check) {
  const auto texts = co_await dns.txt(selector + "._domainkey." + domain);
  if (texts.failed()) *check = bad(SignatureResult::temperror, "no answer about the key");
  if (texts.none()) *check = never("there is no key");
  std::optional<SignatureKey> key;
  for (const auto& record : texts.records) {  // several: undefined (RFC 6376 3.6.2.2); the first that fits
    key = parse_key(record, kind, *check);
    if (key) co_return std::move(*key);
  }
  co_return SignatureKey();
}

net::Task<SignatureCheck> verify_signature(AuthDns& dns, const Signature& signature, const MailField& field,
                                           const MailHeader& header, const BodyHash& body, bool arc) {
  SignatureCheck check;
  const auto key = co_await fetch_key(dns, signature.domain, signature.selector, signature.kind, &check);
  if (!key.key) co_return check;
  check.testing = key.testing;
  const auto fails = [&check](SignatureResult result, std::string why) {
    check.result = result;
    check.why = std::move(why);
    return check;
  };
  if (!arc && key.strict && !base::iequals(domain_of_identity(signature.identity), signature.domain))
    co_return fails(SignatureResult::permerror, "the key does not allow subdomains");
  if (signature.limit && *signature.limit > body.size())
    co_return fails(SignatureResult::permerror, "l= is longer than the body");
  const auto& digest = body.digest();
  if (!std::equal(digest.begin(), digest.end(), reinterpret_cast<const std::uint8_t*>(signature.body_hash.data())))
    co_return fails(SignatureResult::fail, "the body was changed");
  const auto hash = header_digest(header, signature.names, signature.header_canon, field);
  if (!key.key->verify(hash, signature.signature))
    co_return fails(SignatureResult::fail, "the signature does not hold");
  check.result = SignatureResult::pass;
  // What stands behind the signed part may be anybody's (RFC 6376 8.2).
  if (signature.limit && *signature.limit < body.size())
    co_return fails(SignatureResult::policy, "a part of the body is not signed");
  co_return check;
}

}  // namespace genkan::smtp
