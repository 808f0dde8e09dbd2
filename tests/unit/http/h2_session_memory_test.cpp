// A session of nghttp2 that is folded while it is quiet goes on where it was.
#include "http/h2/session_memory.hpp"

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "http/h2/nghttp.hpp"

namespace genkan::http::h2 {
namespace {

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr bool kFolds = false;
#else
constexpr bool kFolds = true;
#endif

int collect(nghttp2_session*, const nghttp2_frame*, const std::uint8_t* name, std::size_t name_size,
            const std::uint8_t* value, std::size_t value_size, std::uint8_t, void* user) {
  auto& seen = *static_cast<std::string*>(user);
  seen.append(view(name, name_size)).append("=").append(view(value, value_size)).append(";");
  return 0;
}

struct Side {
  explicit Side(bool server) {
    const CallbacksPtr callbacks = make_callbacks();
    nghttp2_session_callbacks_set_on_header_callback(callbacks.get(), collect);
    nghttp2_session* made = nullptr;
    nghttp2_mem memory = owner.functions();
    const auto make = server ? nghttp2_session_server_new3 : nghttp2_session_client_new3;
    EXPECT_EQ(make(&made, callbacks.get(), &seen, nullptr, &memory), 0);
    owner.reset(made);
    nghttp2_submit_settings(owner.get(), NGHTTP2_FLAG_NONE, nullptr, 0);
  }
  std::size_t send_to(Side& other) {
    std::string all;
    const std::uint8_t* data = nullptr;
    for (ssize_t n = 0; (n = nghttp2_session_mem_send(owner.get(), &data)) > 0;) {
      all.append(view(data, static_cast<std::size_t>(n)));
    }
    const auto* bytes = reinterpret_cast<const std::uint8_t*>(all.data());
    EXPECT_EQ(nghttp2_session_mem_recv(other.owner.get(), bytes, all.size()), static_cast<ssize_t>(all.size()));
    return all.size();
  }
  std::string seen;
  SessionOwner owner;
};

// The octets that a request took.
std::size_t ask(Side& client, Side& server, const std::string& value) {
  Block block;
  block.add(":method", "GET");
  block.add(":scheme", "http");
  block.add(":authority", "a.example");
  block.add(":path", "/");
  block.add("x-what", value);
  const std::int32_t id =
      nghttp2_submit_request(client.owner.get(), nullptr, block.data(), block.size(), nullptr, nullptr);
  EXPECT_GT(id, 0);
  const std::size_t octets = client.send_to(server);
  block.clear();
  block.add(":status", "200");
  block.add("x-what", value);
  EXPECT_EQ(nghttp2_submit_response(server.owner.get(), id, block.data(), block.size(), nullptr), 0);
  server.send_to(client);
  return octets;
}

TEST(SessionMemory, a_folded_session_goes_on_where_it_was) {
  Side client(false), server(true);
  client.send_to(server), server.send_to(client);
  const std::string value(300, 'v');
  const std::size_t first = ask(client, server, value);
  const std::string seen = server.seen, answered = client.seen;
  for (int i = 0; i < 3; ++i) {
    client.owner.fold(), server.owner.fold();
    EXPECT_EQ(server.owner.folded(), kFolds);
    server.seen.clear(), client.seen.clear();
    EXPECT_LT(ask(client, server, value), first / 4) << "the tables of HPACK are as they were";
    EXPECT_FALSE(server.owner.folded());
    EXPECT_EQ(server.seen, seen);
    EXPECT_EQ(client.seen, answered);
  }
}

TEST(SessionMemory, one_that_holds_much_stays_as_it_is) {
  Side client(false), server(true);
  client.send_to(server), server.send_to(client);
  for (int i = 0; i < 12; ++i) ask(client, server, std::string(3000, static_cast<char>('a' + i)));
  for (int i = 0; i < 300; ++i) {  // streams that stay open
    const std::string path = "/" + std::to_string(i);
    Block block;
    block.add(":method", "GET");
    block.add(":scheme", "http");
    block.add(":authority", "a.example");
    block.add(":path", path);
    nghttp2_submit_request(client.owner.get(), nullptr, block.data(), block.size(), nullptr, nullptr);
    client.send_to(server);
  }
  server.owner.fold();
  EXPECT_FALSE(server.owner.folded());
  ask(client, server, "still there");
  EXPECT_NE(server.seen.find("x-what=still there;"), std::string::npos);
}

TEST(SessionMemory, a_folded_session_may_end) {
  for (int i = 0; i < 200; ++i) {  // more than are kept warm
    Side client(false), server(true);
    client.send_to(server);
    server.owner.fold();
  }
  std::vector<std::unique_ptr<Side>> many;
  for (int i = 0; i < 200; ++i) many.push_back(std::make_unique<Side>(true));
  for (auto& side : many) side->owner.fold();
  many.clear();
}

}  // namespace
}  // namespace genkan::http::h2
