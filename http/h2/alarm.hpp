// A timer that calls a member function: for objects that watch over more than one deadline.
#pragma once

#include "net/wheel.hpp"

namespace genkan::http::h2 {

template <class T>
class Alarm final : public net::Timer {
 public:
  Alarm(T& owner, void (T::*call)() noexcept) : owner_(owner), call_(call) {}

 private:
  void on_timer() noexcept override { (owner_.*call_)(); }
  T& owner_;
  void (T::*call_)() noexcept;
};

}  // namespace genkan::http::h2
