// The content of one message on its way to the spool: in memory while it is small, spilled to a file of its own in
// large/ when it grows over kInlineBody, so that many senders of large mail cannot fill the memory.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "base/fd.hpp"
#include "net/offload.hpp"
#include "net/task.hpp"
#include "smtp/queue/spool.hpp"

namespace genkan::smtp {

class Intake {
 public:
  Intake(Spool& spool, net::Offload& files, net::Loop& loop, std::uint64_t id) noexcept
      : spool_(spool), files_(files), loop_(loop), id_(id), arrival_(spool) {}
  ~Intake();  // an unfinished file goes away
  Intake(const Intake&) = delete;
  Intake& operator=(const Intake&) = delete;

  std::uint64_t id() const noexcept { return id_; }
  std::string& body() noexcept { return body_; }  // content is appended here
  // How many octets at the start are our own Received field.
  void mark_header() noexcept { own_header_ = body_.size(); }
  bool full() const noexcept { return body_.size() >= kInlineBody; }

  // When full(): moves what is in memory to the file. A failure is remembered; the rest is then thrown away.
  net::Task<void> spill();
  // Makes a large content durable and fills in the message. The file now belongs to the spool.
  net::Task<Result<void>> complete(StoredMessage& message);
  // For filters: all that has come, in memory and taken away from here; and something back instead.
  net::Task<Result<std::string>> take_all();
  net::Task<void> put_all(std::string octets);
  // Puts `fields` on top, as our own header, and `header` in the place of the content's first `header_size` octets. A
  // large content is copied for that. A failure is remembered.
  net::Task<void> put_fields(std::string fields, std::optional<std::string> header, std::size_t header_size);
  std::size_t own_header() const noexcept { return own_header_; }
  void abandon() noexcept { kept_ = false; }  // after complete(): the spool did not take it
  std::size_t received();                     // Received fields that the content came with
  Spool::Arrival* arrival() noexcept { return &arrival_; }

 private:
  struct File;
  net::Task<void> write_out(bool last);

  Spool& spool_;
  net::Offload& files_;
  net::Loop& loop_;
  std::uint64_t id_;
  Spool::Arrival arrival_;
  std::string body_;
  std::size_t own_header_ = 0, received_ = 0;
  std::shared_ptr<File> file_;
  Error failed_;
  bool kept_ = false;
};

}  // namespace genkan::smtp
