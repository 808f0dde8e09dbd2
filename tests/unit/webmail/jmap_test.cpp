#include "webmail/jmap/jmap.hpp"

#include <gtest/gtest.h>

#include <boost/json.hpp>

#include "tests/unit/temp_dir.hpp"
#include "webmail/delivery.hpp"

namespace genkan::webmail::jmap {
namespace {

namespace json = boost::json;
using genkan::test::TempDir;

const char* const kUsing =
    R"("using":["urn:ietf:params:jmap:core","urn:ietf:params:jmap:mail","urn:ietf:params:jmap:submission"])";

class JmapTest : public ::testing::Test {
 protected:
  void SetUp() override {
    auto opened = MailStore::open({dir_.path() + "/mail", dir_.path() + "/index.db"});
    ASSERT_TRUE(opened);
    store_ = std::move(*opened);
    ASSERT_TRUE(store_->sync());
    submit_ = [this](const Envelope& envelope, std::string_view message) -> Result<std::string> {
      if (refuse_) return Errc::exhausted;
      sent_.push_back({envelope, std::string(message)});
      return std::string("queue-1");
    };
  }

  Reply raw(std::string_view text) {
    Context context{user_, *store_, uploads_, submit_, limits_, 1'700'000'000};
    return process(context, text);
  }
  // `calls` with ' for ", and A for the account.
  json::array run(std::string calls, const std::string& more = "") {
    std::replace(calls.begin(), calls.end(), '\'', '"');
    for (auto at = calls.find("\"A\""); at != std::string::npos; at = calls.find("\"A\"")) {
      calls.replace(at, 3, "\"" + user_.account_id + "\"");
    }
    const auto reply = raw("{" + std::string(kUsing) + ",\"methodCalls\":" + calls + more + "}");
    EXPECT_EQ(reply.status, 200) << reply.body;
    return json::parse(reply.body).at("methodResponses").as_array();
  }
  json::value one(const std::string& name, const std::string& args) {
    const auto responses = run("[['" + name + "'," + args + ",'c']]");
    EXPECT_EQ(responses.at(0).at(0).as_string(), name) << json::serialize(responses);
    return responses.at(0).at(1);
  }
  std::string error_of(const std::string& name, const std::string& args) {
    const auto responses = run("[['" + name + "'," + args + ",'c']]");
    EXPECT_EQ(responses.at(0).at(0).as_string(), "error") << json::serialize(responses);
    return std::string(responses.at(0).at(1).at("type").as_string().c_str());
  }
  void deliver(const std::string& text) {
    Source source;
    source.memory = text;
    Maildir maildir(dir_.path() + "/mail");
    ASSERT_TRUE(maildir.deliver("", source));
    ASSERT_TRUE(store_->sync());
  }
  std::string box(const std::string& role) {
    const auto all = *store_->mailboxes(false);
    for (const auto& b : all) {
      if (b.role == role) return b.id;
    }
    return {};
  }
  std::string first_id() { return store_->query({})->ids.at(0); }
  static std::string str(const json::value& v) { return std::string(v.as_string().c_str()); }

  TempDir dir_;
  User user_{"alice@example.org", "Alice", "a00112233445566778899", 0};
  std::unique_ptr<MailStore> store_;
  Uploads uploads_{dir_.path() + "/uploads", 1 << 20};
  Submit submit_;
  Limits limits_;
  bool refuse_ = false;
  struct Sent {
    Envelope envelope;
    std::string message;
  };
  std::vector<Sent> sent_;
};

TEST_F(JmapTest, WhatIsNotARequestIsAProblem) {
  const auto type = [&](std::string_view text) {
    const auto reply = raw(text);
    EXPECT_EQ(reply.status, 400);
    EXPECT_EQ(reply.type, "application/problem+json");
    return str(json::parse(reply.body).at("type"));
  };
  EXPECT_EQ(type("{"), "urn:ietf:params:jmap:error:notJSON");
  EXPECT_EQ(type("\"\xFF\""), "urn:ietf:params:jmap:error:notJSON");
  EXPECT_EQ(type(std::string(5000, '[')), "urn:ietf:params:jmap:error:notJSON");
  EXPECT_EQ(type("[]"), "urn:ietf:params:jmap:error:notRequest");
  EXPECT_EQ(type(R"({"using":[],"methodCalls":[["x",{}]]})"), "urn:ietf:params:jmap:error:notRequest");
  EXPECT_EQ(type(R"({"using":["urn:x"],"methodCalls":[]})"), "urn:ietf:params:jmap:error:unknownCapability");
  limits_.max_calls = 1;
  EXPECT_EQ(type(R"({"using":[],"methodCalls":[["x",{},"1"],["x",{},"2"]]})"), "urn:ietf:params:jmap:error:limit");
}

TEST_F(JmapTest, AMethodNeedsItsCapability) {
  const auto reply = raw(R"({"using":["urn:ietf:params:jmap:core"],"methodCalls":[["Email/get",{},"1"]]})");
  EXPECT_NE(reply.body.find("unknownMethod"), std::string::npos);
  EXPECT_EQ(error_of("Email/fly", "{'accountId':'A'}"), "unknownMethod");
}

TEST_F(JmapTest, EchoAnswersWhatItGot) { EXPECT_EQ(str(one("Core/echo", "{'hello':'world'}").at("hello")), "world"); }

TEST_F(JmapTest, ArgumentsAreCheckedStrictly) {
  EXPECT_EQ(error_of("Mailbox/get", "{}"), "invalidArguments");
  EXPECT_EQ(error_of("Mailbox/get", "{'accountId':'other'}"), "accountNotFound");
  EXPECT_EQ(error_of("Mailbox/get", "{'accountId':'A','ids':'x'}"), "invalidArguments");
  EXPECT_EQ(error_of("Mailbox/get", "{'accountId':'A','properties':['colour']}"), "invalidArguments");
  EXPECT_EQ(error_of("Mailbox/get", "{'accountId':'A','surprise':1}"), "invalidArguments");
  EXPECT_EQ(error_of("Email/query", "{'accountId':'A','filter':{'flies':true}}"), "invalidArguments");
  EXPECT_EQ(error_of("Email/query", "{'accountId':'A','sort':[{'property':'colour'}]}"), "unsupportedSort");
  EXPECT_EQ(error_of("Email/query", "{'accountId':'A','limit':-1}"), "invalidArguments");
  EXPECT_EQ(error_of("Email/changes", "{'accountId':'A','sinceState':'x'}"), "cannotCalculateChanges");
  EXPECT_EQ(error_of("Email/set", "{'accountId':'A','ifInState':'x'}"), "stateMismatch");
}

TEST_F(JmapTest, QueryAndGetInOneRequestByReference) {
  deliver("From: Bob <b@x.org>\r\nSubject: Hi\r\n\r\nhello\r\n");
  const auto responses =
      run("[['Email/query',{'accountId':'A','filter':{'inMailbox':'" + box("inbox") +
          "'},'calculateTotal':true},'q'],"
          "['Email/get',{'accountId':'A','#ids':{'resultOf':'q','name':'Email/query','path':'/ids'},"
          "'properties':['subject','from','keywords','mailboxIds']},'g'],"
          "['Thread/get',{'accountId':'A','#ids':{'resultOf':'g','name':'Email/get','path':'/list/*/threadId'}},'t'],"
          "['Email/get',{'accountId':'A','#ids':{'resultOf':'q','name':'Email/query','path':'/nothing'}},'x']]");
  EXPECT_EQ(responses.at(0).at(1).at("total").as_int64(), 1);
  const auto& email = responses.at(1).at(1).at("list").at(0);
  EXPECT_EQ(str(email.at("subject")), "Hi");
  EXPECT_EQ(str(email.at("from").at(0).at("email")), "b@x.org");
  EXPECT_TRUE(email.at("mailboxIds").at(box("inbox")).as_bool());
  EXPECT_EQ(responses.at(2).at(0).as_string(), "error");  // threadId was not asked for
  EXPECT_EQ(str(responses.at(3).at(1).at("type")), "invalidResultReference");
}

TEST_F(JmapTest, ReferencesCannotMultiplyARequest) {
  std::string calls = "[['Core/echo',{'x':[1,1,1,1,1,1,1,1,1,1]},'0']";
  for (int i = 1; i < 20; ++i) {
    const auto from = "{'resultOf':'" + std::to_string(i - 1) + "','name':'Core/echo','path':''}";
    calls += ",['Core/echo',{'#a':" + from + ",'#b':" + from + ",'#c':" + from + "},'" + std::to_string(i) + "']";
  }
  const auto responses = run(calls + "]");
  EXPECT_EQ(str(responses.at(19).at(1).at("type")), "invalidResultReference");
}

TEST_F(JmapTest, ABodyComesWithItsValues) {
  deliver(
      "Subject: Hi\r\nContent-Type: multipart/alternative; boundary=b\r\n\r\n--b\r\n\r\nplain\r\n--b\r\n"
      "Content-Type: text/html\r\n\r\n<p>rich</p>\r\n--b--\r\n");
  const auto list = one("Email/get", "{'accountId':'A','ids':['" + first_id() +
                                         "','nobody'],'properties':['textBody','htmlBody','bodyValues','bodyStructure',"
                                         "'header:Subject:asText','header:X-No'],'fetchHTMLBodyValues':true}");
  const auto& email = list.at("list").at(0);
  EXPECT_EQ(str(email.at("textBody").at(0).at("partId")), "1");
  EXPECT_EQ(str(email.at("bodyValues").at("2").at("value")), "<p>rich</p>");
  EXPECT_FALSE(email.at("bodyValues").as_object().contains("1"));
  EXPECT_EQ(email.at("bodyStructure").at("subParts").as_array().size(), 2U);
  EXPECT_EQ(str(email.at("header:Subject:asText")), "Hi");
  EXPECT_TRUE(email.at("header:X-No").is_null());
  EXPECT_EQ(str(list.at("notFound").at(0)), "nobody");
  EXPECT_EQ(error_of("Email/get", "{'accountId':'A','ids':[],'properties':['header:From:asDate']}"),
            "invalidArguments");
}

TEST_F(JmapTest, KeywordsAndMailboxesArePatched) {
  deliver("Subject: Hi\r\n\r\nx");
  const auto id = first_id();
  auto result = one("Email/set", "{'accountId':'A','update':{'" + id + "':{'keywords/$seen':true,'mailboxIds/" +
                                     box("inbox") + "':null,'mailboxIds/" + box("archive") + "':true}}}");
  EXPECT_TRUE(result.at("updated").at(id).is_null());
  EXPECT_NE(result.at("oldState"), result.at("newState"));
  EXPECT_EQ(store_->email(id)->mailbox_ids, std::vector<std::string>{box("archive")});
  EXPECT_EQ(store_->email(id)->keywords, std::vector<std::string>{"$seen"});
  result = one("Email/set", "{'accountId':'A','update':{'" + id + "':{'mailboxIds':{}},'nobody':{'keywords':{}}}}");
  EXPECT_EQ(str(result.at("notUpdated").at(id).at("type")), "invalidProperties");
  EXPECT_EQ(str(result.at("notUpdated").at("nobody").at("type")), "notFound");
  result = one("Email/set", "{'accountId':'A','update':{'" + id + "':{'keywords/b d':true}}}");
  EXPECT_EQ(str(result.at("notUpdated").at(id).at("type")), "invalidProperties");
  result = one("Email/set", "{'accountId':'A','destroy':['" + id + "']}");
  EXPECT_EQ(str(result.at("destroyed").at(0)), id);
  EXPECT_TRUE(store_->query({})->ids.empty());
}

std::string draft(const std::string& drafts, const std::string& from = "alice@example.org") {
  return "{'mailboxIds':{'" + drafts + "':true},'keywords':{'$draft':true},'from':[{'name':'Alice','email':'" + from +
         "'}],'to':[{'name':null,'email':'bob@x.org'}],'bcc':[{'email':'hidden@x.org'}],'subject':'こんにちは',"
         "'textBody':[{'partId':'t','type':'text/plain'}],'bodyValues':{'t':{'value':'Hello Bob'}}}";
}

TEST_F(JmapTest, AMailIsWrittenSentAndFiledInOneRequest) {
  const auto responses =
      run("[['Email/set',{'accountId':'A','create':{'m':" + draft(box("drafts")) +
              "}},'0'],"
              "['EmailSubmission/set',{'accountId':'A','create':{'s':{'identityId':'default','emailId':'#m'}},"
              "'onSuccessUpdateEmail':{'#s':{'mailboxIds':{'" +
              box("sent") + "':true},'keywords':{'$seen':true}}}},'1']]",
          R"(,"createdIds":{})");
  ASSERT_EQ(responses.size(), 3U) << json::serialize(responses);
  EXPECT_EQ(str(responses.at(1).at(1).at("created").at("s").at("undoStatus")), "final");
  EXPECT_EQ(str(responses.at(2).at(0)), "Email/set");
  EXPECT_EQ(str(responses.at(2).at(2)), "1");
  ASSERT_EQ(sent_.size(), 1U);
  EXPECT_EQ(sent_[0].envelope.from, "alice@example.org");
  EXPECT_EQ(sent_[0].envelope.to, (std::vector<std::string>{"bob@x.org", "hidden@x.org"}));
  EXPECT_EQ(sent_[0].message.find("hidden@x.org"), std::string::npos);
  EXPECT_NE(sent_[0].message.find("Hello Bob"), std::string::npos);
  const auto email = *store_->email(first_id());
  EXPECT_EQ(email.mailbox_ids, std::vector<std::string>{box("sent")});
  EXPECT_EQ(email.keywords, std::vector<std::string>{"$seen"});
  EXPECT_EQ(email.subject, "こんにちは");
  EXPECT_EQ(one("EmailSubmission/get", "{'accountId':'A','ids':null}").at("list").as_array().size(), 1U);
}

TEST_F(JmapTest, AForeignSenderIsRefusedAndNothingIsSent) {
  const auto responses = run("[['Email/set',{'accountId':'A','create':{'m':" + draft(box("drafts"), "eve@x.org") +
                             "}},'0'],['EmailSubmission/set',{'accountId':'A','create':{"
                             "'s':{'identityId':'default','emailId':'#m'}},'onSuccessDestroyEmail':['#s']},'1']]");
  EXPECT_EQ(str(responses.at(1).at(1).at("notCreated").at("s").at("type")), "forbiddenFrom");
  EXPECT_EQ(responses.size(), 2U);
  EXPECT_TRUE(sent_.empty());
}

TEST_F(JmapTest, AFullQueueLeavesTheDraft) {
  refuse_ = true;
  const auto responses = run("[['Email/set',{'accountId':'A','create':{'m':" + draft(box("drafts")) +
                             "}},'0'],['EmailSubmission/set',{'accountId':'A','create':{'s':{'identityId':'default',"
                             "'emailId':'#m'}},'onSuccessDestroyEmail':['#s']},'1']]");
  EXPECT_EQ(str(responses.at(1).at(1).at("notCreated").at("s").at("type")), "overQuota");
  EXPECT_EQ(store_->query({})->ids.size(), 1U);
}

TEST_F(JmapTest, EnvelopesAreChecked) {
  const auto id = str(
      one("Email/set", "{'accountId':'A','create':{'m':" + draft(box("drafts")) + "}}").at("created").at("m").at("id"));
  const auto error = [&](const std::string& envelope) {
    const auto r = one("EmailSubmission/set", "{'accountId':'A','create':{'s':{'identityId':'default','emailId':'" +
                                                  id + "','envelope':" + envelope + "}}}");
    return str(r.at("notCreated").at("s").at("type"));
  };
  EXPECT_EQ(error("{'mailFrom':{'email':'eve@x.org'},'rcptTo':[{'email':'b@x.org'}]}"), "forbiddenMailFrom");
  EXPECT_EQ(error("{'mailFrom':{'email':'alice@example.org'},'rcptTo':[]}"), "noRecipients");
  EXPECT_EQ(error("{'mailFrom':{'email':'alice@example.org'},'rcptTo':[{'email':'b@x.org> NOTIFY=NEVER'}]}"),
            "invalidRecipients");
  EXPECT_EQ(error("{'mailFrom':3,'rcptTo':[]}"), "invalidProperties");
  EXPECT_TRUE(sent_.empty());
}

TEST_F(JmapTest, AnUploadBecomesAnAttachmentAndIsReadBack) {
  const auto blob = *uploads_.put(user_.account_id, std::string("PNG\0DATA", 8));
  auto result =
      one("Email/set", "{'accountId':'A','create':{'m':{'mailboxIds':{'" + box("drafts") +
                           "':true},'subject':'x','attachments':[{'blobId':'" + blob +
                           "','type':'image/png','name':'絵.png','disposition':'attachment'}],"
                           "'htmlBody':[{'partId':'h','type':'text/html'}],'bodyValues':{'h':{'value':'<p>x'}}}}}");
  const auto id = str(result.at("created").at("m").at("id"));
  const auto email =
      one("Email/get", "{'accountId':'A','ids':['" + id + "'],'properties':['attachments','hasAttachment']}")
          .at("list")
          .at(0);
  EXPECT_TRUE(email.at("hasAttachment").as_bool());
  const auto& part = email.at("attachments").at(0);
  EXPECT_EQ(str(part.at("name")), "絵.png");
  EXPECT_EQ(part.at("size").as_int64(), 8);
  EXPECT_EQ(read_blob(*store_, uploads_, user_.account_id, str(part.at("blobId")))->bytes, std::string("PNG\0DATA", 8));
  EXPECT_EQ(read_blob(*store_, uploads_, "aother", blob).error(), Errc::not_found);
  EXPECT_EQ(read_blob(*store_, uploads_, user_.account_id, "u../../etc/passwd").error(), Errc::not_found);
  result = one("Email/set", "{'accountId':'A','create':{'m':{'mailboxIds':{'" + box("drafts") +
                                "':true},'attachments':[{'blobId':'unone','type':'a/b'}]}}}");
  EXPECT_EQ(str(result.at("notCreated").at("m").at("type")), "blobNotFound");
}

TEST_F(JmapTest, ADraftWithWrongPropertiesNamesThem) {
  const auto result = one("Email/set",
                          "{'accountId':'A','create':{'m':{'mailboxIds':{'none':true},'size':3,"
                          "'header:Content-Type':'x','subject':7}}}");
  const auto properties = json::serialize(result.at("notCreated").at("m").at("properties"));
  for (const char* name : {"mailboxIds", "size", "header:Content-Type", "subject"}) {
    EXPECT_NE(properties.find(name), std::string::npos) << name;
  }
}

TEST_F(JmapTest, ABodyStructureIsWrittenAsATree) {
  const auto result = one("Email/set", "{'accountId':'A','create':{'m':{'mailboxIds':{'" + box("drafts") +
                                           "':true},'bodyStructure':{'type':'multipart/alternative','subParts':["
                                           "{'partId':'a','type':'text/plain'},{'partId':'b','type':'text/html'}]},"
                                           "'bodyValues':{'a':{'value':'A'},'b':{'value':'B'}}}}}");
  const auto id = str(result.at("created").at("m").at("id"));
  const auto email =
      one("Email/get", "{'accountId':'A','ids':['" + id + "'],'properties':['bodyStructure']}").at("list").at(0);
  EXPECT_EQ(str(email.at("bodyStructure").at("type")), "multipart/alternative");
  EXPECT_EQ(email.at("bodyStructure").at("subParts").as_array().size(), 2U);
}

TEST_F(JmapTest, MailboxesAreMadeQueriedAndDestroyed) {
  auto result =
      one("Mailbox/set", "{'accountId':'A','create':{'w':{'name':'仕事'},'p':{'name':'Plan','parentId':'#w'}}}");
  const auto work = str(result.at("created").at("w").at("id"));
  EXPECT_TRUE(result.at("created").as_object().contains("p"));
  result = one("Mailbox/query", "{'accountId':'A','filter':{'parentId':'" + work + "'}}");
  EXPECT_EQ(result.at("ids").as_array().size(), 1U);
  result = one("Mailbox/query", "{'accountId':'A','filter':{'role':'inbox'},'calculateTotal':true}");
  EXPECT_EQ(str(result.at("ids").at(0)), box("inbox"));
  result = one("Mailbox/set", "{'accountId':'A','create':{'d':{'name':'仕事'}},'update':{'" + box("inbox") +
                                  "':{'name':'x'}},'destroy':['" + work + "']}");
  EXPECT_EQ(str(result.at("notCreated").at("d").at("type")), "alreadyExists");
  EXPECT_EQ(str(result.at("notCreated").at("d").at("existingId")), work);
  EXPECT_EQ(str(result.at("notUpdated").at(box("inbox")).at("type")), "forbidden");
  EXPECT_EQ(str(result.at("notDestroyed").at(work).at("type")), "mailboxHasChild");
}

TEST_F(JmapTest, AMessageIsImportedByteForByte) {
  const std::string text = "Subject: imported\nX-Odd:  a  \n\nbody\n";
  const auto blob = *uploads_.put(user_.account_id, text);
  const auto result = one("Email/import", "{'accountId':'A','emails':{'i':{'blobId':'" + blob + "','mailboxIds':{'" +
                                              box("archive") + "':true},'receivedAt':'2020-01-01T00:00:00Z'}}}");
  const auto id = str(result.at("created").at("i").at("id"));
  EXPECT_EQ(*store_->bytes(*store_->email(id)), text);
  EXPECT_EQ(store_->email(id)->received, 1577836800);
}

TEST_F(JmapTest, IdentitiesAreReadOnly) {
  EXPECT_EQ(str(one("Identity/get", "{'accountId':'A','ids':null}").at("list").at(0).at("email")), "alice@example.org");
  EXPECT_EQ(error_of("Identity/set", "{'accountId':'A'}"), "forbidden");
}

TEST_F(JmapTest, ChangesOfAllTypesAreTold) {
  const auto since = *store_->state(Kind::email);
  const auto boxes = *store_->state(Kind::mailbox);
  deliver("Subject: Hi\r\n\r\nx");
  EXPECT_EQ(one("Email/changes", "{'accountId':'A','sinceState':'" + since + "'}").at("created").as_array().size(), 1U);
  const auto mailbox = one("Mailbox/changes", "{'accountId':'A','sinceState':'" + boxes + "'}");
  EXPECT_EQ(mailbox.at("updatedProperties").as_array().size(), 4U);
  const auto change = json::parse(state_change_json(user_, *store_, "Email,Mailbox"));
  EXPECT_EQ(change.at("changed").at(user_.account_id).as_object().size(), 2U);
}

TEST_F(JmapTest, TheSessionObjectHasAbsoluteAddresses) {
  const auto session = json::parse(session_json(user_, limits_, "https://mail.example.org"));
  EXPECT_EQ(str(session.at("apiUrl")), "https://mail.example.org/webmail/jmap/api");
  EXPECT_TRUE(session.at("accounts").at(user_.account_id).at("isPersonal").as_bool());
  EXPECT_EQ(session.at("capabilities").at("urn:ietf:params:jmap:core").at("maxCallsInRequest").as_int64(), 32);
}

TEST_F(JmapTest, TooManyBytesOfMailInOneRequestAreRefused) {
  deliver("Subject: Hi\r\n\r\n" + std::string(1000, 'x'));
  Context context{user_, *store_, uploads_, submit_, limits_, 0, 500};
  const auto reply = process(context, "{" + std::string(kUsing) + R"(,"methodCalls":[["Email/get",{"accountId":")" +
                                          user_.account_id + R"(","ids":[")" + first_id() + R"("]},"0"]]})");
  EXPECT_NE(reply.body.find("requestTooLarge"), std::string::npos);
}

TEST(UploadStore, AnAccountHasAQuotaAndOldUploadsGo) {
  TempDir dir;
  Uploads uploads(dir.path(), 10);
  const auto id = uploads.put("a", "12345678");
  ASSERT_TRUE(id);
  EXPECT_EQ(uploads.put("a", "12345678 more").error(), Errc::exhausted);
  uploads.expire("a", 0);
  EXPECT_TRUE(uploads.get("a", *id));
  uploads.expire("a", 1LL << 40);
  EXPECT_EQ(uploads.get("a", *id).error(), Errc::not_found);
}

}  // namespace
}  // namespace genkan::webmail::jmap
