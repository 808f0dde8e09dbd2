#include "net/quiet.hpp"

#include "net/transport.hpp"

namespace genkan::net {

bool Quiet::suits(const Transport& transport) noexcept {
  return transport.splices() && transport.read_would_block() && !transport.peer_closed() && !transport.peer().is_unix();
}

// The system looks at the descriptor anew when it is handed over: nothing that came in between is missed.
Quiet::Quiet(Transport& transport, Time deadline) noexcept
    : loop_(transport.loop()), address_(transport.peer().ip), port_(transport.peer().port) {
  fd_ = transport.hand_over(*this);
  loop_.wheel().arm(*this, deadline);
}

Quiet::~Quiet() {
  if (fd_) loop_.unwatch(fd_.get(), *this);
}

std::unique_ptr<Transport> Quiet::wake() {
  loop_.wheel().cancel(*this);
  Pollable& self = *this;
  return std::make_unique<Transport>(loop_, std::move(fd_), base::Endpoint{address_, port_, {}}, self, events_);
}

void Quiet::on_ready(std::uint32_t events) noexcept {
  events_ = static_cast<std::uint16_t>(events);
  on_wake();
}

}  // namespace genkan::net
