// Quiet: what is left of a plain connection that may say nothing for long: its descriptor, its peer and a deadline, a
// third of what a Transport is. A Transport becomes one, and it becomes a Transport again when there is something to
// read.
//
//   class Mine final : Quiet { on_wake: transport = wake(); ... }
#pragma once

#include <memory>

#include "base/address.hpp"
#include "base/fd.hpp"
#include "net/loop.hpp"

namespace genkan::net {

class Transport;

class Quiet : private Pollable, private Timer {
 public:
  // Plain, nothing that was read too far, and a peer with an IP address.
  static bool suits(const Transport& transport) noexcept;
  // Takes over what `transport` held: nothing may be outstanding there, and all it is good for is to be destroyed.
  Quiet(Transport& transport, Time deadline) noexcept;
  Quiet(const Quiet&) = delete;

 protected:
  ~Quiet() override;  // closes what was not woken
  // Once, on the loop, both; may destroy this. Something to read, or the end, is here.
  virtual void on_wake() noexcept = 0;
  virtual void on_late() noexcept = 0;  // the deadline has passed

  std::unique_ptr<Transport> wake();  // once; as one that was just accepted
  void deadline(Time time) noexcept { loop_.wheel().arm(*this, time); }
  Loop& loop() const noexcept { return loop_; }
  const base::IpAddress& address() const noexcept { return address_; }

 private:
  void on_ready(std::uint32_t events) noexcept override;
  void on_timer() noexcept override { on_late(); }

  Loop& loop_;
  base::IpAddress address_;
  base::UniqueFd fd_;
  std::uint16_t port_;
  std::uint16_t events_ = 0;  // what woke it
};

}  // namespace genkan::net
