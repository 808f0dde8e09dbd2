#include "smtp/server.hpp"

#include <gtest/gtest.h>

#include <future>

#include "auth_dns.hpp"
#include "base/file.hpp"
#include "peers.hpp"
#include "support.hpp"

namespace genkan::smtp {
namespace {

using testing_support::Line;
using testing_support::NextHop;
using testing_support::Quiet;
using testing_support::TempDir;

// A server on two workers. Mail for home.example is local (users: "user", "full"), for next.example goes to `members`.
class ServerTest : public testing::Test {
 protected:
  ServerTest() {
    conf_.node.state_dir = dir_.path();
    conf_.smtp.hostname = "mx.example";
    conf_.smtp.min_free = 0;
    conf_.smtp.listens.resize(1);
    conf_.smtp.listens[0].address = {"127.0.0.1:0"};
    conf::SmtpRoute local, next;
    local.domains = {"home.example"};
    local.local = true;
    next.domains = {"next.example"};
    next.relay = "next";
    conf_.smtp.routes = {local, next};
    conf_.smtp.relays.resize(1);
    conf_.smtp.relays[0].name = "next";
    conf_.smtp.retry_first = std::chrono::milliseconds(200);
  }
  ~ServerTest() override { stop(); }

  void member(const std::string& address, std::uint32_t preference = 10) {
    conf::SmtpMember row;
    row.address = address;
    row.preference = preference;
    conf_.smtp.relays[0].members.push_back(row);
  }
  void start() {
    workers_ = std::make_unique<net::Workers>(2);
    workers_->start();
    Hooks hooks;
    hooks.user_exists = [](const std::string& user) {
      return Result<bool>(user == "user@home.example" || user == "full@home.example");
    };
    hooks.deliver_local = [this](const LocalMessage& message, LocalPlan&) -> Result<void> {
      if (message.user == "full@home.example") return Errc::exhausted;
      std::lock_guard lock(mutex_);
      delivered_.push_back(std::string(message.user) + "\n" + std::string(message.sender) + "\n" +
                           std::string(message.content));
      changed_.notify_all();
      return {};
    };
    server_ = std::make_unique<Server>(*workers_, quiet_.telemetry, hooks);
    std::string why;
    ASSERT_TRUE(server_->listen(conf_, why)) << why;
    ASSERT_TRUE(server_->start(std::make_shared<const conf::Conf>(conf_), nullptr, why)) << why;
    port_ = server_->addresses().at(0).port;
  }
  void stop() {
    if (server_) server_->stop();
    server_.reset();
    workers_.reset();
  }
  Line connect() {
    Line line(port_, 0);
    EXPECT_EQ(line.reply(), "220 mx.example ESMTP Genkan");
    return line;
  }
  static std::string envelope(Line& line, const std::string& to, const std::string& from = "s@client.example") {
    line.say("EHLO client.example");
    line.say("MAIL FROM:<" + from + ">");
    return line.say("RCPT TO:<" + to + ">");
  }
  static std::string send(Line& line, const std::string& to, const std::string& content,
                          const std::string& from = "s@client.example") {
    EXPECT_EQ(envelope(line, to, from).substr(0, 3), "250");
    EXPECT_EQ(line.say("DATA").substr(0, 3), "354");
    return line.say(content + "\r\n.");
  }
  std::vector<std::string> wait_local(std::size_t count) {
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, std::chrono::seconds(20), [&] { return delivered_.size() >= count; });
    return delivered_;
  }
  std::string act(const std::string& name, const std::string& json) {
    std::string why;
    const auto result = quiet_.status.act(name, json, why);
    return result ? *result : "error: " + why;
  }
  void wait_queued(std::size_t count) {
    for (int i = 0; i < 2000 && server_->queued() != count; ++i)
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    EXPECT_EQ(server_->queued(), count);
  }
  void wait_empty() { wait_queued(0); }

  TempDir dir_;
  Quiet quiet_;
  conf::Conf conf_;
  std::unique_ptr<net::Workers> workers_;
  std::unique_ptr<Server> server_;
  std::uint16_t port_ = 0;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<std::string> delivered_;
};

TEST_F(ServerTest, RelaysAMessageOctetByOctetBehindItsReceivedField) {
  NextHop next;
  member(next.address());
  start();
  auto line = connect();
  EXPECT_EQ(send(line, "u@next.example", "Subject: x\r\n\r\n..dot\r\n\xff\x80 high").substr(0, 10), "250 2.0.0 ");
  EXPECT_EQ(line.say("QUIT").substr(0, 3), "221");
  const auto got = next.wait_for(1);
  ASSERT_EQ(got.size(), 1u);
  EXPECT_EQ(got[0].mail.substr(0, 28), "MAIL FROM:<s@client.example>");
  EXPECT_NE(got[0].mail.find("BODY=8BITMIME"), std::string::npos);
  EXPECT_EQ(got[0].rcpts, std::vector<std::string>{"RCPT TO:<u@next.example>"});
  EXPECT_EQ(got[0].content.find("Received: from client.example ([127.0.0.1])\r\n\tby mx.example with ESMTP id "), 0u);
  EXPECT_NE(got[0].content.find("\r\nSubject: x\r\n\r\n..dot\r\n\xff\x80 high\r\n"), std::string::npos);
  wait_empty();
}

TEST_F(ServerTest, TakesAPipelinedSession) {
  NextHop next;
  member(next.address());
  start();
  auto line = connect();
  line.send(
      "EHLO c.example\r\nMAIL FROM:<a@c.example>\r\nRCPT TO:<u@next.example>\r\nRCPT TO:<v@next.example>\r\nDATA\r\n");
  EXPECT_EQ(line.reply().substr(0, 3), "250");
  for (int i = 0; i < 3; ++i) EXPECT_EQ(line.reply().substr(0, 3), "250");
  EXPECT_EQ(line.reply().substr(0, 3), "354");
  line.send(
      "Subject: one\r\n\r\nx\r\n.\r\nMAIL FROM:<>\r\nRCPT TO:<w@next.example>\r\nBDAT 5\r\nab\r\ncBDAT 3 "
      "LAST\r\nd\r\nQUIT\r\n");
  EXPECT_EQ(line.reply().substr(0, 10), "250 2.0.0 ");
  for (int i = 0; i < 3; ++i) EXPECT_EQ(line.reply().substr(0, 3), "250");
  EXPECT_EQ(line.reply().substr(0, 10), "250 2.0.0 ");
  EXPECT_EQ(line.reply().substr(0, 3), "221");
  const auto got = next.wait_for(2);
  ASSERT_EQ(got.size(), 2u);
  const bool first = got[0].rcpts.size() == 2;
  EXPECT_NE(got[first ? 1 : 0].content.find("\r\nab\r\ncd\r\n"), std::string::npos);
}

TEST_F(ServerTest, RefusesStrangersAndUnknownUsers) {
  start();
  auto line = connect();
  EXPECT_EQ(envelope(line, "u@elsewhere.example").substr(0, 9), "550 5.7.1");
  EXPECT_EQ(line.say("RCPT TO:<nobody@home.example>").substr(0, 9), "550 5.1.1");
  EXPECT_EQ(line.say("RCPT TO:<USER@Home.Example>").substr(0, 9), "250 2.1.5");
  EXPECT_EQ(line.say("RCPT TO:<Postmaster>").substr(0, 9), "250 2.1.5");
}

TEST_F(ServerTest, DeliversLocalMailToTheGivenFunction) {
  start();
  auto line = connect();
  EXPECT_EQ(send(line, "User@HOME.example", "Subject: local\r\n\r\nhello").substr(0, 3), "250");
  const auto got = wait_local(1);
  ASSERT_EQ(got.size(), 1u);
  EXPECT_EQ(got[0].find("user@home.example\ns@client.example\nReceived: "), 0u);
  EXPECT_NE(got[0].find("hello\r\n"), std::string::npos);
  wait_empty();
}

TEST_F(ServerTest, OneMessageGoesToAllItsDestinations) {
  NextHop next;
  member(next.address());
  start();
  auto line = connect();
  envelope(line, "u@next.example");
  line.say("RCPT TO:<user@home.example>");
  line.say("DATA");
  EXPECT_EQ(line.say("Subject: both\r\n\r\nx\r\n.").substr(0, 3), "250");
  EXPECT_EQ(next.wait_for(1).size(), 1u);
  EXPECT_EQ(wait_local(1).size(), 1u);
  wait_empty();
}

TEST_F(ServerTest, TakesTheNextMemberAndTheNextPreferenceWhenOneFails) {
  NextHop backup, refusing;
  refusing.answer("GREET", "554 go away");
  std::uint16_t dead_port = 0;
  {
    NextHop dead;
    dead_port = dead.port();
  }
  member("127.0.0.1:" + std::to_string(dead_port), 10);
  member(refusing.address(), 10);
  member(backup.address(), 20);
  start();
  auto line = connect();
  EXPECT_EQ(send(line, "u@next.example", "Subject: x\r\n\r\nx").substr(0, 3), "250");
  EXPECT_EQ(backup.wait_for(1).size(), 1u);
  wait_empty();
}

TEST_F(ServerTest, KeepsMailWhileTheNextHopIsDownAndOverARestart) {
  std::uint16_t port = 0;
  {
    NextHop dead;
    port = dead.port();
  }
  member("127.0.0.1:" + std::to_string(port));
  start();
  {
    auto line = connect();
    for (int i = 0; i < 5; ++i) EXPECT_EQ(send(line, "u@next.example", "Subject: x\r\n\r\nx").substr(0, 3), "250");
  }
  EXPECT_EQ(server_->queued(), 5u);
  stop();
  start();
  EXPECT_EQ(server_->queued(), 5u);
  NextHop next(port);
  EXPECT_EQ(next.wait_for(5).size(), 5u);
  wait_empty();
  EXPECT_EQ(next.count(), 5u);
}

TEST_F(ServerTest, RetriesWhatIsDeferredAndUsesTheConnectionAgain) {
  NextHop next;
  member(next.address());
  next.answer(".", "451 4.3.0 busy");
  start();
  auto line = connect();
  EXPECT_EQ(send(line, "u@next.example", "Subject: x\r\n\r\nx").substr(0, 3), "250");
  for (int i = 0; i < 500 && act("queue_list", "{}").find("451 4.3.0 busy") == std::string::npos; ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  EXPECT_NE(act("queue_list", "{}").find("451 4.3.0 busy"), std::string::npos);
  next.answer(".", "250 2.0.0 fine now");
  wait_empty();
}

TEST_F(ServerTest, SendsABounceForWhatIsRefusedAndNoneForTheNullSender) {
  NextHop next;
  member(next.address());
  next.answer("RCPT", "550 5.1.1 nobody here");
  next.answer("DATA", "554 5.5.1 no recipients");
  start();
  auto line = connect();
  EXPECT_EQ(send(line, "u@next.example", "Subject: lost\r\n\r\nx", "user@home.example").substr(0, 3), "250");
  const auto got = wait_local(1);
  ASSERT_EQ(got.size(), 1u);
  EXPECT_EQ(got[0].find("user@home.example\n\n"), 0u);
  EXPECT_NE(got[0].find("Final-Recipient: rfc822; u@next.example\r\n"), std::string::npos);
  EXPECT_NE(got[0].find("Status: 5.1.1"), std::string::npos);
  EXPECT_NE(got[0].find("Subject: lost"), std::string::npos);
  EXPECT_EQ(send(line, "u@next.example", "Subject: null\r\n\r\nx", "").substr(0, 3), "250");
  wait_empty();
  EXPECT_EQ(wait_local(1).size(), 1u);
}

TEST_F(ServerTest, CarriesLargeMessagesThroughAFileOfTheirOwn) {
  NextHop next;
  member(next.address());
  start();
  std::string content = "Subject: large\r\n\r\n";
  while (content.size() < 3u << 20)
    content += "." + std::string(900, static_cast<char>('a' + content.size() % 26)) + "\r\n";
  std::string wire = content;
  for (auto at = wire.find("\r\n."); at != std::string::npos; at = wire.find("\r\n.", at + 4)) wire.insert(at + 2, ".");
  auto line = connect();
  EXPECT_EQ(envelope(line, "u@next.example").substr(0, 3), "250");
  line.say("DATA");
  EXPECT_EQ(line.say(wire + ".").substr(0, 3), "250");
  const auto got = next.wait_for(1);
  ASSERT_EQ(got.size(), 1u);
  EXPECT_EQ(got[0].content.substr(got[0].content.find("Subject: large")), wire);
  wait_empty();
  stop();
  EXPECT_TRUE(std::filesystem::is_empty(dir_.path() + "/spool/large"));
}

TEST_F(ServerTest, RefusesATooLargeMessageAndTakesTheNext) {
  conf_.smtp.max_message = 1000;
  start();
  auto line = connect();
  envelope(line, "user@home.example");
  line.say("DATA");
  EXPECT_EQ(line.say(std::string(2000, 'x') + "\r\n.").substr(0, 9), "552 5.3.4");
  EXPECT_EQ(send(line, "user@home.example", "Subject: small\r\n\r\nx").substr(0, 3), "250");
}

TEST_F(ServerTest, AFullSpoolAnswers452) {
  conf_.smtp.min_free = UINT64_MAX;
  start();
  auto line = connect();
  line.say("EHLO c.example");
  EXPECT_EQ(line.say("MAIL FROM:<a@c.example>").substr(0, 9), "452 4.3.1");
}

TEST_F(ServerTest, LimitsConnectionsOfOneAddress) {
  conf_.smtp.max_connections_per_address = 1;
  start();
  auto first = connect();
  Line second(port_, 0);
  EXPECT_EQ(second.reply().substr(0, 9), "421 4.7.0");
  second.read_line();
  EXPECT_TRUE(second.ended());
}

TEST_F(ServerTest, CutsOffASilentClient) {
  conf_.smtp.command_timeout = std::chrono::milliseconds(50);
  conf_.smtp.data_timeout = std::chrono::milliseconds(50);
  start();
  auto idle = connect();
  EXPECT_EQ(idle.reply().substr(0, 9), "421 4.4.2");
  auto slow = connect();
  slow.send("EHLO c.example\r\nMAIL FROM:<a@c.example>\r\nRCPT TO:<user@home.example>\r\nDATA\r\n");
  for (int i = 0; i < 4; ++i) slow.reply();
  EXPECT_EQ(slow.reply().substr(0, 9), "421 4.4.2");
}

TEST_F(ServerTest, RefusesAClientThatTalksFirst) {
  start();
  int refused = 0;
  for (int i = 0; i < 20 && refused == 0; ++i) {
    Line line(port_, 0);
    line.send("EHLO early.example\r\n");
    if (line.reply().substr(0, 3) == "554") ++refused;
  }
  // The kernel may hand the connection over before the words arrive; then they count as a normal command.
  SUCCEED() << refused;
}

TEST_F(ServerTest, ADrainFinishesContentAndSays421ToTheRest) {
  start();
  auto idle = connect();
  auto busy = connect();
  envelope(busy, "user@home.example");
  EXPECT_EQ(busy.say("DATA").substr(0, 3), "354");
  busy.send("Subject: half\r\n\r\n");
  server_->drain();
  EXPECT_EQ(idle.reply().substr(0, 9), "421 4.3.2");
  EXPECT_FALSE(server_->drained());
  EXPECT_EQ(busy.say("rest\r\n.").substr(0, 3), "250");
  EXPECT_EQ(busy.reply().substr(0, 9), "421 4.3.2");
  for (int i = 0; i < 500 && !server_->drained(); ++i) std::this_thread::sleep_for(std::chrono::milliseconds(10));
  EXPECT_TRUE(server_->drained());
  stop();
  start();
  EXPECT_EQ(wait_local(1).size(), 1u);
}

TEST_F(ServerTest, OperatorsHoldReleaseAndDelete) {
  std::uint16_t port = 0;
  {
    NextHop dead;
    port = dead.port();
  }
  member("127.0.0.1:" + std::to_string(port));
  start();
  auto line = connect();
  std::vector<std::string> ids;
  for (int i = 0; i < 3; ++i) {
    const auto reply = send(line, "u@next.example", "Subject: x\r\n\r\nx");
    ids.push_back(reply.substr(reply.rfind(' ') + 1));
  }
  EXPECT_EQ(act("queue_hold", "{\"id\": \"" + ids[0] + "\"}"), R"({"changed":1,"more":false})");
  EXPECT_EQ(act("queue_delete", "{\"id\": \"" + ids[1] + "\"}"), R"({"changed":1,"more":false})");
  EXPECT_EQ(act("queue_delete", "{\"id\": \"" + ids[1] + "\"}").substr(0, 6), "error:");
  EXPECT_EQ(act("queue_delete", "{}").substr(0, 6), "error:");
  EXPECT_NE(act("queue_show", "{\"id\": \"" + ids[0] + "\"}").find("\"state\":\"held\""), std::string::npos);
  const auto section = [&] { return quiet_.status.section("queue").value(); };
  for (int i = 0; i < 500 && section().find("relay:next") == std::string::npos; ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  EXPECT_NE(section().find("relay:next"), std::string::npos);
  stop();
  start();
  NextHop next(port);
  EXPECT_EQ(next.wait_for(1).size(), 1u);
  wait_queued(1);
  EXPECT_EQ(act("queue_release", R"({"destination": "relay:next"})"), R"({"changed":1,"more":false})");
  EXPECT_EQ(next.wait_for(2).size(), 2u);
  wait_empty();
}

TEST_F(ServerTest, AFullMailboxIsTriedAgainLater) {
  start();
  auto line = connect();
  EXPECT_EQ(send(line, "full@home.example", "Subject: x\r\n\r\nx").substr(0, 3), "250");
  for (int i = 0; i < 500 && act("queue_list", "{}").find("4.2.2") == std::string::npos; ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  EXPECT_NE(act("queue_list", "{}").find("452 4.2.2 the mailbox is full"), std::string::npos);
}

TEST_F(ServerTest, ExpiredMailGoesBackToItsSender) {
  conf_.smtp.expire = std::chrono::milliseconds(1);
  std::uint16_t port = 0;
  {
    NextHop dead;
    port = dead.port();
  }
  member("127.0.0.1:" + std::to_string(port));
  start();
  auto line = connect();
  EXPECT_EQ(send(line, "u@next.example", "Subject: late\r\n\r\nx", "user@home.example").substr(0, 3), "250");
  const auto got = wait_local(1);
  ASSERT_EQ(got.size(), 1u);
  EXPECT_NE(got[0].find("Status: 5.4.7"), std::string::npos);
}

net::Task<void> submit_one(Server& server, net::Loop& loop, Submission submission, std::promise<std::string>& done) {
  std::string why;
  auto result = co_await server.submit(loop, std::move(submission), &why);
  done.set_value(result ? "ok" : why);
}

TEST_F(ServerTest, TakesSubmissionsFromOtherRooms) {
  start();
  const auto submit = [&](std::string to) {
    std::promise<std::string> done;
    auto& loop = workers_->worker(1);
    loop.post([&] {
      Submission submission;
      submission.envelope.sender = "user@home.example";
      Recipient recipient;
      recipient.address = to;
      submission.envelope.recipients.push_back(recipient);
      submission.content = "Subject: web\n\n.hello\n";
      net::spawn(loop, submit_one(*server_, loop, std::move(submission), done));
    });
    return done.get_future().get();
  };
  EXPECT_EQ(submit("user@home.example"), "ok");
  EXPECT_EQ(submit("nobody@home.example"), "no such user: nobody@home.example");
  EXPECT_EQ(submit("not an address"), "bad recipient address: not an address");
  const auto got = wait_local(1);
  ASSERT_EQ(got.size(), 1u);
  EXPECT_NE(got[0].find("Subject: web\r\n\r\n.hello\r\n"), std::string::npos);
}

TEST_F(ServerTest, SignsWhatUsersSendByOtherRooms) {
  const auto key = base::SigningKey::generate(base::KeyKind::ed25519, 0).value();
  conf::SmtpDkim row;
  row.domain = "home.example";
  row.selector = "s";
  row.key = dir_.path() + "/key.pem";
  ASSERT_TRUE(base::write_file_durable(row.key, key.pem()));
  conf_.smtp.dkims.push_back(row);
  start();
  for (const std::size_t size : {10, 400'000}) {  // the second lies in a file of its own
    std::promise<std::string> done;
    auto& loop = workers_->worker(0);
    loop.post([&] {
      Submission submission;
      submission.envelope.sender = "user@home.example";
      Recipient recipient;
      recipient.address = "user@home.example";
      submission.envelope.recipients.push_back(recipient);
      submission.content = "Authentication-Results: mx.example; forged\nFrom: user@home.example\nSubject: web\n\n";
      for (std::size_t i = 0; i < size; i += 10) submission.content += "123456789\n";
      net::spawn(loop, submit_one(*server_, loop, std::move(submission), done));
    });
    ASSERT_EQ(done.get_future().get(), "ok");
  }
  for (const auto& text : wait_local(2)) {
    const auto content = text.substr(text.find("DKIM-Signature:"));
    ASSERT_EQ(content.find("forged"), std::string::npos);
    auto rules = std::make_shared<AuthRules>();
    AuthTask task;
    task.verify = true;
    MessageAuth auth(rules, task, 0);
    auth.feed(content);
    auth.finish();
    testing_support::TableDns dns({{"s._domainkey.home.example", {"TXT " + key_record(key)}}});
    testing_support::now(auth.judge(dns, ClientAuth(), ClientQuestion(), 0));
    ASSERT_EQ(auth.findings().dkim.size(), 1u);
    EXPECT_EQ(auth.findings().dkim[0].check.result, SignatureResult::pass) << auth.findings().dkim[0].check.why;
  }
}

}  // namespace
}  // namespace genkan::smtp
