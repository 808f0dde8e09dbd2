#include "smtp/milter/protocol.hpp"

#include "base/text.hpp"

namespace genkan::smtp {
namespace {

constexpr std::uint32_t kVersion = 6;
constexpr std::uint32_t kActions = 0xff;    // all changes but a list of macros of its own
constexpr std::uint32_t kSteps = 0x1fffff;  // everything up to kLeadingSpace
constexpr std::uint32_t kOldestVersion = 2;

void put32(std::string& out, std::uint32_t value) {
  for (int shift = 24; shift >= 0; shift -= 8) out += static_cast<char>((value >> shift) & 0xff);
}

std::uint32_t get32(std::string_view at) noexcept {
  std::uint32_t value = 0;
  for (std::size_t i = 0; i < 4; ++i) value = (value << 8) | static_cast<unsigned char>(at[i]);
  return value;
}

// The texts of a packet, each ended by NUL.
std::vector<std::string_view> texts_of(std::string_view data) {
  std::vector<std::string_view> texts;
  while (!data.empty()) {
    const auto end = data.find('\0');
    texts.push_back(data.substr(0, end));
    if (end == std::string_view::npos) break;
    data.remove_prefix(end + 1);
  }
  return texts;
}

bool is_field_name(std::string_view name) noexcept {
  for (const char c : name) {
    if (c < '!' || c > '~' || c == ':') return false;
  }
  return !name.empty();
}

std::string bare_address(std::string_view text) {
  if (text.size() >= 2 && text.front() == '<' && text.back() == '>') text = text.substr(1, text.size() - 2);
  return std::string(text);
}

// "550 5.7.1 text": a code of 4yz or 5yz and printable words, whatever the filter sent.
std::optional<std::string> good_reply(std::string_view text) {
  if (text.size() < 3 || (text[0] != '4' && text[0] != '5')) return std::nullopt;
  for (std::size_t i = 1; i < 3; ++i) {
    if (text[i] < '0' || text[i] > '9') return std::nullopt;
  }
  std::string reply;
  for (const char c : text.substr(0, 500)) reply += static_cast<unsigned char>(c) < 0x20 || c == 0x7f ? ' ' : c;
  if (reply.size() == 3) reply += " refused";
  reply[3] = ' ';
  return reply;
}

Result<MilterReading> read_change(const MilterPacket& packet) {
  MilterReading reading;
  reading.answer = MilterAnswer::change;
  MilterChange change;
  std::string_view data = packet.data;
  const bool indexed = packet.command == 'i' || packet.command == 'm';
  if (indexed) {
    if (data.size() < 4) return Errc::malformed;
    change.index = get32(data);
    data.remove_prefix(4);
  }
  if (packet.command == 'b') {
    change.kind = MilterChange::Kind::replace_body;
    change.value = data;
    reading.change = std::move(change);
    return reading;
  }
  const auto texts = texts_of(data);
  if (texts.empty()) return Errc::malformed;
  if (indexed || packet.command == 'h') {
    if (texts.size() > 2 || !is_field_name(texts[0])) return Errc::malformed;
    change.kind = packet.command == 'h'   ? MilterChange::Kind::add_header
                  : packet.command == 'i' ? MilterChange::Kind::insert_header
                                          : MilterChange::Kind::change_header;
    change.name = texts[0];
    if (texts.size() == 2) change.value = texts[1];
  } else {
    change.kind = packet.command == 'e'   ? MilterChange::Kind::change_sender
                  : packet.command == '-' ? MilterChange::Kind::remove_recipient
                                          : MilterChange::Kind::add_recipient;
    change.value = bare_address(texts[0]);
  }
  reading.change = std::move(change);
  return reading;
}

}  // namespace

std::string milter_packet(char command, std::string_view data) {
  std::string out;
  out.reserve(data.size() + 5);
  put32(out, static_cast<std::uint32_t>(data.size() + 1));
  out += command;
  out += data;
  return out;
}

std::string milter_macros(char command, const std::vector<std::pair<std::string_view, std::string_view>>& macros) {
  std::string data(1, command);
  for (const auto& [name, value] : macros) {
    if (value.empty()) continue;
    data += name;
    data += '\0';
    data += value;
    data += '\0';
  }
  return milter_packet('D', data);
}

std::string milter_negotiation() {
  std::string data;
  put32(data, kVersion);
  put32(data, kActions);
  put32(data, kSteps);
  return milter_packet('O', data);
}

std::string milter_connect(std::string_view name, const base::IpAddress& ip, std::uint16_t port) {
  std::string data(name);
  data += '\0';
  data += ip.is_v4() ? '4' : '6';
  data += static_cast<char>(port >> 8);
  data += static_cast<char>(port & 0xff);
  if (!ip.is_v4()) data += "IPv6:";
  data += ip.text();
  data += '\0';
  return milter_packet('C', data);
}

Result<std::optional<MilterPacket>> take_milter_packet(std::string& in) {
  if (in.size() < 4) return std::optional<MilterPacket>();
  const auto size = get32(in);
  if (size == 0) return Errc::malformed;
  if (size > kMaxMilterPacket) return Errc::too_large;
  if (in.size() < 4 + std::size_t{size}) return std::optional<MilterPacket>();
  MilterPacket packet;
  packet.command = in[4];
  packet.data = in.substr(5, size - 1);
  in.erase(0, 4 + std::size_t{size});
  return std::optional<MilterPacket>(std::move(packet));
}

Result<std::uint32_t> read_negotiation(const MilterPacket& packet) {
  if (packet.command != 'O' || packet.data.size() < 12) return Errc::malformed;
  const std::string_view data = packet.data;
  const auto version = get32(data), actions = get32(data.substr(4)), steps = get32(data.substr(8));
  if (version < kOldestVersion || version > kVersion) return Errc::unsupported;
  if ((actions & ~kActions & 0xff) != 0 || (steps & ~kSteps) != 0) return Errc::unsupported;
  return steps;
}

Result<MilterReading> read_answer(const MilterPacket& packet) {
  MilterReading reading;
  switch (packet.command) {
    case 'c':
      return reading;
    case 'a':
      reading.answer = MilterAnswer::accept;
      return reading;
    case 'r':
      reading.answer = MilterAnswer::reject;
      return reading;
    case 't':
      reading.answer = MilterAnswer::tempfail;
      return reading;
    case 'd':
      reading.answer = MilterAnswer::discard;
      return reading;
    case 's':
      reading.answer = MilterAnswer::skip;
      return reading;
    case 'p':
      reading.answer = MilterAnswer::wait;
      return reading;
    case 'q':
      reading.answer = MilterAnswer::change;
      reading.quarantine = true;
      return reading;
    case 'y': {
      const auto reply = good_reply(std::string_view(packet.data).substr(0, packet.data.find('\0')));
      reading.answer = reply ? MilterAnswer::reply : MilterAnswer::reject;
      reading.reply = reply.value_or("");
      return reading;
    }
    case 'h':
    case 'i':
    case 'm':
    case 'b':
    case '+':
    case '2':
    case '-':
    case 'e':
      return read_change(packet);
    default:
      return Errc::malformed;
  }
}

}  // namespace genkan::smtp
