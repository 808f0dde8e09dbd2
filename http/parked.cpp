#include "http/parked.hpp"

#include <utility>

#include "net/quiet.hpp"
#include "net/slab.hpp"

namespace genkan::http {
namespace {

// Each owns itself until it goes on or ends. T: they lie close together, each kind in runs of its own.
template <class T>
class Parked : public Session {
 public:
  static void* operator new(std::size_t) { return slab().take(); }
  static void operator delete(void* at) noexcept { slab().give(at); }

 protected:
  Parked(Server& server, std::shared_ptr<const Entrance> entrance, bool counted, std::uint64_t served)
      : server_(server), entrance_(std::move(entrance)), served_(served), counted_(counted) {
    server_.enter(*this);
  }
  ~Parked() override { server_.leave(*this); }

  void go_on(std::unique_ptr<net::Transport> transport) {
    auto entrance = std::move(entrance_);
    Server& server = server_;
    const bool counted = counted_;
    const std::uint64_t served = served_;
    delete static_cast<T*>(this);
    server.go_on(std::move(transport), std::move(entrance), counted, served);
  }

  Server& server_;
  std::shared_ptr<const Entrance> entrance_;
  std::uint64_t served_ : 63;
  std::uint64_t counted_ : 1;

 private:
  static net::Slab& slab() {
    static_assert(alignof(T) <= 8);
    static net::Slab all(sizeof(T));
    return all;
  }
};

class ParkedPlain final : public Parked<ParkedPlain>, private net::Quiet {
 public:
  ParkedPlain(Server& server, net::Transport& transport, std::shared_ptr<const Entrance> entrance, bool counted,
              std::uint64_t served)
      : Parked(server, std::move(entrance), counted, served), Quiet(transport, transport.read_deadline()) {}

  void drain() noexcept override { deadline(loop().now() + server_.drain_grace()); }
  void cancel() noexcept override { end(); }

 private:
  friend class Parked<ParkedPlain>;
  ~ParkedPlain() override = default;
  void on_wake() noexcept override { go_on(wake()); }
  void on_late() noexcept override { end(); }
  void end() noexcept {
    Server& server = server_;
    const base::IpAddress peer = address();
    const bool counted = counted_;
    delete this;
    server.ended(peer, counted);
  }
};

class ParkedWhole final : public Parked<ParkedWhole>, private net::Transport::SleepListener {
 public:
  ParkedWhole(Server& server, std::unique_ptr<net::Transport> transport, std::shared_ptr<const Entrance> entrance,
              bool counted, std::uint64_t served)
      : Parked(server, std::move(entrance), counted, served), transport_(std::move(transport)) {}

  void begin() {
    if (transport_->read_would_block()) {
      transport_->sleep(this);
    } else {
      go_on(std::move(transport_));
    }
  }
  void drain() noexcept override { transport_->read_deadline(transport_->loop().now() + server_.drain_grace()); }
  void cancel() noexcept override {
    transport_->cancel();
    end();
  }

 private:
  friend class Parked<ParkedWhole>;
  ~ParkedWhole() override = default;
  void on_wake() noexcept override {
    if (transport_->read_would_block()) {
      end();  // its time is over
    } else {
      go_on(std::move(transport_));
    }
  }
  void end() noexcept {
    auto transport = std::move(transport_);
    Server& server = server_;
    const bool counted = counted_;
    delete this;
    server.ended(*transport, counted);
  }

  std::unique_ptr<net::Transport> transport_;
};

}  // namespace

void park(Server& server, std::unique_ptr<net::Transport> transport, std::shared_ptr<const Entrance> entrance,
          bool counted, std::uint64_t served) {
  if (net::Quiet::suits(*transport)) {
    new ParkedPlain(server, *transport, std::move(entrance), counted, served);
  } else {
    (new ParkedWhole(server, std::move(transport), std::move(entrance), counted, served))->begin();
  }
}

}  // namespace genkan::http
