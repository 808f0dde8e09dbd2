// Blocking functions that return a Result, run on the offload pool: one Result comes back, the pool's own failure in
// it.
#pragma once

#include <utility>

#include "base/result.hpp"
#include "net/offload.hpp"
#include "net/task.hpp"

namespace genkan::smtp {

// A Result within the pool's Result. Its constructor takes two arguments, because what can be made from an error alone
// makes Result<Boxed> ambiguous.
template <class T>
struct Boxed {
  Boxed(std::in_place_t, Result<T> r) : result(std::move(r)) {}
  Result<T> result;
};

// `job` must return Result<T>. Errc::exhausted when the pool's queue is full.
template <class T, class F>
net::Task<Result<T>> offloaded(net::Offload& pool, net::Loop& loop, F job) {
  auto boxed = [inner = std::move(job)]() mutable { return Boxed<T>(std::in_place, inner()); };
  auto done = co_await pool.run(loop, std::move(boxed));
  if (!done) co_return Result<T>(boost::system::in_place_error, done.error());
  co_return std::move(done->result);
}

}  // namespace genkan::smtp
