// room: cluster
// The datagram that a stranger may send us, and the load record that a holder of the key may send us.
// A stranger's bytes stop at the MAC, so the input is also sealed with our key and opened again.
#include <cstdint>
#include <cstdlib>
#include <span>
#include <string_view>

#include "cluster/packet.hpp"
#include "cluster/stats.hpp"

using namespace genkan;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const cluster::Key key("fuzzing key, no secret");
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  cluster::Envelope envelope;
  cluster::open_envelope(input, {&key, 1}, envelope);

  if (size < 25) return 0;
  cluster::Envelope sent{cluster::Kind::load, 0, 0, 0, "node", input.substr(24)};
  for (int i = 0; i < 8; ++i) {
    sent.boot = sent.boot << 8 | data[i];
    sent.counter = sent.counter << 8 | data[8 + i];
    sent.sent_ms = static_cast<std::int64_t>(static_cast<std::uint64_t>(sent.sent_ms) << 8 | data[16 + i]);
  }
  const auto datagram = cluster::seal(sent, key);
  if (datagram.empty()) return 0;
  if (cluster::open_envelope(datagram, {&key, 1}, envelope) != cluster::Refusal::none) std::abort();
  cluster::Freshness state;
  const WallTime now(std::chrono::duration_cast<WallTime::duration>(std::chrono::milliseconds(1'800'000'000'000)));
  cluster::check_fresh(state, envelope, now);
  cluster::LoadRecord record;
  if (cluster::decode_load(envelope, record) != cluster::Refusal::none) return 0;
  // What was understood is written and understood again.
  const auto again = cluster::encode_load(record);
  envelope.payload = again;
  cluster::LoadRecord second;
  if (cluster::decode_load(envelope, second) != cluster::Refusal::none) std::abort();
  if (second.load_milli != record.load_milli || second.served != record.served || second.contact != record.contact ||
      second.load_hwm != record.load_hwm || second.draining != record.draining)
    std::abort();
  return 0;
}
