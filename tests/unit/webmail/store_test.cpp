#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>

#include "base/file.hpp"
#include "tests/unit/temp_dir.hpp"
#include "webmail/store/mail_store.hpp"

namespace genkan::webmail {
namespace {

using genkan::test::TempDir;

std::string mail(const std::string& id, const std::string& subject, const std::string& more = "",
                 const std::string& body = "hello") {
  return "From: Bob <bob@x.org>\r\nTo: a@x.org\r\nMessage-ID: <" + id + "@x>\r\nSubject: " + subject + "\r\n" + more +
         "\r\n" + body + "\r\n";
}

class StoreTest : public ::testing::Test {
 protected:
  void SetUp() override { reopen(); }
  void reopen() {
    store_.reset();
    auto opened = MailStore::open({dir_.path() + "/mail", dir_.path() + "/index/a.db"},
                                  [this](const std::string& path, Error) { problems_.push_back(path); });
    ASSERT_TRUE(opened) << opened.error().message();
    store_ = std::move(*opened);
    maildir_ = std::make_unique<Maildir>(dir_.path() + "/mail");
    ASSERT_TRUE(store_->sync());
  }
  void deliver(const std::string& text, const std::string& folder = "") {
    Source source;
    source.memory = text;
    ASSERT_TRUE(maildir_->deliver(folder, source));
    ASSERT_TRUE(store_->sync());
  }
  std::string box(const std::string& role) {
    const auto all = *store_->mailboxes();
    for (const auto& b : all) {
      if (b.role == role) return b.id;
    }
    return {};
  }
  Mailbox counts(const std::string& role) {
    const auto all = *store_->mailboxes();
    return *std::find_if(all.begin(), all.end(), [&](const Mailbox& b) { return b.role == role; });
  }
  std::vector<std::string> ids(Filter filter = {}) {
    EmailQuery query;
    query.filter = std::move(filter);
    return store_->query(query)->ids;
  }
  Email first() { return *store_->email(ids().at(0)); }

  TempDir dir_;
  std::unique_ptr<MailStore> store_;
  std::unique_ptr<Maildir> maildir_;
  std::vector<std::string> problems_;
};

Filter leaf(Filter::Kind kind, std::string text, std::int64_t number = 0) {
  Filter f;
  f.kind = kind;
  f.text = std::move(text);
  f.number = number;
  return f;
}

TEST(SubjectBase, PrefixesAndListTagsAreTakenOff) {
  bool reply = false;
  EXPECT_EQ(subject_base("Re: [list] RE[2]: Fwd: Hello", &reply), "hello");
  EXPECT_TRUE(reply);
  EXPECT_EQ(subject_base("返信：会議", &reply), "会議");
  EXPECT_EQ(subject_base("[only tag]"), "[only tag]");
  EXPECT_EQ(subject_base("Reminder: x"), "reminder: x");
}

TEST_F(StoreTest, ANewAccountHasItsRoles) {
  for (const char* role : {"inbox", "drafts", "sent", "archive", "junk", "trash"}) EXPECT_NE(box(role), "") << role;
}

TEST_F(StoreTest, ADeliveredMailIsIndexedAndMovesToCur) {
  deliver(mail("1", "Hi"));
  const auto e = first();
  EXPECT_EQ(e.subject, "Hi");
  EXPECT_EQ(e.from_json, R"([{"name":"Bob","email":"bob@x.org"}])");
  EXPECT_EQ(e.preview, "hello");
  EXPECT_EQ(e.mailbox_ids, std::vector<std::string>{box("inbox")});
  EXPECT_FALSE(maildir_->list("")->front().is_new);
  EXPECT_EQ(*store_->bytes(e), mail("1", "Hi"));
  EXPECT_EQ(counts("inbox").unread_emails, 1);
}

TEST_F(StoreTest, IdsSurviveAReopening) {
  deliver(mail("1", "Hi"));
  const auto before = ids();
  reopen();
  EXPECT_EQ(ids(), before);
}

TEST_F(StoreTest, KeywordsBecomeFlagsAndFlagsKeywords) {
  deliver(mail("1", "Hi"));
  ASSERT_TRUE(store_->set_keywords(first(), {"$seen", "$flagged", "work"}));
  EXPECT_EQ(maildir_->list("")->front().flags, "FS");
  EXPECT_EQ(counts("inbox").unread_emails, 0);
  // Another program takes a flag away; the keyword without a flag stays.
  ASSERT_TRUE(maildir_->set_flags("", maildir_->list("")->front(), "S"));
  ASSERT_TRUE(store_->sync());
  EXPECT_EQ(first().keywords, (std::vector<std::string>{"$seen", "work"}));
}

TEST_F(StoreTest, AMailCanBeInTwoMailboxesWithOneFile) {
  deliver(mail("1", "Hi"));
  const auto id = first().id;
  ASSERT_TRUE(store_->set_mailboxes(first(), {box("inbox"), box("archive")}));
  EXPECT_EQ(first().mailbox_ids.size(), 2U);
  const auto entry = maildir_->list("")->front();
  EXPECT_EQ(std::filesystem::hard_link_count(maildir_->file_path("", entry)), 2U);
  ASSERT_TRUE(store_->set_mailboxes(first(), {box("archive")}));
  EXPECT_TRUE(maildir_->list("")->empty());
  ASSERT_TRUE(store_->sync());
  EXPECT_EQ(first().id, id);
  EXPECT_EQ(*store_->bytes(first()), mail("1", "Hi"));
}

TEST_F(StoreTest, AMoveByAnotherProgramKeepsTheId) {
  deliver(mail("1", "Hi"));
  const auto id = first().id;
  ASSERT_TRUE(maildir_->move("", maildir_->list("")->front(), ".Trash"));
  ASSERT_TRUE(store_->sync());
  EXPECT_EQ(first().id, id);
  EXPECT_EQ(first().mailbox_ids, std::vector<std::string>{box("trash")});
}

TEST_F(StoreTest, AFileThatWasRemovedIsADestroyedEmail) {
  deliver(mail("1", "Hi"));
  const auto since = *store_->state(Kind::email);
  const auto id = first().id;
  ASSERT_TRUE(maildir_->remove("", maildir_->list("")->front()));
  ASSERT_TRUE(store_->sync());
  EXPECT_TRUE(ids().empty());
  EXPECT_EQ(store_->changes(Kind::email, since, 0)->destroyed, std::vector<std::string>{id});
}

TEST_F(StoreTest, AppendAndDestroyGoThroughToTheFiles) {
  auto e = store_->append(mail("1", "Draft"), {box("drafts"), box("archive")}, {"$draft", "$seen"}, 1000);
  ASSERT_TRUE(e);
  EXPECT_EQ(e->mailbox_ids.size(), 2U);
  EXPECT_EQ(maildir_->list(".Drafts")->front().flags, "DS");
  ASSERT_TRUE(store_->sync());
  EXPECT_EQ(ids().size(), 1U);
  EXPECT_EQ(first().received, 1000);
  ASSERT_TRUE(store_->destroy(*e));
  EXPECT_TRUE(maildir_->list(".Drafts")->empty());
  EXPECT_TRUE(maildir_->list(".Archive")->empty());
  EXPECT_TRUE(ids().empty());
}

TEST_F(StoreTest, ThreadsFollowReferencesThenSubjects) {
  deliver(mail("1", "Plan"));
  deliver(mail("2", "something else", "References: <0@x> <1@x>\r\n"));
  deliver(mail("3", "Re: Plan"));
  deliver(mail("4", "Plan"));
  deliver(mail("5", "Re: Plan", "In-Reply-To: <unknown@x>\r\n"));
  EXPECT_EQ(store_->thread(store_->email(ids().back())->thread_id)->size(), 3U);
  EmailQuery collapsed;
  collapsed.collapse_threads = true;
  EXPECT_EQ(store_->query(collapsed)->ids.size(), 3U);
}

TEST_F(StoreTest, AnAnswerThatCameFirstJoinsItsQuestion) {
  deliver(mail("2", "Re: Plan", "In-Reply-To: <1@x>\r\n"));
  deliver(mail("1", "Plan"));
  EXPECT_EQ(store_->thread(first().thread_id)->size(), 2U);
}

TEST_F(StoreTest, ChangesTellWhatHappenedSinceAState) {
  const auto start = *store_->state(Kind::email);
  deliver(mail("1", "one"));
  const auto middle = *store_->state(Kind::email);
  deliver(mail("2", "two"));
  ASSERT_TRUE(store_->set_keywords(*store_->email(ids().back()), {"$seen"}));
  auto all = store_->changes(Kind::email, start, 0);
  EXPECT_EQ(all->created.size(), 2U);
  EXPECT_TRUE(all->updated.empty());
  auto later = store_->changes(Kind::email, middle, 0);
  EXPECT_EQ(later->created.size() + later->updated.size(), 2U);
  EXPECT_EQ(later->new_state, *store_->state(Kind::email));
  auto page = store_->changes(Kind::email, start, 1);
  EXPECT_TRUE(page->more);
  EXPECT_EQ(page->created.size(), 1U);
  EXPECT_EQ(store_->changes(Kind::email, page->new_state, 0)->created.size(), 1U);
  EXPECT_EQ(store_->changes(Kind::email, "nonsense", 0).error(), Errc::conflict);
  EXPECT_EQ(store_->changes(Kind::email, start + "9999", 0).error(), Errc::conflict);
}

TEST_F(StoreTest, CountsOfAMailboxChangeItsState) {
  const auto start = *store_->state(Kind::mailbox);
  deliver(mail("1", "one"));
  auto changes = store_->changes(Kind::mailbox, start, 0);
  EXPECT_EQ(changes->updated, std::vector<std::string>{box("inbox")});
  EXPECT_TRUE(changes->only_counts);
}

TEST_F(StoreTest, QueriesFilterByWordsFlagsAndPlaces) {
  deliver(mail("1", "Lunch", "", "Let us eat ramen"));
  deliver(mail("2", "=?UTF-8?B?5Lya6K2w?=", "Content-Type: text/plain; charset=utf-8\r\n", "会議は明日です"));
  deliver(mail("3", "Spam"), ".Junk");
  using K = Filter::Kind;
  EXPECT_EQ(ids(leaf(K::text, "RAMEN")).size(), 1U);
  EXPECT_EQ(ids(leaf(K::text, "会議")).size(), 1U);
  EXPECT_EQ(ids(leaf(K::text, "eat ramen")).size(), 1U);
  EXPECT_EQ(ids(leaf(K::text, "\"ramen eat\"")).size(), 0U);
  EXPECT_EQ(ids(leaf(K::body, "明日")).size(), 1U);
  EXPECT_EQ(ids(leaf(K::subject, "lunch")).size(), 1U);
  EXPECT_EQ(ids(leaf(K::from, "bob")).size(), 3U);
  EXPECT_EQ(ids(leaf(K::in_mailbox, box("junk"))).size(), 1U);
  EXPECT_EQ(ids(leaf(K::has_keyword, "$seen")).size(), 0U);
  EXPECT_EQ(ids(leaf(K::not_keyword, "$seen")).size(), 3U);
  Filter none;
  none.kind = K::none_of;
  none.children = {leaf(K::in_mailbox, box("junk")), leaf(K::subject, "Lunch")};
  EXPECT_EQ(ids(none).size(), 1U);
  EXPECT_EQ(ids(leaf(K::text, "%_' OR 1=1 --")).size(), 0U);
}

TEST_F(StoreTest, QueriesPageAndAnchor) {
  for (int i = 0; i < 5; ++i) {
    auto e = store_->append(mail(std::to_string(i), "s" + std::to_string(i)), {box("inbox")}, {}, 1000 + i);
    ASSERT_TRUE(e);
  }
  const auto all = ids();
  EXPECT_EQ(store_->email(all[0])->subject, "s4");
  EmailQuery q;
  q.position = -2;
  EXPECT_EQ(store_->query(q)->position, 3);
  q = {};
  q.anchor = all[2];
  q.anchor_offset = -1;
  q.limit = 2;
  EXPECT_EQ(store_->query(q)->ids, (std::vector<std::string>{all[1], all[2]}));
  q.anchor = "nobody";
  EXPECT_FALSE(store_->query(q)->anchor_found);
  q = {};
  q.sort = {{Comparator::Key::subject, true, ""}};
  EXPECT_EQ(store_->email(store_->query(q)->ids[0])->subject, "s0");
}

TEST_F(StoreTest, MailboxesAreMadeRenamedAndDestroyed) {
  auto work = store_->create_mailbox("仕事", "", 10, true);
  ASSERT_TRUE(work);
  auto plan = store_->create_mailbox("Plan/2026.1", work->id, 10, true);
  ASSERT_TRUE(plan);
  EXPECT_EQ(plan->name, "Plan/2026.1");
  EXPECT_EQ(plan->parent_id, work->id);
  EXPECT_EQ(store_->create_mailbox("仕事", "", 10, true).error(), Errc::conflict);
  ASSERT_TRUE(store_->append(mail("1", "x"), {plan->id}, {}, 1000));
  ASSERT_TRUE(store_->change_mailbox(work->id, "Job", "", 10, true));
  ASSERT_TRUE(store_->sync());
  EXPECT_EQ(first().mailbox_ids, std::vector<std::string>{plan->id});
  EXPECT_EQ(store_->bytes(first())->size(), mail("1", "x").size());
  EXPECT_EQ(store_->destroy_mailbox(work->id, true).error(), Errc::conflict);
  EXPECT_EQ(store_->destroy_mailbox(plan->id, false).error(), Errc::exhausted);
  ASSERT_TRUE(store_->destroy_mailbox(plan->id, true));
  EXPECT_TRUE(ids().empty());
  EXPECT_EQ(store_->destroy_mailbox(box("inbox"), true).error(), Errc::refused);
  EXPECT_EQ(store_->change_mailbox(work->id, "x", work->id, 1, true).error(), Errc::refused);
}

TEST_F(StoreTest, FoldersOfOtherProgramsAppear) {
  ASSERT_TRUE(maildir_->create(".Lists.dev"));
  deliver(mail("1", "x"), ".Lists.dev");
  const auto all = *store_->mailboxes();
  EXPECT_TRUE(std::any_of(all.begin(), all.end(), [](const Mailbox& b) { return b.name == "Lists/dev"; }));
  ASSERT_TRUE(maildir_->remove_folder(".Lists.dev"));
  ASSERT_TRUE(store_->sync());
  EXPECT_TRUE(ids().empty());
}

TEST_F(StoreTest, AFolderThatIsNoFolderIsReportedAndTheRestGoesOn) {
  std::filesystem::remove_all(dir_.path() + "/mail/.Sent/cur");
  ASSERT_TRUE(base::write_file_durable(dir_.path() + "/mail/.Sent/cur", "a file"));
  std::filesystem::last_write_time(dir_.path() + "/mail/.Sent", std::filesystem::file_time_type::clock::now());
  deliver(mail("1", "Hi"));
  EXPECT_EQ(ids().size(), 1U);
  EXPECT_EQ(problems_.size(), 1U);
}

TEST_F(StoreTest, ABrokenIndexIsMadeAgain) {
  deliver(mail("1", "Hi"));
  store_.reset();
  ASSERT_TRUE(base::write_file_durable(dir_.path() + "/index/a.db", std::string(8192, 'x')));
  std::filesystem::remove(dir_.path() + "/index/a.db-wal");
  reopen();
  EXPECT_EQ(ids().size(), 1U);
  EXPECT_EQ(problems_.size(), 1U);
}

}  // namespace
}  // namespace genkan::webmail
