// Local delivery: what the relay calls for a recipient in a local domain, and where an account's files are.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>

#include "base/result.hpp"
#include "conf/conf.hpp"
#include "smtp/delivery/local.hpp"
#include "webmail/maildir/maildir.hpp"
#include "webmail/sieve/memory.hpp"
#include "webmail/sieve/run.hpp"
#include "webmail/users/users.hpp"

namespace genkan::webmail {

// STATE/mail/DOMAIN/LOCAL. `address` as normal_address() returns it.
std::string maildir_path(const std::string& state_dir, std::string_view address);
// STATE/webmail/ACCOUNT.db
std::string index_path(const std::string& state_dir, const User& user);

// Thread-safe. Blocks on the disk (two fsyncs a message): call it from a pool, not from a worker.
class Delivery {
 public:
  Delivery(Users& users, std::string state_dir) : users_(users), state_dir_(std::move(state_dir)) {}

  // For RCPT. An error is temporary (4xx).
  Result<bool> exists(std::string_view address) { return users_.exists(address); }

  // What one mailbox may hold, all its folders together; 0: no limit. Any thread.
  void set_quota(std::uint64_t octets) { quota_.store(octets, std::memory_order_relaxed); }
  // How users' scripts are run; before this is called none is. Any thread.
  void set_sieve(const conf::SmtpSieve& rules);
  // For RCPT: whether not even one octet fits any more.
  Result<bool> full(std::string_view address);

  // Into the inbox. The message is on the disk when it returns. Errc::not_found: no such user (5xx). Errc::exhausted:
  // over quota. Everything else is temporary: a Maildir that can't be written (EACCES), a full disk (ENOSPC, EDQUOT).
  Result<> deliver(std::string_view address, const Source& source);

  // Where the user's script wants it; the same errors. See smtp/delivery/local.hpp for the two calls it may take. What
  // can't be done as the script wants it ends in the inbox: mail is never lost by a script.
  Result<> deliver(const smtp::LocalMessage& message, smtp::LocalPlan& plan);

  // Called after each delivery with the account's address, on the delivering thread. Set before the first delivery.
  void on_delivered(std::function<void(const User&)> f) { on_delivered_ = std::move(f); }

 private:
  // One message for one user, while it is decided and carried out (delivery_sorted.cpp).
  struct Sorted;
  Result<bool> has_room(const Maildir& maildir, std::uint64_t octets) const;
  std::shared_ptr<const conf::SmtpSieve> sieve() const;
  Result<sieve::Memory*> memory();
  void decide(Sorted& sorted);
  bool ask_to_redirect(Sorted& sorted);
  Result<> store(Sorted& sorted);
  Result<> store_in(Sorted& sorted, const sieve::Store& where);
  void remember_redirects(Sorted& sorted);
  void answer(Sorted& sorted);

  Users& users_;
  std::string state_dir_;
  std::function<void(const User&)> on_delivered_;
  std::atomic<std::uint64_t> quota_{0};
  mutable std::mutex mutex_;  // guards what follows; held to copy or open
  std::shared_ptr<const conf::SmtpSieve> sieve_;
  std::unique_ptr<sieve::Memory> memory_;  // opened when it is needed first
};

}  // namespace genkan::webmail
