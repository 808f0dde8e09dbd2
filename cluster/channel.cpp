#include "cluster/channel.hpp"

#include <sys/epoll.h>

#include <algorithm>
#include <cerrno>

#include "base/crypto.hpp"
#include "base/version.hpp"
#include "cluster/datagram.hpp"

namespace genkan::cluster {

namespace {

constexpr int kBurst = 256;  // datagrams in a row before others get a turn
constexpr Duration kComplainEvery = 60s;
constexpr Duration kResolveEvery = 10s;  // the resolver's cache answers until the record's TTL is over

std::uint64_t boot_at(WallTime now) noexcept {
  return static_cast<std::uint64_t>(
      std::chrono::duration_cast<std::chrono::microseconds>(now.time_since_epoch()).count());
}

// What an operator should do about a refusal.
std::string_view advice(Refusal refusal) noexcept {
  switch (refusal) {
    case Refusal::unknown_key:
      return "a node uses another key: [cluster] key must be the same on every node";
    case Refusal::bad_mac:
      return "damaged on the way, or forged by somebody who does not have the key";
    case Refusal::clock:
      return "that node's clock and ours differ by more than 30 s, or somebody replays an old recording: run NTP on "
             "both";
    case Refusal::old_boot:
    case Refusal::replayed:
      return "older than what we heard already: somebody replays a recording, or two hosts use one node name";
    case Refusal::same_name:
      return "another host announces under our own name: [node] name must differ";
    case Refusal::version:
      return "from a version of Genkan that speaks another datagram format";
    case Refusal::full:
      return "more nodes than we keep";
    case Refusal::foreign:
      return "something else sends to our port or group";
    default:
      return "not a datagram that we understand";
  }
}

}  // namespace

std::uint64_t next_boot(std::uint64_t boot, WallTime now) noexcept {
  return boot > boot_at(now + kClockWindow) ? boot_at(now) : boot;
}

Channel::Channel(net::Loop& loop, Cluster* cluster, base::Telemetry& telemetry, const conf::Conf& conf,
                 ChannelOptions options)
    : loop_(loop),
      cluster_(cluster),
      telemetry_(telemetry),
      conf_(conf.cluster),
      self_(conf.node.name),
      options_(std::move(options)),
      keys_{Key(conf.cluster.key)},
      host_(options_.scope),
      boot_(boot_at(WallClock::now())),
      random_(base::random_u64()),
      sent_metric_(telemetry.metrics.counter("genkan_cluster_sent_total", "Datagrams sent to other nodes")),
      failed_metric_(telemetry.metrics.counter("genkan_cluster_send_failed_total", "Datagrams that could not be sent")),
      alive_(std::make_shared<Channel*>(this)) {
  for (std::size_t i = 0; i < kRefusals; ++i) {
    metrics_[i] = &telemetry.metrics.counter("genkan_cluster_heard_total",
                                             "Datagrams heard, by why they were refused (none: taken)",
                                             {{"refused", std::string(name_of(static_cast<Refusal>(i)))}});
  }
  start_up_speed();  // measured before anything waits for us
}

Channel::~Channel() { *alive_ = nullptr; }

Result<std::unique_ptr<Channel>> Channel::open(net::Loop& loop, Cluster* cluster, base::Telemetry& telemetry,
                                               const conf::Conf& conf, ChannelOptions options, std::string& why) {
  if (conf.cluster.key.size() < 16) {
    why = "[cluster] key must have at least 16 bytes";
    return Errc::malformed;
  }
  if (!valid_node_name(conf.node.name)) {
    why = "[node] name must be 1 to 64 letters, digits, dots, dashes or underscores to be announced";
    return Errc::malformed;
  }
  std::unique_ptr<Channel> channel(new Channel(loop, cluster, telemetry, conf, std::move(options)));
  if (const auto opened = channel->open_sockets(why); !opened) return opened.error();
  if (const auto opened = channel->open_senders(why); !opened) return opened.error();
  return channel;
}

Result<void> Channel::open_sockets(std::string& why) {
  if (!conf_.multicast.empty()) {
    const auto group = base::Endpoint::parse(conf_.multicast);
    if (!group || group->is_unix() || !group->ip.is_multicast()) {
      why = "[cluster] multicast: " + conf_.multicast + " is not a multicast address and port";
      return Errc::malformed;
    }
    fixed_.push_back(*group);
    if (options_.hear) {
      auto fd = open_group(*group, conf_.interface, why);
      if (!fd) return fd.error();
      ears_.push_back(std::make_unique<Ear>(*this, std::move(*fd)));
    }
  }
  if (!conf_.listen.empty() && options_.hear) {
    const auto listen = base::Endpoint::parse(conf_.listen);
    if (!listen || listen->is_unix()) {
      why = "[cluster] listen: " + conf_.listen + " is not an address and port";
      return Errc::malformed;
    }
    auto fd = open_unicast(*listen, why);
    if (!fd) return fd.error();
    ears_.push_back(std::make_unique<Ear>(*this, std::move(*fd)));
  }
  for (const auto& peer : conf_.peers) {
    const auto endpoint = base::Endpoint::parse(peer);
    if (endpoint) {
      fixed_.push_back(*endpoint);
    } else {
      names_.push_back(peer);
    }
  }
  return {};
}

Result<void> Channel::open_senders(std::string& why) {
  const base::Endpoint any4{base::IpAddress::any_v4(), 0, {}};
  const base::Endpoint any6;
  const bool v6 = std::any_of(fixed_.begin(), fixed_.end(), [](const auto& e) { return !e.ip.is_v4(); });
  auto four = open_sender(any4, conf_.interface, conf_.ttl, why);
  if (!four) return four.error();
  sender4_ = std::move(*four);
  auto six = open_sender(any6, conf_.interface, conf_.ttl, why);
  if (six) sender6_ = std::move(*six);
  if (!six && v6) return six.error();
  why.clear();  // a host without IPv6 is fine as long as nobody is to be reached by it
  return {};
}

void Channel::start() {
  for (auto& ear : ears_) ear->watch();
  if (options_.resolver) resolve_peers();
  on_timer();
}

void Channel::stop() {
  loop_.wheel().cancel(*this);
  for (auto& ear : ears_) ear->unwatch();
  *alive_ = nullptr;
}

std::vector<std::uint16_t> Channel::ports() const {
  std::vector<std::uint16_t> out;
  for (const auto& ear : ears_) out.push_back(local_port(ear->fd()));
  return out;
}

void Channel::on_timer() noexcept {
  announce();
  if (options_.resolver && !names_.empty() && loop_.now() >= next_resolve_) resolve_peers();
  const auto interval = std::max<Duration>(conf_.interval, 10ms);
  // A tenth of jitter: nodes that were started together don't send together for ever.
  loop_.wheel().arm(*this, loop_.now() + interval * (950 + random_.below(100)) / 1000);
}

void Channel::announce() {
  const auto now = Clock::now();
  const auto wall = WallClock::now();
  const auto host = host_.read(now);
  load_hwm_ = high_water_mark(load_hwm_, host.load_milli);
  LoadRecord r;
  r.node = self_;
  r.contact = options_.contact;
  r.cpu_idle_permille = host.cpu_idle_permille;
  r.load_milli = host.load_milli;
  r.load_hwm = load_hwm_;
  r.ncpu = host.ncpu;
  r.memory_total = host.memory_total;
  r.memory_available = host.memory_available;
  r.connections = host.connections;
  r.speed = start_up_speed();
  r.interval_ms = static_cast<std::uint32_t>(std::clamp<std::int64_t>(conf_.interval.count(), 1, 3'600'000));
  r.version = base::kVersion;
  for (const auto& what : conf_.serves) r.serves += (r.serves.empty() ? "" : ",") + what;
  if (cluster_) cluster_->describe_self(r);
  if (options_.fill) options_.fill(r);

  boot_ = next_boot(boot_, wall);
  r.boot = boot_;
  r.counter = ++counter_;
  const auto sent_ms = std::chrono::duration_cast<std::chrono::milliseconds>(wall.time_since_epoch()).count();
  const auto payload = encode_load(r);
  const auto datagram = seal({Kind::load, boot_, counter_, sent_ms, self_, payload}, keys_[0]);
  for (const auto& to : fixed_) send(to, datagram);
  for (const auto& [name, list] : found_) {
    for (const auto& to : list) send(to, datagram);
  }
  if (cluster_) cluster_->heard(r, {}, true, now);
}

void Channel::send(const base::Endpoint& to, std::string_view datagram) {
  const auto& fd = to.ip.is_v4() ? sender4_ : sender6_;
  // A peer that is not there answers with ICMP, which the next send reports as ECONNREFUSED on some systems.
  if (fd && send_datagram(fd.get(), to, datagram)) {
    ++sent_;
    sent_metric_.add();
    return;
  }
  const int error = fd ? errno : EAFNOSUPPORT;
  failed_metric_.add();
  ++send_complaint_.since_last;
  const auto now = loop_.now();
  if (send_complaint_.last != Time{} && now - send_complaint_.last < kComplainEvery) return;
  telemetry_.log.warning("cannot announce to the cluster",
                         {{"to", to.text()},
                          {"error", Error(error, boost::system::system_category()).message()},
                          {"failed", send_complaint_.since_last}});
  send_complaint_ = {now, 0};
}

void Channel::on_datagram(std::string_view bytes, const base::Endpoint& from) {
  Envelope envelope;
  const auto refusal = take(bytes, from, envelope);
  ++counts_[static_cast<std::size_t>(refusal)];
  metrics_[static_cast<std::size_t>(refusal)]->add();
  if (!is_normal(refusal)) complain(refusal, envelope, from);
}

Refusal Channel::take(std::string_view bytes, const base::Endpoint& from, Envelope& envelope) {
  if (const auto refusal = open_envelope(bytes, keys_, envelope); refusal != Refusal::none) return refusal;
  if (envelope.name == self_) return envelope.boot == boot_ ? Refusal::own : Refusal::same_name;
  if (!cluster_) return Refusal::none;
  const auto now = Clock::now();
  if (const auto refusal = cluster_->admit(envelope, WallClock::now(), now); refusal != Refusal::none) return refusal;
  if (envelope.kind != Kind::load) return Refusal::kind;
  LoadRecord record;
  if (const auto refusal = decode_load(envelope, record); refusal != Refusal::none) return refusal;
  cluster_->heard(record, from, false, now);
  return Refusal::none;
}

void Channel::complain(Refusal refusal, const Envelope& envelope, const base::Endpoint& from) {
  auto& complaint = complaints_[static_cast<std::size_t>(refusal)];
  ++complaint.since_last;
  const auto now = loop_.now();
  if (complaint.last != Time{} && now - complaint.last < kComplainEvery) return;
  // Before the MAC is checked the name is anybody's text: it is shown only when it was authenticated.
  const bool genuine = refusal == Refusal::clock || refusal == Refusal::old_boot || refusal == Refusal::replayed ||
                       refusal == Refusal::same_name || refusal == Refusal::malformed || refusal == Refusal::full;
  telemetry_.log.warning("announcement refused", {{"reason", name_of(refusal)},
                                                  {"why", advice(refusal)},
                                                  {"from", from.text()},
                                                  {"node", genuine ? envelope.name : std::string_view("?")},
                                                  {"count", complaint.since_last}});
  complaint = {now, 0};
}

void Channel::resolve_peers() {
  next_resolve_ = loop_.now() + kResolveEvery;
  for (const auto& name : names_) net::spawn(loop_, resolve_peer(alive_, name));
}

net::Task<void> Channel::resolve_peer(std::shared_ptr<Channel*> self, std::string peer) {
  auto found = co_await net::resolve_endpoint(*(*self)->options_.resolver, peer);
  if (!*self) co_return;
  auto& channel = **self;
  if (found) {
    channel.found_[peer] = std::move(*found);
    channel.unresolved_.erase(peer);
    co_return;
  }
  // The old addresses stay in use: better than silence when name servers have a bad day.
  if (!channel.unresolved_.insert(peer).second) co_return;
  channel.telemetry_.log.warning("peer's name does not resolve", {{"peer", peer}, {"error", found.error().message()}});
}

void Channel::Ear::watch() {
  if (!channel_.loop_.watch(fd_.get(), *this)) {
    channel_.telemetry_.log.error("cannot watch the cluster socket", {{"errno", errno}});
  }
}

void Channel::Ear::unwatch() { channel_.loop_.unwatch(fd_.get(), *this); }

void Channel::Ear::on_ready(std::uint32_t events) noexcept {
  std::array<char, kMaxDatagram + 1> buffer;  // one more: a longer datagram is seen to be too long
  base::Endpoint from;
  for (int i = 0; i < kBurst; ++i) {
    const auto n = receive_datagram(fd_.get(), buffer.data(), buffer.size(), from);
    if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) return;
    if (n >= 0) channel_.on_datagram({buffer.data(), static_cast<std::size_t>(n)}, from);
  }
  // Edge-triggered: nobody tells us again about what is left, so we come back after the others had a turn.
  channel_.loop_.post([this, events, alive = channel_.alive_] {
    if (*alive) on_ready(events);
  });
}

Result<std::unique_ptr<Channel>> open_agent(net::Loop& loop, base::Telemetry& telemetry, const conf::Conf& conf,
                                            ChannelOptions options, std::string& why) {
  if (conf.cluster.multicast.empty() && conf.cluster.peers.empty()) {
    why = "an agent needs [cluster] multicast or peers: there is nobody to announce to";
    return Errc::malformed;
  }
  options.hear = false;
  return Channel::open(loop, nullptr, telemetry, conf, std::move(options), why);
}

}  // namespace genkan::cluster
