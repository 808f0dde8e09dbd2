#include "net/resolver.hpp"

#include <unordered_map>

#include "base/text.hpp"
#include "net/dns_cache.hpp"
#include "net/dns_channel.hpp"
#include "net/dns_hosts.hpp"
#include "net/dns_lookup.hpp"
#include "net/dns_message.hpp"
#include "net/dns_secure.hpp"

namespace genkan::net {
namespace {

constexpr std::size_t kMaxEntries = 10'000, kMaxBytes = 16 * 1024 * 1024;
constexpr std::size_t kMaxUnderWay = 2'000;  // different questions at a time: c-ares has 65,536 numbers for them

using LookupPtr = std::shared_ptr<dns::Lookup>;

template <class T>
Result<DnsAnswer<T>> answer_of(const dns::Outcome& outcome, Time now) {
  if (outcome.error) return outcome.error;
  DnsAnswer<T> answer;
  answer.records = std::get<std::vector<T>>(outcome.records);
  answer.whole = outcome.whole;
  answer.ttl = std::max(std::chrono::duration_cast<dns::seconds>(outcome.expires - now), dns::kMinTtl);
  return answer;
}

DnsAnswer<base::IpAddress> local_answer(std::vector<base::IpAddress> records) {
  DnsAnswer<base::IpAddress> answer;
  answer.records = std::move(records);
  answer.ttl = dns::kFailureTtl;  // the hosts file may change
  return answer;
}

// RFC 6761 6.3: these names are this host, and never a question for a name server.
bool is_localhost(std::string_view name) { return name == "localhost" || name.ends_with(".localhost"); }

std::vector<base::IpAddress> loopback() {
  base::IpAddress v6;
  v6.bytes[15] = 1;
  return {base::IpAddress::v4(0x7F000001), v6};
}

}  // namespace

struct Resolver::Impl final : dns::Lookup::Owner {
  Impl(Loop& l, std::vector<std::string> servers, Duration t)
      : loop(l), timeout(t), channel(l, std::move(servers), t) {}

  // The lookup of a name of one kind that is under way, or one begun by `start`; null: too many are.
  template <class Start>
  LookupPtr join(std::string key, int parts, Start start) {
    if (const auto found = under_way.find(key); found != under_way.end()) return found->second;
    if (under_way.size() >= kMaxUnderWay) return nullptr;
    auto lookup = std::make_shared<dns::Lookup>(loop, *this, key, parts, loop.now() + timeout);
    under_way.emplace(std::move(key), lookup);
    start(lookup);
    return lookup;
  }

  template <class T, class Parse>
  void ask(const LookupPtr& lookup, const std::string& name, dns::Type type, bool search, Parse parse) {
    channel.query(name, type, search, [this, lookup, parse](Result<dns::Bytes> message) {
      Result<DnsAnswer<T>> part = message ? parse(*message) : Result<DnsAnswer<T>>(message.error());
      // A broken answer says nothing about the name.
      if (!part && part.error() == Errc::malformed) part = Errc::unavailable;
      if (lookup->add(std::move(part))) conclude(*lookup);
    });
  }

  // Also for a lookup that nobody waits for any more: a late answer is good for the next who asks.
  void conclude(dns::Lookup& lookup) {
    const auto outcome = std::make_shared<const dns::Outcome>(lookup.take(loop.now()));
    if (outcome->error != Errc::cancelled) {
      cache.put(lookup.key(), outcome, dns::weight(*outcome), outcome->expires);
    }
    end(lookup, outcome);
  }

  void end(dns::Lookup& lookup, const dns::OutcomePtr& outcome) {
    if (lookup.done()) return;
    const auto found = under_way.find(lookup.key());
    const LookupPtr keep = std::move(found->second);
    under_way.erase(found);
    lookup.finish(outcome);
  }

  void on_late(dns::Lookup& lookup) noexcept override {
    dns::Outcome outcome;
    outcome.error = Errc::timed_out;
    outcome.expires = loop.now() + dns::kFailureTtl;
    const auto late = std::make_shared<const dns::Outcome>(std::move(outcome));
    cache.put(lookup.key(), late, dns::weight(*late), late->expires);
    end(lookup, late);
  }

  void cancel() {
    cancelled = true;
    dns::Outcome outcome;
    outcome.error = Errc::cancelled;
    const auto given_up = std::make_shared<const dns::Outcome>(std::move(outcome));
    const auto all = std::exchange(under_way, {});
    for (const auto& [key, lookup] : all) lookup->finish(given_up);
    channel.cancel();
  }

  template <class T, class Start>
  static Task<Result<DnsAnswer<T>>> find(Impl& impl, std::string key, int parts, Start start) {
    if (impl.cancelled) co_return Errc::cancelled;
    Loop& loop = impl.loop;
    if (const auto* known = impl.cache.find(key, loop.now())) co_return answer_of<T>(**known, loop.now());
    const LookupPtr lookup = impl.join(std::move(key), parts, start);
    if (!lookup) co_return Errc::exhausted;
    dns::Lookup::Done answered(*lookup);
    co_await answered;
    co_return answer_of<T>(lookup->outcome(), loop.now());  // the resolver itself may be gone
  }

  // One question of one type.
  template <class T, class Parse>
  static Task<Result<DnsAnswer<T>>> find_one(Impl& impl, char kind, dns::Type type, std::string name, Parse parse) {
    std::string normal = dns::question_name(name);
    if (normal.empty()) co_return Errc::not_found;
    const auto start = [&impl, &normal, type, parse](const LookupPtr& lookup) {
      impl.ask<T>(lookup, normal, type, false, parse);
    };
    auto task = find<T>(impl, kind + normal, 1, start);
    auto answer = co_await task;
    co_return answer;
  }

  Loop& loop;
  const Duration timeout;
  bool cancelled = false;
  dns::HostsFile hosts;
  dns::Cache<dns::OutcomePtr> cache{kMaxEntries, kMaxBytes};
  std::unordered_map<std::string, LookupPtr> under_way;
  dns::Channel channel;  // last: it ends what is outstanding, which touches the rest
};

Resolver::Resolver(Loop& loop, std::vector<std::string> servers, Duration timeout)
    : impl_(std::make_unique<Impl>(loop, std::move(servers), timeout)) {}

Resolver::~Resolver() { impl_->cancel(); }

void Resolver::cancel() { impl_->cancel(); }

Task<Result<DnsAnswer<base::IpAddress>>> Resolver::addresses(std::string name) {
  Impl& impl = *impl_;
  if (const auto literal = base::IpAddress::parse(name)) {
    std::vector<base::IpAddress> one(1, *literal);
    co_return local_answer(std::move(one));
  }
  const std::string normal = dns::normal_name(name);
  if (normal.empty()) co_return Errc::not_found;
  if (const auto* known = impl.hosts.find(normal, impl.loop.now())) co_return local_answer(*known);
  if (is_localhost(normal)) co_return local_answer(loopback());
  const bool search = !name.ends_with('.');
  const auto start = [&impl, &normal, search](const LookupPtr& lookup) {
    for (const auto type : {dns::Type::a, dns::Type::aaaa}) {
      const auto parse = [type](dns::Bytes message) { return dns::parse_addresses(message, type); };
      impl.ask<base::IpAddress>(lookup, normal, type, search, parse);
    }
  };
  auto task = Impl::find<base::IpAddress>(impl, "a" + normal, 2, start);
  auto answer = co_await task;
  co_return answer;
}

Task<Result<DnsAnswer<MxRecord>>> Resolver::mx(std::string name) {
  return Impl::find_one<MxRecord>(*impl_, 'm', dns::Type::mx, std::move(name), dns::parse_mx);
}

Task<Result<DnsAnswer<std::string>>> Resolver::txt(std::string name) {
  return Impl::find_one<std::string>(*impl_, 't', dns::Type::txt, std::move(name), dns::parse_txt);
}

Task<Result<DnsAnswer<SrvRecord>>> Resolver::srv(std::string name) {
  return Impl::find_one<SrvRecord>(*impl_, 's', dns::Type::srv, std::move(name), dns::parse_srv);
}

Task<Result<DnsAnswer<base::IpAddress>>> Resolver::host(std::string name, bool v6) {
  const auto type = v6 ? dns::Type::aaaa : dns::Type::a;
  const auto parse = [type](dns::Bytes message) { return dns::parse_addresses(message, type); };
  return Impl::find_one<base::IpAddress>(*impl_, v6 ? '6' : '4', type, std::move(name), parse);
}

Task<Result<DnsAnswer<std::string>>> Resolver::names(base::IpAddress ip) {
  return Impl::find_one<std::string>(*impl_, 'p', dns::Type::ptr, dns::reverse_name(ip), dns::parse_ptr);
}

Task<Result<SecureAnswer>> Resolver::secure(std::string name, SecureType type) {
  struct Asked {
    explicit Asked(Loop& loop) : answered(loop) {}
    Event answered;
    Result<SecureAnswer> result{make_error_code(Errc::cancelled)};
  };
  const auto normal = dns::normal_name(name);
  if (normal.empty()) co_return Errc::not_found;
  if (impl_->cancelled) co_return Errc::cancelled;
  const auto kind = type == SecureType::mx ? dns::Type::mx : type == SecureType::a ? dns::Type::a : dns::Type::tlsa;
  auto asked = std::make_shared<Asked>(impl_->loop);
  impl_->channel.query_secure(normal, kind, [asked, kind](Result<dns::Bytes> message) {
    asked->result = message ? dns::parse_secure(*message, kind) : Result<SecureAnswer>(message.error());
    asked->answered.notify();
  });
  co_await asked->answered;
  co_return asked->result;
}

Task<Result<std::vector<base::Endpoint>>> resolve_endpoint(Resolver& resolver, std::string host_and_port) {
  std::vector<base::Endpoint> out;
  if (const auto literal = base::Endpoint::parse(host_and_port)) {
    out.push_back(*literal);
    co_return out;
  }
  const std::size_t colon = host_and_port.rfind(':');
  if (colon == std::string::npos) co_return Errc::malformed;
  const auto port = base::parse_uint(std::string_view(host_and_port).substr(colon + 1));
  if (!port || *port > 65535) co_return Errc::malformed;
  const auto found = co_await resolver.addresses(host_and_port.substr(0, colon));
  if (!found) co_return found.error();
  for (const auto& ip : found->records) {
    base::Endpoint endpoint;
    endpoint.ip = ip;
    endpoint.port = static_cast<std::uint16_t>(*port);
    out.push_back(std::move(endpoint));
  }
  co_return out;
}

}  // namespace genkan::net
