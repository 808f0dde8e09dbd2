#include "cluster/packet.hpp"

#include <algorithm>
#include <cstring>

#include "base/crypto.hpp"

namespace genkan::cluster {

namespace {

constexpr std::size_t kHead = 33;  // up to and with the length of the name
constexpr std::uint8_t kVersion = 1;
// A boot id is drawn before the first datagram is sent; leave room for a clock that is read twice.
constexpr std::int64_t kBootSlackMs = 1000;

void put(std::string& out, std::uint64_t value, int bytes) {
  for (int shift = (bytes - 1) * 8; shift >= 0; shift -= 8) out.push_back(static_cast<char>(value >> shift));
}

std::uint64_t get(std::string_view bytes) noexcept {
  std::uint64_t value = 0;
  for (const char c : bytes) value = value << 8 | static_cast<std::uint8_t>(c);
  return value;
}

template <class Bytes>
std::string_view view(const Bytes& bytes) noexcept {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

}  // namespace

std::string_view name_of(Refusal refusal) noexcept {
  static constexpr std::array<std::string_view, kRefusals> kNames{
      "none",     "too_short", "too_long",  "foreign", "version",   "unknown_key", "bad_mac",   "bad_name", "clock",
      "old_boot", "replayed",  "duplicate", "own",     "same_name", "kind",        "malformed", "full"};
  return kNames[static_cast<std::size_t>(refusal)];
}

bool is_normal(Refusal refusal) noexcept {
  return refusal == Refusal::none || refusal == Refusal::duplicate || refusal == Refusal::own ||
         refusal == Refusal::kind;
}

Key::Key(std::string_view secret) {
  const auto id = base::sha256(std::string("genkan cluster key id\n").append(secret));
  id_ = static_cast<std::uint32_t>(get(view(id).substr(0, 4)));
  const auto derived = base::hmac_sha256(secret, "genkan cluster datagram 1");
  secret_.assign(view(derived));
}

std::array<std::uint8_t, kMacBytes> Key::mac(std::string_view bytes) const {
  const auto full = base::hmac_sha256(secret_, bytes);
  std::array<std::uint8_t, kMacBytes> out;
  std::copy_n(full.begin(), kMacBytes, out.begin());
  return out;
}

bool valid_node_name(std::string_view name) noexcept {
  if (name.empty() || name.size() > kMaxName) return false;
  return std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' || c == '_' ||
           c == '-';
  });
}

std::string seal(const Envelope& envelope, const Key& key) {
  if (!valid_node_name(envelope.name)) return {};
  if (kHead + envelope.name.size() + envelope.payload.size() + kMacBytes > kMaxDatagram) return {};
  std::string out = "GK";
  put(out, kVersion, 1);
  put(out, static_cast<std::uint8_t>(envelope.kind), 1);
  put(out, key.id(), 4);
  put(out, envelope.boot, 8);
  put(out, envelope.counter, 8);
  put(out, static_cast<std::uint64_t>(envelope.sent_ms), 8);
  put(out, envelope.name.size(), 1);
  out += envelope.name;
  out += envelope.payload;
  const auto mac = key.mac(out);
  out += view(mac);
  return out;
}

Refusal open_envelope(std::string_view datagram, std::span<const Key> keys, Envelope& out) {
  if (datagram.size() > kMaxDatagram) return Refusal::too_long;
  if (datagram.size() >= 2 && datagram.substr(0, 2) != "GK") return Refusal::foreign;
  if (datagram.size() < kHead + kMacBytes) return Refusal::too_short;
  if (static_cast<std::uint8_t>(datagram[2]) != kVersion) return Refusal::version;
  const auto id = static_cast<std::uint32_t>(get(datagram.substr(4, 4)));
  const auto key = std::find_if(keys.begin(), keys.end(), [&](const Key& k) { return k.id() == id; });
  if (key == keys.end()) return Refusal::unknown_key;
  const auto body = datagram.substr(0, datagram.size() - kMacBytes);
  const auto mac = key->mac(body);
  if (!base::equal_constant_time(view(mac), datagram.substr(body.size()))) return Refusal::bad_mac;

  const auto name_size = static_cast<std::uint8_t>(body[kHead - 1]);
  if (body.size() < kHead + name_size) return Refusal::too_short;
  out.kind = static_cast<Kind>(static_cast<std::uint8_t>(body[3]));
  out.boot = get(body.substr(8, 8));
  out.counter = get(body.substr(16, 8));
  out.sent_ms = static_cast<std::int64_t>(get(body.substr(24, 8)));
  out.name = body.substr(kHead, name_size);
  out.payload = body.substr(kHead + name_size);
  if (!valid_node_name(out.name)) return Refusal::bad_name;
  return Refusal::none;
}

Refusal check_fresh(Freshness& state, const Envelope& envelope, WallTime now) {
  const auto now_ms = std::chrono::duration_cast<std::chrono::milliseconds>(now.time_since_epoch()).count();
  const auto window = std::chrono::milliseconds(kClockWindow).count();
  // Compared without subtraction of what came from outside: it may be any 64-bit number.
  if (envelope.sent_ms < now_ms - window || envelope.sent_ms > now_ms + window) return Refusal::clock;
  if (envelope.boot / 1000 > static_cast<std::uint64_t>(envelope.sent_ms + kBootSlackMs)) return Refusal::clock;
  if (envelope.boot < state.boot) return Refusal::old_boot;
  if (envelope.boot == state.boot) {
    if (envelope.counter == state.counter) return Refusal::duplicate;
    if (envelope.counter < state.counter) return Refusal::replayed;
  }
  state = {envelope.boot, envelope.counter};
  return Refusal::none;
}

void FieldWriter::head(std::uint8_t type, std::size_t length) {
  put(bytes_, type, 1);
  put(bytes_, length, 2);
}

void FieldWriter::number(std::uint8_t type, std::uint64_t value) {
  int length = 0;
  for (auto rest = value; rest != 0; rest >>= 8) ++length;
  head(type, static_cast<std::size_t>(length));
  put(bytes_, value, length);
}

void FieldWriter::text(std::uint8_t type, std::string_view value) {
  value = value.substr(0, 0xffff);
  head(type, value.size());
  bytes_ += value;
}

bool FieldReader::next(std::uint8_t& type, std::string_view& value) {
  if (rest_.empty() || !ok_) return false;
  if (rest_.size() < 3) return ok_ = false;
  type = static_cast<std::uint8_t>(rest_[0]);
  const auto length = static_cast<std::size_t>(get(rest_.substr(1, 2)));
  if (rest_.size() < 3 + length) return ok_ = false;
  value = rest_.substr(3, length);
  rest_.remove_prefix(3 + length);
  return true;
}

bool FieldReader::number(std::string_view value, std::uint64_t& out) noexcept {
  if (value.size() > 8) return false;
  out = get(value);
  return true;
}

}  // namespace genkan::cluster
