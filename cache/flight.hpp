// Collapsed forwarding (RFC 9211 calls it so): of several requests that miss the same response, one goes to the origin
// and the others wait for what it brings. State of one worker, on its thread; nothing here is locked.
//
// A flight ends in one of three ways: landed (the response is stored and handed to all), refused (it may not be shared;
// the URL is marked, so that for a while nobody waits for it), lost (the leader broke off: one of those who waited
// leads next). Nobody waits longer than kPatience.
#pragma once

#include <array>
#include <coroutine>
#include <memory>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/clock.hpp"
#include "cache/object.hpp"
#include "net/loop.hpp"

namespace genkan::cache {

class Flights;
class FlightWait;

class Flight {
 public:
  enum class End { open, landed, refused, lost };

  Flight(std::string key, Time started) : key_(std::move(key)), started_(started) {}
  Time started() const noexcept { return started_; }
  End end() const noexcept { return end_; }
  const ObjectPtr& object() const noexcept { return object_; }  // after landing

 private:
  friend class Flights;
  friend class FlightWait;
  std::string key_;
  Time started_;
  End end_ = End::open;
  ObjectPtr object_;
  std::vector<FlightWait*> waiting_;
};
using FlightPtr = std::shared_ptr<Flight>;

// co_await: true when the flight ended, false when patience did.
class FlightWait final : private net::Timer {
 public:
  FlightWait(net::Loop& loop, FlightPtr flight, Duration patience)
      : loop_(loop), flight_(std::move(flight)), patience_(patience) {}
  bool await_ready() const noexcept { return flight_->end_ != Flight::End::open; }
  void await_suspend(std::coroutine_handle<> h);
  bool await_resume() const noexcept { return flight_->end_ != Flight::End::open; }

 private:
  friend class Flights;
  void on_timer() noexcept override;
  void wake() noexcept;

  net::Loop& loop_;
  FlightPtr flight_;
  Duration patience_;
  std::coroutine_handle<> waiter_;
};

// Leads a flight; its end without a word means that the flight is lost.
class Lead {
 public:
  Lead() = default;
  Lead(Flights& flights, FlightPtr flight) : flights_(&flights), flight_(std::move(flight)) {}
  Lead(Lead&& other) noexcept : flights_(other.flights_), flight_(std::move(other.flight_)) {}
  Lead& operator=(Lead&& other) noexcept {
    finish(Flight::End::lost, nullptr);
    flights_ = other.flights_;
    flight_ = std::move(other.flight_);
    return *this;
  }
  ~Lead() { finish(Flight::End::lost, nullptr); }

  void land(ObjectPtr object) { finish(Flight::End::landed, std::move(object)); }
  void refuse() { finish(Flight::End::refused, nullptr); }
  explicit operator bool() const noexcept { return flight_ != nullptr; }

 private:
  void finish(Flight::End end, ObjectPtr object);
  Flights* flights_ = nullptr;
  FlightPtr flight_;
};

class Flights {
 public:
  static constexpr Duration kPatience = std::chrono::seconds(5);
  static constexpr Duration kMarked = std::chrono::seconds(60);

  // The flight under way for this key, or null.
  FlightPtr under_way(const std::string& key) const;
  Lead lead(const std::string& key, Time now);

  // A hint that responses of this key may not be shared. A fixed table: a collision costs one collapsed request.
  void mark(const std::string& key, Time now);
  bool marked(const std::string& key, Time now) const;

  std::size_t size() const noexcept { return open_.size(); }

 private:
  friend class Lead;
  void finish(const FlightPtr& flight, Flight::End end, ObjectPtr object);

  std::unordered_map<std::string, FlightPtr> open_;
  struct Mark {
    std::size_t hash = 0;
    Time until{};
  };
  std::array<Mark, 1024> marks_{};
};

}  // namespace genkan::cache
