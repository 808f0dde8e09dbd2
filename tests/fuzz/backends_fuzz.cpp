// room: cluster
// What a backend under a health check may answer, over HTTP/1 and as gRPC, and what a node may announce to serve.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "cluster/check.hpp"
#include "cluster/members.hpp"

using namespace genkan;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::size_t limit = data[0];
  const std::string_view input(reinterpret_cast<const char*>(data) + 1, size - 1);

  const auto status = cluster::status_of(input);
  if (status && *status != -1 && (*status < 100 || *status > 599)) std::abort();
  if (cluster::content_of(input, limit).size() > limit) std::abort();
  cluster::name_of(cluster::grpc_answer(input));
  // A question that we write is a message as we read it: its service is a field that an answer does not have.
  if (cluster::grpc_answer(cluster::grpc_question(input)) == cluster::Serving::malformed) std::abort();

  cluster::NodeView node;
  node.record.node = "n";
  node.record.serves = input;
  node.from = *base::Endpoint::parse("192.0.2.1:7175");
  const Time now = Time{} + std::chrono::seconds(1);
  node.heard = now;
  for (const auto& member : cluster::agent_members({node}, "web", std::chrono::seconds(5), now)) {
    const auto at = base::Endpoint::parse(member.conf.address);
    if (!at || at->is_unix() || at->port == 0) std::abort();
  }
  return 0;
}
