// Errors as values. Result<T> holds a T or an Error; an Error is a boost::system::error_code, so that errors of the
// operating system and of libraries pass through unchanged and ours sit beside them.
#pragma once

#include <boost/system/error_code.hpp>
#include <boost/system/result.hpp>

#include <string>
#include <type_traits>

namespace genkan {

using Error = boost::system::error_code;

template <class T = void>
using Result = boost::system::result<T>;

// What can go wrong that no errno says. Each room maps these to its protocol in one place.
enum class Errc {
  end_of_stream = 1,  // the peer closed its side where more was expected
  timed_out,          // a deadline passed
  cancelled,          // we gave the operation up (shutdown, client gone)
  too_large,          // a limit on size or count was reached
  malformed,          // bytes that break the grammar of the protocol
  unsupported,        // well-formed, but not something we do
  not_found,          // no such name, route, record, mailbox
  refused,            // policy or the peer said no
  exhausted,          // a pool, table, quota or disk is full
  unavailable,        // nobody is there to serve this now
  tls_failed,         // handshake or record layer failed
  corrupt,            // stored data fails its checks
  conflict,           // state changed under us
};

const boost::system::error_category& genkan_category() noexcept;
inline Error make_error_code(Errc e) noexcept { return {static_cast<int>(e), genkan_category()}; }

}  // namespace genkan

template <>
struct boost::system::is_error_code_enum<genkan::Errc> : std::true_type {};
