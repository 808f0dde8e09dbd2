// The milter protocol, version 6, as a mail server speaks it: packets out, packets in, and what the filter's answers
// mean. Pure; what comes from the filter is hostile as every peer's words. As libmilter defines it (mfapi.h, mfdef.h of
// sendmail).
//
//   packet: length u32 (big endian, of what follows), command u8, data
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/address.hpp"
#include "base/result.hpp"

namespace genkan::smtp {

constexpr std::size_t kMaxMilterPacket = 1u << 20;
constexpr std::size_t kMilterChunk = 65'535;  // of body in one packet

// What a filter may leave out or answer silently (SMFIP_*); we can do all of it.
enum MilterStep : std::uint32_t {
  kNoConnect = 0x1,
  kNoHelo = 0x2,
  kNoMail = 0x4,
  kNoRcpt = 0x8,
  kNoBody = 0x10,
  kNoHeaders = 0x20,
  kNoEoh = 0x40,
  kSilentHeader = 0x80,
  kNoData = 0x200,
  kSkip = 0x400,
  kSilentConnect = 0x1000,
  kSilentHelo = 0x2000,
  kSilentMail = 0x4000,
  kSilentRcpt = 0x8000,
  kSilentData = 0x10000,
  kSilentEoh = 0x40000,
  kSilentBody = 0x80000,
  kLeadingSpace = 0x100000,
};

// What a filter asks to be changed at the end of the message.
struct MilterChange {
  enum class Kind {
    add_header,
    insert_header,
    change_header,
    replace_body,
    add_recipient,
    remove_recipient,
    change_sender
  };
  Kind kind = Kind::add_header;
  std::uint32_t index = 0;  // insert_header: place; change_header: which of that name, from 1
  std::string name, value;  // header; change_header with an empty value: remove. Else the address or octets in value
};

struct MilterPacket {
  char command = 0;
  std::string data;
};

// What an answer means for the message.
enum class MilterAnswer {
  go_on,   // continue
  accept,  // take it, ask no more
  reject,
  tempfail,
  reply,    // with words of the filter's own
  discard,  // say 250 and throw it away
  skip,     // no more of this kind of packet
  wait,     // still working: the time begins anew
  change,   // a MilterChange, or quarantine
};

std::string milter_packet(char command, std::string_view data = {});
// Name, value, name, value ...: sent in front of the command they belong to.
std::string milter_macros(char command, const std::vector<std::pair<std::string_view, std::string_view>>& macros);
std::string milter_negotiation();
std::string milter_connect(std::string_view name, const base::IpAddress& ip, std::uint16_t port);

// Takes a packet off the front of `in`; none when it is not whole. Errc::too_large: no filter sends that.
Result<std::optional<MilterPacket>> take_milter_packet(std::string& in);
// The steps that the filter chose. Errc::malformed, or Errc::unsupported: what it wants we cannot do.
Result<std::uint32_t> read_negotiation(const MilterPacket& packet);

struct MilterReading {
  MilterAnswer answer = MilterAnswer::go_on;
  std::string reply;  // of MilterAnswer::reply: "550 5.7.1 text", one line, a good code
  std::optional<MilterChange> change;
  bool quarantine = false;
};
Result<MilterReading> read_answer(const MilterPacket& packet);

// One header field as filters see it: value without the final line end, folded lines with LF between them.
struct HeaderField {
  std::string name, value;
  std::size_t begin = 0, end = 0;  // its place in the content
};
// The fields of a header, and where the body begins. What is no field ends the header.
std::vector<HeaderField> header_fields(std::string_view content, std::size_t& body);

// The content after all changes to header and body. Every line ends in CRLF.
std::string changed_content(std::string_view content, const std::vector<MilterChange>& changes, bool leading_space);

}  // namespace genkan::smtp
