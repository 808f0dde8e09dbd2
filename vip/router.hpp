// One virtual router at work: the state machine with its sockets, its address and its counters. It carries out what the
// machine decides and tells the machine what the network says. Single-threaded, in the guardian only.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "base/clock.hpp"
#include "base/log.hpp"
#include "vip/control.hpp"
#include "vip/holder.hpp"
#include "vip/link.hpp"
#include "vip/machine.hpp"
#include "vip/options.hpp"

namespace genkan::vip {

// Where a router reports to; both are quick and never fail.
struct Reporter {
  std::function<void(base::Level, std::string_view)> note;
  std::function<void(const Transition&)> moved;
};

class Router {
 public:
  Router(RouterOptions options, bool want_tun, Netlink& netlink, Reporter reporter);

  // Enters the game with the first call; later calls change the priority.
  void set_level(int level, Time now);
  void stop(Time now);
  void abort(Time now);

  void look_at_link(Time now);  // after news of links, and once a second while the interface is unusable
  void receive_vrrp(Time now);
  void receive_arp(Time now);
  void tick(Time now);

  // What to wait for; -1 while the interface is unusable.
  int vrrp_fd() const noexcept { return vrrp_.get(); }
  int arp_fd() const noexcept { return arp_.get(); }
  std::optional<Time> due() const noexcept;
  bool finished() const noexcept { return stopping_ && machine_.state == State::init && !holds_address(machine_); }
  RouterMessage report(std::uint16_t index) const noexcept;

 private:
  void apply(const Event& event, Time now);
  bool carry_out(const Action& action);
  void send_advert(std::uint8_t priority);
  void announce();
  void open(const LinkFacts& facts);
  void close_link(Time now);
  void complain(std::string text);
  Drop examine(const Datagram& datagram, Advert& advert, ChecksumForm& form) const;

  RouterOptions options_;
  bool want_tun_;
  Reporter reporter_;
  Rules rules_;
  Machine machine_;
  LinkFacts facts_;
  AddressHolder holder_;
  base::UniqueFd vrrp_;
  base::UniqueFd arp_;
  ChecksumForm form_;
  bool started_ = false;
  bool stopping_ = false;
  std::optional<Time> retry_;
  std::string last_complaint_;  // the same trouble is told once
  RouterMessage counters_;
};

}  // namespace genkan::vip
