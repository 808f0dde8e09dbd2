// room: smtp
// Any octets as the replies of a next hop: read in any segmentation, they drive a transaction to an end in which every
// recipient has an outcome, and nothing that the peer says becomes more than one line of a report.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>

#include "smtp/client/reply.hpp"
#include "smtp/client/transaction.hpp"
#include "smtp/delivery/report.hpp"

using namespace genkan::smtp;

namespace {

void require(bool condition) {
  if (!condition) std::abort();
}

std::string play(std::string_view in, std::size_t piece, bool pipelining) {
  Features features;
  features.pipelining = pipelining;
  Envelope envelope;
  envelope.sender = "s@x.example";
  std::vector<Recipient> recipients(3);
  for (auto& recipient : recipients) recipient.address = "r@x.example";
  Delivery delivery;
  delivery.envelope = &envelope;
  for (const auto& recipient : recipients) delivery.recipients.push_back(&recipient);
  Transaction transaction(features, delivery);
  ReplyParser parser;
  std::string out, trace;
  auto step = transaction.start(out);
  Reply reply;
  bool first = true;
  while (!in.empty() && (step == Transaction::Step::replies || step == Transaction::Step::content)) {
    std::size_t used = 0;
    const auto complete = parser.feed(in.substr(0, piece), used, reply);
    in.remove_prefix(used);
    if (!complete) break;
    if (!*complete) continue;
    if (first) features = parse_features(reply), features.pipelining = pipelining;
    first = false;
    step = transaction.reply(reply, out);
    reply = Reply();
  }
  transaction.lost("lost");
  for (const auto& outcome : transaction.outcomes()) {
    require(outcome.reply.find_first_of("\r\n") == std::string::npos && outcome.reply.size() <= 600);
    require(!outcome.status.empty());
    require(!status_of_reply(outcome.reply, ReportKind::failed).empty());
    trace += std::to_string(static_cast<int>(outcome.kind)) + outcome.reply + outcome.status + "\n";
  }
  return trace + out;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view in(reinterpret_cast<const char*>(data), size);
  for (const bool pipelining : {false, true}) require(play(in, size + 1, pipelining) == play(in, 3, pipelining));
  return 0;
}
