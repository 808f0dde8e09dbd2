#include "vip/router.hpp"

#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <utility>
#include <vector>

#include "vip/health.hpp"

namespace genkan::vip {
namespace {

using namespace std::chrono_literals;

constexpr int kAnnouncements = 5;    // gratuitous ARP frames at a time
constexpr int kPacketsAtATime = 64;  // then the other routers have their turn
constexpr Duration kRetry = 1s;      // an interface that is not there, or a socket that can't be opened

base::IpAddress group() noexcept { return base::IpAddress::v4(kVrrpGroup); }

}  // namespace

Router::Router(RouterOptions options, bool want_tun, Netlink& netlink, Reporter reporter)
    : options_(std::move(options)),
      want_tun_(want_tun),
      reporter_(std::move(reporter)),
      holder_(netlink, options_.address, options_.prefix),
      form_(options_.checksum.value_or(ChecksumForm::pseudo_header)) {
  rules_.priority = options_.priority;
  rules_.interval = options_.interval;
  rules_.preempt = options_.preempt;
  rules_.probe = options_.probe;
  machine_.priority = options_.priority;
  machine_.active_interval = options_.interval;
  machine_.active_peer = base::IpAddress::any_v4();
}

void Router::set_level(int level, Time now) {
  apply(SetPriority{scaled_priority(options_.priority, level)}, now);
  if (started_) return;
  started_ = true;
  look_at_link(now);
}

void Router::stop(Time now) {
  stopping_ = true;
  apply(Stop{}, now);
}

void Router::abort(Time now) {
  stopping_ = true;
  apply(Abort{}, now);
}

void Router::look_at_link(Time now) {
  if (!started_ || stopping_) return;
  retry_.reset();
  const auto facts = read_link(options_.interface);
  const bool usable = facts && facts->running && facts->primary != base::IpAddress::any_v4();
  const bool changed = usable && (facts->index != facts_.index || facts->primary != facts_.primary);
  if (vrrp_ && (!usable || changed)) close_link(now);
  if (!usable) {
    complain("interface " + options_.interface + ": " +
             (!facts           ? facts.error().message()
              : facts->running ? "has no IPv4 address"
                               : "is down"));
  } else if (!vrrp_) {
    open(*facts);
    if (vrrp_) apply(Start{}, now);
  }
  if (!vrrp_) retry_ = now + kRetry;
}

void Router::open(const LinkFacts& facts) {
  if (facts.primary == options_.address && !rules_.owner()) {
    return complain(options_.address.text() + " is the first address of " + options_.interface +
                    ": its owner must have priority 255, or it must be removed");
  }
  auto vrrp = open_vrrp(options_.interface, facts);
  auto arp = open_arp(facts);
  if (!vrrp || !arp) {
    return complain("raw sockets on " + options_.interface + ": " + (vrrp ? arp.error() : vrrp.error()).message());
  }
  facts_ = facts;
  rules_.self = facts.primary;
  std::string why;
  holder_.prepare(options_.interface, facts, want_tun_ && !rules_.owner(), why);
  if (!why.empty() && !rules_.owner()) {
    reporter_.note(base::Level::notice, "the address is held on " + options_.interface + " itself (" + why +
                                            "): a killed guardian leaves it behind");
  }
  if (!rules_.owner()) static_cast<void>(holder_.remove_leftover());
  vrrp_ = std::move(*vrrp);
  arp_ = std::move(*arp);
  last_complaint_.clear();
}

void Router::close_link(Time now) {
  apply(LinkDown{}, now);
  vrrp_.reset();
  arp_.reset();
  facts_ = {};
}

void Router::complain(std::string text) {
  if (text == last_complaint_) return;
  reporter_.note(base::Level::error, text);
  last_complaint_ = std::move(text);
}

void Router::tick(Time now) {
  if (retry_ && *retry_ <= now) look_at_link(now);
  if (const auto at = next_due(machine_); at && *at <= now) apply(Tick{}, now);
}

std::optional<Time> Router::due() const noexcept {
  auto first = next_due(machine_);
  if (retry_ && (!first || *retry_ < *first)) first = retry_;
  return first;
}

void Router::apply(const Event& event, Time now) {
  const auto result = step(rules_, machine_, event, now);
  if (result.transition) reporter_.moved(*result.transition);
  if (std::ranges::all_of(result.actions, [this](const Action& action) { return carry_out(action); })) return;
  // An Active without the address would only keep the others from taking it.
  close_link(now);
  retry_ = now + kRetry;
}

// False when the rest makes no sense.
bool Router::carry_out(const Action& action) {
  switch (action.what) {
    case Do::add_address: {
      auto r = holder_.add();
      if (!r) complain("can't add " + options_.address.text() + ": " + r.error().message());
      return static_cast<bool>(r);
    }
    case Do::remove_address:
      if (rules_.owner()) return true;  // it was there before us
      if (auto r = holder_.remove(); !r) {
        complain("can't remove " + options_.address.text() + ": " + r.error().message());
      }
      return true;
    case Do::send_advert:
      send_advert(action.priority);
      return true;
    case Do::announce:
      announce();
      return true;
    case Do::ask:
      if (arp_ && !send_arp_question(arp_.get(), facts_, machine_.suspicion.peer())) ++counters_.send_errors;
      return true;
  }
  return true;
}

void Router::send_advert(std::uint8_t priority) {
  if (!vrrp_) return;
  const Advert advert{3, options_.vrid, priority, options_.interval, {options_.address}};
  const auto send = [&](const base::IpAddress& to) {
    const auto message = encode(advert, form_, facts_.primary, to);
    if (auto r = send_vrrp(vrrp_.get(), facts_, to, message); r)
      ++counters_.sent;
    else
      ++counters_.send_errors;
  };
  if (options_.peers.empty()) return send(group());
  for (const auto& peer : options_.peers) {
    if (peer != facts_.primary) send(peer);
  }
}

void Router::announce() {
  for (int i = 0; arp_ && i < kAnnouncements; ++i) {
    if (!send_gratuitous_arp(arp_.get(), facts_, options_.address)) ++counters_.send_errors;
  }
}

Drop Router::examine(const Datagram& datagram, Advert& advert, ChecksumForm& form) const {
  if (const auto drop = decode(datagram, 3, advert, form); drop != Drop::none) return drop;
  // A yielding owner listens again: it waits to hear the one that takes over.
  const bool owns = rules_.owner() && machine_.state == State::active;
  if (const auto drop = check(advert, {options_.vrid, owns, options_.interval, {&options_.address, 1}});
      drop != Drop::none) {
    return drop;
  }
  if (!options_.peers.empty() && std::ranges::find(options_.peers, datagram.source) == options_.peers.end()) {
    return Drop::peer;
  }
  return Drop::none;
}

void Router::receive_vrrp(Time now) {
  std::array<std::uint8_t, 2048> buffer;  // 255 IPv4 addresses need 1,048 bytes and an IP header
  for (int i = 0; i < kPacketsAtATime && vrrp_; ++i) {
    const auto got = ::recv(vrrp_.get(), buffer.data(), buffer.size(), MSG_DONTWAIT);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return;  // nothing left; a socket error such as ENETDOWN is news of links, too
    Datagram datagram;
    Advert advert;
    auto form = ChecksumForm::pseudo_header;
    auto drop = parse_ipv4(std::span(buffer.data(), static_cast<std::size_t>(got)), datagram);
    if (drop == Drop::none && datagram.source == facts_.primary) continue;  // our own, by a hub or a bridge
    if (drop == Drop::none) drop = examine(datagram, advert, form);
    if (drop != Drop::none) {
      ++counters_.dropped[static_cast<std::size_t>(drop)];
      continue;
    }
    ++counters_.received;
    if (!options_.checksum) form_ = form;
    apply(Heard{advert.priority, advert.interval, datagram.source}, now);
  }
}

void Router::receive_arp(Time now) {
  std::array<std::uint8_t, 64> buffer;
  for (int i = 0; i < kPacketsAtATime && arp_; ++i) {
    const auto got = ::recv(arp_.get(), buffer.data(), buffer.size(), MSG_DONTWAIT);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return;
    const auto who = read_arp_reply({buffer.data(), static_cast<std::size_t>(got)}, facts_.primary);
    if (who) apply(Answered{*who}, now);
  }
}

RouterMessage Router::report(std::uint16_t index) const noexcept {
  RouterMessage out = counters_;
  out.index = index;
  out.state = machine_.state;
  out.priority = machine_.priority;
  out.on_tun = holder_.on_tun() ? 1 : 0;
  out.usable = vrrp_ ? 1 : 0;
  out.checksum = form_;
  out.active_priority = machine_.active_priority;
  out.active_interval = machine_.active_interval;
  out.active_peer = machine_.active_peer.bytes;
  return out;
}

}  // namespace genkan::vip
