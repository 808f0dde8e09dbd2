// What tests of this room share: a telemetry that writes nowhere, messages.
#pragma once

#include <stdlib.h>

#include <memory>
#include <string>

#include "base/telemetry.hpp"
#include "smtp/queue/spool.hpp"
#include "tests/unit/temp_dir.hpp"

namespace genkan::smtp::testing_support {

using genkan::test::TempDir;

struct Quiet {
  static base::LogOptions nowhere() {
    base::LogOptions options;
    options.path = ::getenv("GENKAN_TEST_LOG") ? "" : "/dev/null";
    return options;
  }
  base::Log log{nowhere()};
  base::Metrics metrics;
  base::StatusBoard status;
  base::Telemetry telemetry{log, metrics, status};
};

inline StoredMessagePtr make_message(std::uint64_t id, std::string body, std::string destination = "relay:next",
                                     int items = 1) {
  auto message = std::make_shared<StoredMessage>();
  message->meta.id = id;
  message->meta.arrival_ms = 1'700'000'000'000;
  message->meta.envelope.sender = "sender@client.example";
  message->meta.origin.ip = "192.0.2.9";
  for (int i = 0; i < items; ++i) {
    ItemMeta item;
    item.id = id + static_cast<std::uint64_t>(i);
    item.destination = destination;
    Recipient recipient;
    recipient.address = "user" + std::to_string(i) + "@good.example";
    item.recipients.push_back(recipient);
    message->meta.items.push_back(item);
  }
  message->body = std::move(body);
  return message;
}

}  // namespace genkan::smtp::testing_support
