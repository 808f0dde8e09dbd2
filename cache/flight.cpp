#include "cache/flight.hpp"

#include <algorithm>

namespace genkan::cache {

void FlightWait::await_suspend(std::coroutine_handle<> h) {
  waiter_ = h;
  flight_->waiting_.push_back(this);
  loop_.wheel().arm(*this, loop_.now() + patience_);
}

void FlightWait::on_timer() noexcept {
  std::erase(flight_->waiting_, this);
  loop_.defer(waiter_);
}

void FlightWait::wake() noexcept {
  loop_.wheel().cancel(*this);
  loop_.defer(waiter_);
}

void Lead::finish(Flight::End end, ObjectPtr object) {
  if (flight_) flights_->finish(std::exchange(flight_, nullptr), end, std::move(object));
}

FlightPtr Flights::under_way(const std::string& key) const {
  auto it = open_.find(key);
  return it == open_.end() ? nullptr : it->second;
}

Lead Flights::lead(const std::string& key, Time now) {
  auto flight = std::make_shared<Flight>(key, now);
  // A second leader for a key flies alone: nobody waits for it.
  open_.try_emplace(key, flight);
  return {*this, std::move(flight)};
}

void Flights::finish(const FlightPtr& flight, Flight::End end, ObjectPtr object) {
  flight->end_ = end;
  flight->object_ = std::move(object);
  if (auto it = open_.find(flight->key_); it != open_.end() && it->second == flight) open_.erase(it);
  for (auto* wait : std::exchange(flight->waiting_, {})) wait->wake();
}

void Flights::mark(const std::string& key, Time now) {
  auto hash = std::hash<std::string>{}(key);
  marks_[hash % marks_.size()] = {hash, now + kMarked};
}

bool Flights::marked(const std::string& key, Time now) const {
  auto hash = std::hash<std::string>{}(key);
  const auto& mark = marks_[hash % marks_.size()];
  return mark.hash == hash && mark.until > now;
}

}  // namespace genkan::cache
