#include "net/dns_message.hpp"

#include <ares.h>
#include <arpa/inet.h>
#include <netdb.h>

#include <algorithm>
#include <cstring>
#include <limits>
#include <memory>

#include "base/text.hpp"

namespace genkan::net::dns {
namespace {

struct FreeData {
  void operator()(void* data) const noexcept { ::ares_free_data(data); }
};
template <class T>
using Owned = std::unique_ptr<T, FreeData>;

Error error_of(int status) {
  return status == ARES_ENODATA || status == ARES_ENOTFOUND ? Errc::not_found : Errc::malformed;
}

template <class T>
Result<DnsAnswer<T>> finish(Bytes message, std::vector<T> records) {
  if (records.empty()) return Errc::malformed;  // there were some, and none that we accept
  DnsAnswer<T> answer;
  answer.records = std::move(records);
  answer.ttl = std::chrono::seconds(least_ttl(message));
  return answer;
}

// Skips a name in a message; 0: it runs out of it.
std::size_t after_name(Bytes m, std::size_t at) {
  while (at < m.size()) {
    const std::uint8_t length = m[at];
    if (length == 0) return at + 1;
    if (length >= 0xC0) return at + 2;  // a pointer ends the name
    at += 1u + length;
  }
  return 0;
}

std::uint32_t number(Bytes m, std::size_t at, std::size_t width) {
  std::uint32_t value = 0;
  for (std::size_t i = 0; i < width; ++i) value = value << 8 | m[at + i];
  return value;
}

bool is_name_character(char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_'; }

bool is_question_character(char c) { return c > ' ' && c < 127 && c != '\\'; }

std::string checked_name(std::string_view name, bool (*good)(char)) {
  if (name.ends_with('.')) name.remove_suffix(1);
  std::string out = base::to_lower(name);
  if (out.empty() || out.size() > kMaxName) return {};
  std::size_t label = 0;
  for (const char c : out) {
    if (c == '.' && label == 0) return {};
    if (c != '.' && !good(c)) return {};
    label = c == '.' ? 0 : label + 1;
    if (label > 63) return {};
  }
  return label == 0 ? std::string() : out;
}

int length_of(Bytes message) { return static_cast<int>(std::min<std::size_t>(message.size(), 65535)); }

base::IpAddress address_of(const ::in_addr& a) { return base::IpAddress::v4(ntohl(a.s_addr)); }

base::IpAddress address_of(const ::ares_in6_addr& a) {
  base::IpAddress ip;
  std::memcpy(ip.bytes.data(), &a, 16);
  return ip;
}

}  // namespace

std::string normal_name(std::string_view name) { return checked_name(name, is_name_character); }

std::string question_name(std::string_view name) { return checked_name(name, is_question_character); }

std::string reverse_name(const base::IpAddress& ip) {
  std::string name;
  if (ip.is_v4()) {
    for (std::size_t i = 16; i > 12; --i) name += std::to_string(ip.bytes[i - 1]) + ".";
    return name + "in-addr.arpa";
  }
  constexpr char kHex[] = "0123456789abcdef";
  for (std::size_t i = 16; i > 0; --i) {
    for (const int nibble : {ip.bytes[i - 1] & 15, ip.bytes[i - 1] >> 4}) {
      name += kHex[nibble];
      name += '.';
    }
  }
  return name + "ip6.arpa";
}

std::uint32_t least_ttl(Bytes m) {
  if (m.size() < 12) return 0;
  const std::uint32_t questions = number(m, 4, 2), answers = number(m, 6, 2);
  std::size_t at = 12;
  for (std::uint32_t i = 0; i < questions; ++i) {
    at = after_name(m, at);
    if (at == 0 || at + 4 > m.size()) return 0;
    at += 4;
  }
  std::uint32_t least = std::numeric_limits<std::uint32_t>::max();
  for (std::uint32_t i = 0; i < answers; ++i) {
    at = after_name(m, at);
    if (at == 0 || at + 10 > m.size()) return 0;
    const std::uint32_t ttl = number(m, at + 4, 4);
    least = std::min(least, ttl > 0x7FFF'FFFF ? 0 : ttl);
    at += 10 + number(m, at + 8, 2);
  }
  return answers == 0 ? 0 : least;
}

Result<DnsAnswer<base::IpAddress>> parse_addresses(Bytes message, Type type) {
  std::vector<base::IpAddress> out;
  const std::size_t most = message.size() / 16 + 1;  // a record has at least as many bytes
  int count = static_cast<int>(most);
  if (type == Type::a) {
    std::vector<::ares_addrttl> found(most);
    const int status = ::ares_parse_a_reply(message.data(), length_of(message), nullptr, found.data(), &count);
    if (status != ARES_SUCCESS) return error_of(status);
    for (int i = 0; i < count; ++i) out.push_back(address_of(found[static_cast<std::size_t>(i)].ipaddr));
  } else {
    std::vector<::ares_addr6ttl> found(most);
    const int status = ::ares_parse_aaaa_reply(message.data(), length_of(message), nullptr, found.data(), &count);
    if (status != ARES_SUCCESS) return error_of(status);
    for (int i = 0; i < count; ++i) out.push_back(address_of(found[static_cast<std::size_t>(i)].ip6addr));
  }
  if (out.empty()) return Errc::not_found;  // aliases only
  // Of too many always the same ones, however a name server turns its answers.
  if (out.size() > kMaxRecords) std::sort(out.begin(), out.end());
  std::vector<base::IpAddress> kept;
  for (const auto& ip : out) {
    if (kept.size() < kMaxRecords && std::find(kept.begin(), kept.end(), ip) == kept.end()) kept.push_back(ip);
  }
  return finish(message, std::move(kept));
}

Result<DnsAnswer<MxRecord>> parse_mx(Bytes message) {
  ::ares_mx_reply* raw = nullptr;
  const int status = ::ares_parse_mx_reply(message.data(), length_of(message), &raw);
  const Owned<::ares_mx_reply> all(raw);
  if (status != ARES_SUCCESS) return error_of(status);
  if (!raw) return Errc::not_found;
  std::vector<MxRecord> out;
  for (const auto* r = raw; r && out.size() < kMaxRecords; r = r->next) {
    const std::string_view host(r->host);
    const bool null = host.empty() || host == ".";  // RFC 7505: no mail at all
    MxRecord record;
    record.preference = r->priority;
    record.host = normal_name(host);
    if (null || !record.host.empty()) out.push_back(std::move(record));
  }
  std::stable_sort(out.begin(), out.end(),
                   [](const MxRecord& a, const MxRecord& b) { return a.preference < b.preference; });
  return finish(message, std::move(out));
}

Result<DnsAnswer<std::string>> parse_txt(Bytes message) {
  ::ares_txt_ext* raw = nullptr;
  const int status = ::ares_parse_txt_reply_ext(message.data(), length_of(message), &raw);
  const Owned<::ares_txt_ext> all(raw);
  if (status != ARES_SUCCESS) return error_of(status);
  if (!raw) return Errc::not_found;
  std::vector<std::string> out;
  for (const auto* r = raw; r; r = r->next) {
    if (r->record_start) {
      if (out.size() == kMaxRecords) break;
      out.emplace_back();
    }
    // One byte over the limit is enough to know that the record is too long.
    std::string& text = out.back();
    text.append(reinterpret_cast<const char*>(r->txt),
                std::min(r->length, kMaxText + 1 - std::min(text.size(), kMaxText + 1)));
  }
  std::erase_if(out, [](const std::string& text) { return text.size() > kMaxText; });
  return finish(message, std::move(out));
}

// c-ares keeps every name as an alias of the host that it believes to have found.
Result<DnsAnswer<std::string>> parse_ptr(Bytes message) {
  ::hostent* raw = nullptr;
  const int status = ::ares_parse_ptr_reply(message.data(), length_of(message), nullptr, 0, AF_UNSPEC, &raw);
  const std::unique_ptr<::hostent, void (*)(::hostent*)> host(raw, ::ares_free_hostent);
  if (status != ARES_SUCCESS) return error_of(status);
  if (!raw) return Errc::not_found;
  std::vector<std::string> out;
  for (char** alias = raw->h_aliases; alias && *alias && out.size() < kMaxRecords; ++alias) {
    auto name = normal_name(*alias);
    if (!name.empty()) out.push_back(std::move(name));
  }
  return finish(message, std::move(out));
}

Result<DnsAnswer<SrvRecord>> parse_srv(Bytes message) {
  ::ares_srv_reply* raw = nullptr;
  const int status = ::ares_parse_srv_reply(message.data(), length_of(message), &raw);
  const Owned<::ares_srv_reply> all(raw);
  if (status != ARES_SUCCESS) return error_of(status);
  if (!raw) return Errc::not_found;
  std::vector<SrvRecord> out;
  for (const auto* r = raw; r && out.size() < kMaxRecords; r = r->next) {
    SrvRecord record;
    record.priority = r->priority;
    record.weight = r->weight;
    record.port = r->port;
    record.host = normal_name(r->host);
    if (!record.host.empty()) out.push_back(std::move(record));
  }
  if (out.empty()) return Errc::not_found;  // a target of "." says: decidedly not here (RFC 2782)
  std::stable_sort(out.begin(), out.end(),
                   [](const SrvRecord& a, const SrvRecord& b) { return a.priority < b.priority; });
  return finish(message, std::move(out));
}

}  // namespace genkan::net::dns
