#include "smtp/auth/results.hpp"

#include <algorithm>

#include "base/text.hpp"

namespace genkan::smtp {
namespace {

constexpr std::size_t kMaxValue = 256;

bool is_token_char(char c) noexcept {
  return c > ' ' && c < 127 && std::string_view("()<>@,;:\\\"/[]?=").find(c) == std::string_view::npos;
}

// A property's value: as it is when it is made of harmless characters (an address may have its @), else quoted.
std::string value_of(std::string_view text) {
  text = text.substr(0, kMaxValue);
  const bool plain =
      !text.empty() && std::all_of(text.begin(), text.end(), [](char c) { return is_token_char(c) || c == '@'; });
  if (plain && std::count(text.begin(), text.end(), '@') <= 1) return std::string(text);
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    out += c >= ' ' && c < 127 ? c : '?';
  }
  return out + '"';
}

// Words in a comment.
std::string comment_of(std::string_view text) {
  std::string out;
  for (const char c : text.substr(0, kMaxValue)) {
    out += c >= ' ' && c < 127 && c != '(' && c != ')' && c != '\\' ? c : '?';
  }
  return "(" + out + ")";
}

void put_client(const AuthFindings& f, std::string& out) {
  const auto& client = f.client;
  const auto ip = f.question.ip.text();
  if (client.reverse != NameCheck::not_asked) {
    const auto word = client.reverse == NameCheck::pass   ? "pass"
                      : client.reverse == NameCheck::fail ? "fail"
                      : client.reverse == NameCheck::none ? "permerror"
                                                          : "temperror";
    out += std::string(";\r\n\tiprev=") + word;
    out += client.reverse == NameCheck::none ? " (no name)" : client.name.empty() ? "" : " " + comment_of(client.name);
    out += " policy.iprev=" + value_of(ip);
  }
  if (client.helo != NameCheck::not_asked) {
    const auto word = client.helo == NameCheck::pass ? "pass" : client.helo == NameCheck::fail ? "fail" : "temperror";
    out += std::string(";\r\n\tx-helo=") + word;
    if (!client.helo_why.empty()) out += " " + comment_of(client.helo_why);
    out += " smtp.helo=" + value_of(f.question.helo);
  }
  if (!client.spf_asked) return;
  const bool null_sender = f.question.sender.empty();
  if (!null_sender) {
    out += ";\r\n\tspf=" + std::string(word_of(client.spf.result));
    out += " smtp.mailfrom=" + value_of(f.question.sender);
  }
  if (null_sender || client.helo_spf.result != SpfResult::none) {
    out += ";\r\n\tspf=" + std::string(word_of(client.helo_spf.result));
    out += " smtp.helo=" + value_of(f.question.helo);
  }
}

void put_dkim(const AuthFindings& f, std::string& out) {
  if (!f.dkim_asked) return;
  if (f.dkim.empty()) out += ";\r\n\tdkim=none";
  for (const auto& one : f.dkim) {
    const auto& s = one.signature;
    out += ";\r\n\tdkim=" + std::string(word_of(one.check.result));
    if (!one.check.why.empty()) out += " " + comment_of(one.check.why);
    if (one.check.testing) out += " (testing)";
    if (s.domain.empty()) continue;
    out += " header.d=" + value_of(s.domain);
    if (s.domain.size() + s.selector.size() > 60) out += "\r\n\t";  // no line over 998 octets, whatever they are
    out += " header.s=" + value_of(s.selector);
    if (s.names.empty()) continue;
    out += s.kind == base::KeyKind::rsa ? " header.a=rsa-sha256" : " header.a=ed25519-sha256";
    out += "\r\n\t header.b=" + value_of(std::string_view(s.signature_text).substr(0, 8));
  }
}

void put_dmarc(const AuthFindings& f, std::string& out) {
  if (!f.dmarc_asked) return;
  out += ";\r\n\tdmarc=" + std::string(word_of(f.dmarc.result));
  const bool record = f.dmarc.result == DmarcAnswer::Result::pass || f.dmarc.result == DmarcAnswer::Result::fail;
  if (record) out += " (p=" + std::string(word_of(f.dmarc.published)) + ")";
  if (!f.dmarc.why.empty()) out += " " + comment_of(f.dmarc.why);
  if (!f.dmarc.domain.empty()) out += " header.from=" + value_of(f.dmarc.domain);
}

void put_arc(const AuthFindings& f, std::string& out) {
  if (!f.arc_asked) return;
  out += ";\r\n\tarc=" + std::string(word_of(f.arc.result));
  if (f.arc.result == ArcAnswer::Result::pass) out += " (i=" + std::to_string(f.arc.sets) + ")";
  if (!f.arc.why.empty()) out += " " + comment_of(f.arc.why);
  if (f.arc.result == ArcAnswer::Result::pass) out += " smtp.remote-ip=" + value_of(f.question.ip.text());
}

// White space, line ends and comments in front of what counts.
void skip_space(std::string_view& text) {
  int depth = 0;
  while (!text.empty()) {
    const char c = text.front();
    if (c == '(') {
      ++depth;
    } else if (c == ')' && depth > 0) {
      --depth;
    } else if (c == '\\' && depth > 0 && text.size() > 1) {
      text.remove_prefix(1);
    } else if (depth == 0 && c != ' ' && c != '\t' && c != '\r' && c != '\n') {
      return;
    }
    text.remove_prefix(1);
  }
}

}  // namespace

std::string results_text(std::string_view authserv_id, const AuthFindings& findings) {
  std::string methods;
  put_client(findings, methods);
  put_dkim(findings, methods);
  put_dmarc(findings, methods);
  put_arc(findings, methods);
  return std::string(authserv_id) + (methods.empty() ? "; none" : methods);
}

std::string authserv_id_of(std::string_view value) {
  skip_space(value);
  std::string out;
  if (value.starts_with('"')) {
    for (std::size_t i = 1; i < value.size() && value[i] != '"'; ++i) {
      if (value[i] == '\\' && i + 1 < value.size()) ++i;
      out += value[i];
    }
  } else {
    out = value.substr(0, value.find_first_of("; \t\r\n("));
  }
  if (out.ends_with('.')) out.pop_back();
  return base::to_lower(out);
}

bool is_forged(const MailField& field, std::string_view authserv_id) {
  return base::iequals(field.name, "authentication-results") && base::iequals(authserv_id_of(field.value), authserv_id);
}

std::string without_forged(const MailHeader& header, std::string_view authserv_id, std::size_t* removed) {
  std::string out;
  *removed = 0;
  for (const auto& field : header.fields()) {
    if (is_forged(field, authserv_id)) {
      ++*removed;
    } else {
      out += field.raw;
    }
  }
  return out;
}

}  // namespace genkan::smtp
