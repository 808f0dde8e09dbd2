#include "http/parked.hpp"

#include <utility>

#include "net/slab.hpp"

namespace genkan::http {
namespace {

net::Slab& slab() {
  static_assert(alignof(Parked) <= 8);
  static net::Slab all(sizeof(Parked));
  return all;
}

}  // namespace

void* Parked::operator new(std::size_t) { return slab().take(); }
void Parked::operator delete(void* at) noexcept { slab().give(at); }

Parked::Parked(Server& server, std::unique_ptr<net::Transport> transport, std::shared_ptr<const Entrance> entrance,
               bool counted, std::uint64_t served)
    : server_(server),
      transport_(std::move(transport)),
      entrance_(std::move(entrance)),
      served_(served),
      counted_(counted) {
  server_.enter(*this);
}

Parked::~Parked() { server_.leave(*this); }

void Parked::park(Server& server, std::unique_ptr<net::Transport> transport, std::shared_ptr<const Entrance> entrance,
                  bool counted, std::uint64_t served) {
  auto* parked = new Parked(server, std::move(transport), std::move(entrance), counted, served);
  if (parked->transport_->read_would_block()) {
    parked->transport_->sleep(parked);
  } else {
    parked->go_on();
  }
}

void Parked::drain() noexcept { transport_->read_deadline(transport_->loop().now() + server_.drain_grace()); }

void Parked::cancel() noexcept {
  transport_->cancel();
  end();
}

void Parked::on_wake() noexcept {
  if (transport_->read_would_block()) {
    end();  // its time is over
  } else {
    go_on();
  }
}

void Parked::go_on() {
  auto transport = std::move(transport_);
  auto entrance = std::move(entrance_);
  Server& server = server_;
  const bool counted = counted_;
  const std::uint64_t served = served_;
  delete this;
  server.go_on(std::move(transport), std::move(entrance), counted, served);
}

void Parked::end() {
  auto transport = std::move(transport_);
  Server& server = server_;
  const bool counted = counted_;
  delete this;
  server.ended(*transport, counted);
}

}  // namespace genkan::http
