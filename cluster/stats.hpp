// The load record: what a node says of itself once a second. The fields are those of mod_backhand's `serverstat`
// (load, load_hwm, cpu, ncpu, tmem/amem, arriba, numbacked, tatime) and what a front door needs besides.
// A field that a sender does not know is left out and keeps its default; a field type that a receiver does not know is
// skipped, so that old and new versions understand each other (types are never reused).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "cluster/packet.hpp"

namespace genkan::cluster {

struct LoadRecord {
  std::string node;
  std::string contact;                  // where the node may be reached, as text; empty: the sender's address
  std::uint64_t boot = 0;               // from the envelope
  std::uint64_t counter = 0;            // from the envelope
  std::uint32_t cpu_idle_permille = 0;  // 0..1000
  std::uint32_t load_milli = 0;         // load average over a minute x 1000
  std::uint32_t load_hwm = 1;           // smallest power of two above the highest load seen so far
  std::uint32_t ncpu = 1;
  std::uint64_t memory_total = 0;      // bytes
  std::uint64_t memory_available = 0;  // bytes
  std::uint32_t connections = 0;       // established TCP connections
  std::uint32_t inflight = 0;          // requests being served
  std::uint64_t served = 0;            // requests since start
  std::uint32_t service_us = 0;        // mean time to serve a request, microseconds; 0: unknown
  std::uint32_t speed = 0;             // start-up benchmark, cluster/host_load.hpp; 0: unknown
  std::uint32_t queue = 0;             // messages in the mail queue
  std::uint32_t interval_ms = 1000;    // how often the node announces
  bool draining = false;               // asks to get nothing new
  std::string version;                 // of Genkan
  std::string serves;                  // "web:8080,api:192.0.2.7:80": what it is a backend for
};

std::string encode_load(const LoadRecord& record);

// `envelope` gives name, boot and counter. none, or malformed: a known field twice, too long, or out of its range.
Refusal decode_load(const Envelope& envelope, LoadRecord& out);

// Smallest power of two greater than the load (in whole units), at least 1 and at least `before`.
std::uint32_t high_water_mark(std::uint32_t before, std::uint32_t load_milli) noexcept;

}  // namespace genkan::cluster
