// Telemetry and configurations for tests of this room.
#pragma once

#include <string>
#include <vector>

#include "base/telemetry.hpp"
#include "conf/conf.hpp"

namespace genkan::cluster::test {

struct Seen {
  base::Log log{base::LogOptions{.level = base::Level::error, .path = "/dev/null"}};
  base::Metrics metrics;
  base::StatusBoard status;
  base::Telemetry telemetry{log, metrics, status};
};

// Backends a, b, c ... on 127.0.0.1:1 and so on, announced by nodes of the same name.
inline conf::Pool pool(std::string name, int backends, std::string scheduler = "round_robin") {
  conf::Pool p;
  p.name = std::move(name);
  p.scheduler = std::move(scheduler);
  for (int i = 0; i < backends; ++i) {
    conf::Backend b;
    b.name = std::string(1, static_cast<char>('a' + i));
    b.node = b.name;
    b.address = "127.0.0.1:" + std::to_string(i + 1);
    p.backends.push_back(b);
  }
  return p;
}

}  // namespace genkan::cluster::test
