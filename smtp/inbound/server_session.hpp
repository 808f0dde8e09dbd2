// Carries out one SMTP session: reads lines and content, asks the machine in smtp/session.hpp, stores, answers. One
// coroutine on one worker. An idle session holds no buffer.
//
// Deadlines: a command line must be complete within command_timeout of our last answer; content must come at kMinRate
// on average after a grace of data_timeout, so that a trickle cannot hold a connection for ever.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "net/task.hpp"
#include "net/transport.hpp"
#include "smtp/auth/message_auth.hpp"
#include "smtp/content.hpp"
#include "smtp/delivery/passage.hpp"
#include "smtp/inbound/entrance.hpp"
#include "smtp/inbound/filter.hpp"
#include "smtp/inbound/front.hpp"
#include "smtp/inbound/intake.hpp"
#include "smtp/line.hpp"
#include "smtp/policy/dnsbl.hpp"
#include "smtp/session.hpp"

namespace genkan::smtp {

class ServerSession {
 public:
  ServerSession(Front& front, std::shared_ptr<const Entrance> entrance, std::unique_ptr<net::Transport> transport);
  ~ServerSession();

  // Owns itself: ends when the connection does.
  static net::Task<void> serve(std::unique_ptr<ServerSession> session);

  void drain() noexcept;  // says 421 unless content is on its way
  void cancel() noexcept { transport_->cancel(); }

 private:
  net::Task<void> run();
  net::Task<bool> enter();
  net::Task<bool> greet(bool early);
  net::Task<Want> check_login();
  void believe_claim();
  void become(const base::IpAddress& ip);
  net::Task<bool> one_line(LineResult line);
  net::Task<Want> judge(AddressView address);
  net::Task<bool> screen();
  net::Task<void> look_up();
  net::Task<bool> held_back(AddressView address, Want& want);
  net::Task<Want> take_recipient(std::string name, std::vector<Target> targets);
  net::Task<std::string> pass_recipient(const std::string& name, const std::vector<Target>& targets);
  net::Task<bool> pass_message(std::shared_ptr<StoredMessage> message, std::uint64_t size);
  net::Task<void> drop_passage();
  bool too_much_from_sender();
  bool too_much_for(AddressView recipient);
  YieldLevel yields() const noexcept;
  net::Task<void> hold_up();
  bool exempt() const;
  bool outside() const;  // a stranger, whose words are checked
  ClientQuestion client_question() const;
  net::Task<void> ask_client(AuthDns& dns);
  net::Task<bool> client_refused(Want& want);
  void begin_auth();
  std::size_t feed_content(std::string_view octets);
  net::Task<FilterResult> authenticate();
  net::Task<void> sign_content(bool changed);
  void note_findings(const std::string& id);
  net::Task<bool> follow(Want want);
  net::Task<bool> flush();
  net::Task<bool> fill();
  bool give_up(const Error& error);
  net::Task<bool> receive_content();
  net::Task<bool> receive_chunk();
  net::Task<bool> read_content(std::uint64_t limit);
  net::Task<bool> swallow(std::uint64_t count);
  net::Task<bool> store();
  MilterSubject filter_subject(const std::string& id);
  bool not_taken(const FilterResult& result, const std::string& id);
  void hold_all(const StoredMessage& message);
  void note_accepted(const StoredMessage& message, std::uint64_t size);
  void note_refusal(std::string_view command, std::size_t from);
  net::Task<bool> start_tls();
  net::Task<void> linger();
  void begin_content(ContentReader::Framing framing);
  void end_content() noexcept;
  void group_recipients();
  std::string_view buffered() const noexcept { return std::string_view(in_).substr(in_at_); }
  void consume(std::size_t count);

  Front& front_;
  std::unique_ptr<net::Transport> transport_;
  const PlanPtr plan_;
  Session session_;
  LineSplitter splitter_;
  std::string in_;  // what has arrived and is not dealt with
  std::size_t in_at_ = 0;
  std::string out_;  // replies not yet sent
  const std::shared_ptr<const Entrance> entrance_;
  base::IpAddress counted_ip_;
  base::IpAddress ip_;  // of the client: the peer, or whom a proxy that we trust named
  std::string ip_text_;
  ClientClaim forwarded_;  // by XFORWARD: only for trace and log
  bool trusted_ = false;   // may send to any domain
  DnsblVerdict listed_;
  bool message_counted_ = false;  // towards the rate, in this transaction
  bool sender_counted_ = false;   // likewise
  bool network_counted_ = false;
  bool counted_ = false, receiving_ = false, timed_out_ = false;

  std::unordered_map<std::string, std::vector<Target>> resolved_;  // of each recipient that was accepted

  // Where the transaction's recipients are answered by the next hop (before_queue).
  std::unique_ptr<Passage> passage_;
  std::string passage_to_;  // its destination

  // The message on its way in.
  std::vector<ItemMeta> items_;
  std::unique_ptr<Intake> intake_;
  std::optional<ContentReader> reader_;
  std::optional<ClientAuth> client_auth_;  // of this transaction
  std::unique_ptr<MessageAuth> auth_;      // null: nothing to verify or sign
};

}  // namespace genkan::smtp
