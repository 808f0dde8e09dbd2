// room: acme
// Any octets as the answers of a CA: "STATUS TYPE LOCATION NONCE RETRY-AFTER" line, body, "---" line, the next answer.
// They drive an order to an end in a bounded number of requests; nothing but HTTPS URLs is asked, and what people are
// told is one short printable line. The same octets as a chain, and as the state on the disk.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <vector>

#include "acme/exchange.hpp"
#include "acme/store.hpp"
#include "base/crypto_certificate.hpp"
#include "base/text.hpp"

using namespace genkan;
using namespace genkan::acme;

namespace {

void require(bool condition) {
  if (!condition) std::abort();
}

Answer answer_of(std::string_view text) {
  Answer answer;
  const auto end = text.find('\n');
  auto words = base::split(text.substr(0, end), ' ');
  words.resize(5);
  const auto status = base::parse_uint(words[0]);
  answer.status = status && *status < 1000 ? static_cast<int>(*status) : 200;
  answer.content_type = words[1] == "j"   ? "application/json"
                        : words[1] == "p" ? "application/problem+json"
                        : words[1] == "c" ? "application/pem-certificate-chain"
                                          : std::string(words[1]);
  answer.location = words[2];
  answer.nonce = words[3];
  answer.retry_after = words[4];
  if (end != std::string_view::npos) answer.body = text.substr(end + 1);
  return answer;
}

void check_line(const std::string& text) {
  require(text.size() < 4000);
  for (const char c : text) require(static_cast<unsigned char>(c) >= 0x20 && c != 0x7f);
}

void play(std::string_view in, const std::string& challenge, const std::string& account) {
  Wanted wanted;
  wanted.directory = "https://ca.example/dir";
  wanted.names = {"a.example", "b.example"};
  wanted.challenge = challenge;
  wanted.account = account;
  Exchange exchange(wanted);
  Action action = exchange.begin();
  const WallTime now(std::chrono::seconds(1'700'000'000));
  Answer last;
  for (int i = 0; i < 20'000; ++i) {
    if (const auto* failure = std::get_if<Failure>(&action)) {
      check_line(failure->what);
      check_line(failure->advice);
      require(failure->wait >= Duration::zero() && failure->wait <= std::chrono::hours(24 * 7));
      return;
    }
    if (std::holds_alternative<Done>(action)) return;
    if (const auto* send = std::get_if<Send>(&action)) {
      require(Url::parse(send->url).has_value());
      require(send->nonce.find_first_of(" \r\n\"") == std::string::npos || !send->nonce.empty());
      if (!in.empty()) {
        const auto end = in.find("\n---\n");
        last = answer_of(in.substr(0, end));
        in = end == std::string_view::npos ? std::string_view() : in.substr(end + 5);
      }  // then the same answer for ever: it must end too
      action = exchange.answered(last, now);
    } else if (const auto* pause = std::get_if<Pause>(&action)) {
      require(pause->length >= Duration::zero());
      action = exchange.waited();
    } else if (const auto* prove = std::get_if<Prove>(&action)) {
      require(prove->name == "a.example" || prove->name == "b.example");
      require(prove->type == challenge && is_token(prove->token));
      action = exchange.proved();
    } else {
      action = exchange.requested("csr");
    }
  }
  std::abort();  // it did not end
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view in(reinterpret_cast<const char*>(data), size);
  play(in, "http-01", "");
  play(in, "tls-alpn-01", "https://ca.example/acct/1");
  std::string why;
  if (const auto chain = base::read_chain(in, 10, why)) {
    require(chain->find("PRIVATE") == std::string::npos);
    require(base::read_chain(*chain, 10, why).value() == *chain);
  }
  const State state = read_state(in);
  const State again = read_state(write_state(state));
  require(again.account == state.account && again.records.size() == state.records.size());
  return 0;
}
