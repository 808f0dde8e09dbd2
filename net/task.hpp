// Task<T>: the one coroutine type. Lazy: the body starts when it is awaited, and runs inside await_ready to its first
// real suspension, so a child that completes at once costs a call and never a transfer. (Symmetric transfer on start
// overflows the stack without optimisation and under ASan when many children complete at once.)
//
// Correct only because one thread owns a loop: nothing can complete an operation between the child's suspension and the
// moment the parent has stored itself as its continuation. A Task never leaves its thread.
//
// Rules (g++ 12 destroys some temporaries twice): a coroutine is a named function that takes what it owns by value; one
// co_await a statement; no capturing lambda, braced temporary or ?: in an expression with co_await.
#pragma once

#include <coroutine>
#include <cstddef>
#include <cstdlib>
#include <exception>
#include <optional>
#include <type_traits>
#include <utility>

#include "net/frames.hpp"

namespace genkan::net {

namespace detail {

struct PromiseBase {
  std::coroutine_handle<> continuation;

  struct Final {
    bool await_ready() const noexcept { return false; }
    template <class P>
    std::coroutine_handle<> await_suspend(std::coroutine_handle<P> self) const noexcept {
      std::coroutine_handle<> next = self.promise().continuation;
      return next ? next : std::noop_coroutine();
    }
    void await_resume() const noexcept {}
  };

  std::suspend_always initial_suspend() const noexcept { return {}; }
  Final final_suspend() const noexcept { return {}; }
  [[noreturn]] void unhandled_exception() const noexcept { std::terminate(); }  // expected failure is a Result

  static void* operator new(std::size_t size) { return allocate_frame(size); }
  static void operator delete(void* frame, std::size_t size) noexcept { free_frame(frame, size); }
};

template <class T>
struct Promise : PromiseBase {
  std::optional<T> value;
  template <class U>
  void return_value(U&& v) {
    value.emplace(std::forward<U>(v));
  }
  T take() { return std::move(*value); }
};

template <>
struct Promise<void> : PromiseBase {
  void return_void() const noexcept {}
  void take() const noexcept {}
};

}  // namespace detail

template <class T = void>
class [[nodiscard]] Task {
 public:
  struct promise_type : detail::Promise<T> {
    Task get_return_object() { return Task(std::coroutine_handle<promise_type>::from_promise(*this)); }
  };

  Task(Task&& other) noexcept : frame_(std::exchange(other.frame_, nullptr)) {}
  Task& operator=(Task&& other) noexcept {
    if (this != &other) {
      destroy();
      frame_ = std::exchange(other.frame_, nullptr);
    }
    return *this;
  }
  ~Task() { destroy(); }

  bool await_ready() const {
    frame_.resume();
    return frame_.done();
  }
  void await_suspend(std::coroutine_handle<> parent) const noexcept { frame_.promise().continuation = parent; }
  T await_resume() const { return frame_.promise().take(); }

 private:
  explicit Task(std::coroutine_handle<promise_type> frame) noexcept : frame_(frame) {}
  void destroy() noexcept {
    if (frame_) frame_.destroy();
  }
  std::coroutine_handle<promise_type> frame_;
};

}  // namespace genkan::net
