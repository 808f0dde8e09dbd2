// The pure parts of an active health check: what is asked, and what counts as an answer.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/clock.hpp"
#include "cluster/choice.hpp"
#include "conf/conf.hpp"

namespace genkan::cluster {

// "200-399", "200,204,301-302".
class Expect {
 public:
  static std::optional<Expect> parse(std::string_view text);
  bool contains(unsigned status) const noexcept;

 private:
  std::vector<std::pair<unsigned, unsigned>> ranges_;
};

// From one check to the next: `interval`, more or less by up to `jitter` percent.
Duration next_check_in(const conf::Health& health, Random& random) noexcept;

// One GET that asks to close the connection (RFC 9112, section 3). `address` is the default of the Host field.
std::string check_request(const conf::Health& health, std::string_view address);

// The status of a response that begins with `head` (RFC 9112, section 4): a number, nothing while the line is not
// complete, or -1 when this is no HTTP/1 response.
std::optional<int> status_of(std::string_view head) noexcept;
constexpr std::size_t kMaxStatusLine = 1024;

// The content of a response of HTTP/1 that was read to its end, or to `limit` bytes: what follows the head, with the
// chunked coding taken off. Empty: there is no whole head.
std::string content_of(std::string_view response, std::size_t limit);
constexpr std::size_t kMaxContent = 64 * 1024;

// gRPC (grpc.health.v1.Health/Check): the request's one message, length-prefixed, and what an answer's says.
std::string grpc_question(std::string_view service);
enum class Serving : std::uint8_t { unknown, serving, not_serving, service_unknown, malformed };
Serving grpc_answer(std::string_view content) noexcept;
std::string_view name_of(Serving serving) noexcept;

}  // namespace genkan::cluster
