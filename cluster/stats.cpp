#include "cluster/stats.hpp"

#include <algorithm>
#include <bit>
#include <limits>

namespace genkan::cluster {

namespace {

enum Type : std::uint8_t {
  contact = 1,
  cpu_idle,
  load,
  hwm,
  ncpu,
  memory_total,
  memory_available,
  connections,
  inflight,
  served,
  service,
  speed,
  queue,
  flags,
  interval,
  version,
  serves,
  count,
};
constexpr std::uint64_t kDraining = 1;
constexpr std::size_t kMaxText = 128;
constexpr std::size_t kMaxServes = 512;
constexpr std::uint64_t kMax32 = std::numeric_limits<std::uint32_t>::max();

bool printable(std::string_view text) noexcept {
  return std::all_of(text.begin(), text.end(), [](char c) { return c > 0x20 && c < 0x7f; });
}

bool read_text(std::string_view value, std::string& out, std::size_t most = kMaxText) {
  if (value.size() > most || !printable(value)) return false;
  out = value;
  return true;
}

template <class T>
bool read_number(std::string_view value, std::uint64_t low, std::uint64_t high, T& out) noexcept {
  std::uint64_t number = 0;
  if (!FieldReader::number(value, number) || number < low || number > high) return false;
  out = static_cast<T>(number);
  return true;
}

bool read_flags(std::string_view value, bool& draining) noexcept {
  std::uint64_t bits = 0;
  if (!FieldReader::number(value, bits)) return false;
  draining = (bits & kDraining) != 0;  // other bits are for later versions
  return true;
}

bool read_hwm(std::string_view value, std::uint32_t& out) noexcept {
  return read_number(value, 1, 1u << 31, out) && std::has_single_bit(out);
}

bool read_field(std::uint8_t type, std::string_view value, LoadRecord& r) {
  constexpr auto kMax64 = std::numeric_limits<std::uint64_t>::max();
  switch (type) {
    case Type::contact:
      return read_text(value, r.contact);
    case Type::cpu_idle:
      return read_number(value, 0, 1000, r.cpu_idle_permille);
    case Type::load:
      return read_number(value, 0, kMax32, r.load_milli);
    case Type::hwm:
      return read_hwm(value, r.load_hwm);
    case Type::ncpu:
      return read_number(value, 1, 65536, r.ncpu);
    case Type::memory_total:
      return read_number(value, 0, kMax64, r.memory_total);
    case Type::memory_available:
      return read_number(value, 0, kMax64, r.memory_available);
    case Type::connections:
      return read_number(value, 0, kMax32, r.connections);
    case Type::inflight:
      return read_number(value, 0, kMax32, r.inflight);
    case Type::served:
      return read_number(value, 0, kMax64, r.served);
    case Type::service:
      return read_number(value, 0, kMax32, r.service_us);
    case Type::speed:
      return read_number(value, 0, kMax32, r.speed);
    case Type::queue:
      return read_number(value, 0, kMax32, r.queue);
    case Type::flags:
      return read_flags(value, r.draining);
    case Type::interval:
      return read_number(value, 1, 3'600'000, r.interval_ms);
    case Type::version:
      return read_text(value, r.version);
    case Type::serves:
      return read_text(value, r.serves, kMaxServes);
    default:
      return true;
  }
}

}  // namespace

std::string encode_load(const LoadRecord& r) {
  FieldWriter out;
  if (!r.contact.empty()) out.text(Type::contact, std::string_view(r.contact).substr(0, kMaxText));
  out.number(Type::cpu_idle, r.cpu_idle_permille);
  out.number(Type::load, r.load_milli);
  out.number(Type::hwm, r.load_hwm);
  out.number(Type::ncpu, r.ncpu);
  out.number(Type::memory_total, r.memory_total);
  out.number(Type::memory_available, r.memory_available);
  out.number(Type::connections, r.connections);
  out.number(Type::inflight, r.inflight);
  out.number(Type::served, r.served);
  out.number(Type::service, r.service_us);
  out.number(Type::speed, r.speed);
  out.number(Type::queue, r.queue);
  out.number(Type::flags, r.draining ? kDraining : 0);
  out.number(Type::interval, r.interval_ms);
  if (!r.version.empty()) out.text(Type::version, std::string_view(r.version).substr(0, kMaxText));
  if (!r.serves.empty() && r.serves.size() <= kMaxServes) out.text(Type::serves, r.serves);
  return out.bytes();
}

Refusal decode_load(const Envelope& envelope, LoadRecord& out) {
  LoadRecord record;
  record.node = envelope.name;
  record.boot = envelope.boot;
  record.counter = envelope.counter;
  FieldReader fields(envelope.payload);
  std::uint32_t seen = 0;
  std::uint8_t type = 0;
  std::string_view value;
  while (fields.next(type, value)) {
    if (type < Type::count) {
      const auto bit = 1u << type;
      if ((seen & bit) != 0) return Refusal::malformed;
      seen |= bit;
    }
    if (!read_field(type, value, record)) return Refusal::malformed;
  }
  if (!fields.ok()) return Refusal::malformed;
  out = std::move(record);
  return Refusal::none;
}

std::uint32_t high_water_mark(std::uint32_t before, std::uint32_t load_milli) noexcept {
  const auto above = std::bit_ceil(load_milli / 1000 + 1);  // greater than the load, not equal to it
  return std::max({before, above, 1u});
}

}  // namespace genkan::cluster
