// One question under way and those who wait for it; what came of it. Private to the resolver.
#pragma once

#include <algorithm>
#include <chrono>
#include <coroutine>
#include <iterator>
#include <memory>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "base/address.hpp"
#include "net/dns_message.hpp"
#include "net/loop.hpp"
#include "net/resolver.hpp"

namespace genkan::net::dns {

using std::chrono::seconds;
constexpr seconds kMinTtl{1}, kMaxTtl{3600}, kFailureTtl{5};

using Records =
    std::variant<std::vector<base::IpAddress>, std::vector<MxRecord>, std::vector<std::string>, std::vector<SrvRecord>>;

// Shared by all who asked while the question was under way, then by the cache.
struct Outcome {
  Error error;
  Records records;
  Time expires{};
  bool whole = true;  // every part was answered, if only by "there is none"
};
using OutcomePtr = std::shared_ptr<const Outcome>;

std::size_t weight(const Outcome& outcome);  // about how many bytes it holds

class Lookup final : private Timer {
 public:
  // Told when `deadline` passes without an answer; it must finish() the Lookup.
  struct Owner {
    virtual void on_late(Lookup& lookup) noexcept = 0;

   protected:
    ~Owner() = default;
  };

  // `parts`: how many answers make the whole: A and AAAA are two questions to a name server and one to us.
  Lookup(Loop& loop, Owner& owner, std::string key, int parts, Time deadline)
      : loop_(loop), owner_(owner), key_(std::move(key)), parts_(parts) {
    loop_.wheel().arm(*this, deadline);
  }

  const std::string& key() const noexcept { return key_; }
  bool done() const noexcept { return outcome_ != nullptr; }
  const Outcome& outcome() const noexcept { return *outcome_; }  // once it is done

  // True: that was the last part.
  template <class T>
  bool add(Result<DnsAnswer<T>> part) {
    if (part) {
      if (!std::holds_alternative<std::vector<T>>(records_)) records_ = std::vector<T>();
      auto& all = std::get<std::vector<T>>(records_);
      std::move(part->records.begin(), part->records.end(), std::back_inserter(all));
      ttl_ = std::min(ttl_, part->ttl);
    } else if (!error_ || error_ == Errc::not_found) {
      error_ = part.error();  // "nobody answered" outweighs "there is none"
    }
    return --parts_ == 0;
  }

  Outcome take(Time now);  // what the parts came to; one that failed does not spoil what another found
  void finish(OutcomePtr outcome);

  // To await until it is done. Whoever waits holds a shared_ptr to the Lookup.
  class Done {
   public:
    explicit Done(Lookup& lookup) : lookup_(&lookup) {}
    bool await_ready() const noexcept { return lookup_->done(); }
    void await_suspend(std::coroutine_handle<> h) { lookup_->waiters_.push_back(h); }
    void await_resume() const noexcept {}

   private:
    Lookup* lookup_;
  };

 private:
  void on_timer() noexcept override { owner_.on_late(*this); }

  Loop& loop_;
  Owner& owner_;
  const std::string key_;
  int parts_;
  Error error_;
  Records records_;
  seconds ttl_ = kMaxTtl;
  OutcomePtr outcome_;
  std::vector<std::coroutine_handle<>> waiters_;
};

}  // namespace genkan::net::dns
