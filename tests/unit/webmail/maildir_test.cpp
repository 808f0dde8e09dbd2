#include "webmail/maildir/maildir.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>

#include "base/fd.hpp"
#include "base/file.hpp"
#include "tests/unit/temp_dir.hpp"
#include "webmail/delivery.hpp"

namespace genkan::webmail {
namespace {

using genkan::test::TempDir;

Source memory(std::string_view text) {
  Source source;
  source.memory = text;
  return source;
}

TEST(MaildirNames, FlagsAreSortedAndOnce) {
  const auto entry = maildir_entry("123.x.host,S=4:2,SRSF", false);
  EXPECT_EQ(entry.base, "123.x.host,S=4");
  EXPECT_EQ(entry.flags, "FRS");
  EXPECT_EQ(maildir_entry("plain", true).flags, "");
}

TEST(MaildirNames, FolderNamesAreModifiedUtf7) {
  EXPECT_EQ(folder_from_name("Work/Plan"), ".Work.Plan");
  EXPECT_EQ(folder_from_name("日本語"), ".&ZeVnLIqe-");
  EXPECT_EQ(folder_from_name("a&b.c"), ".a&-b&AC4-c");
  for (const char* name : {"Work/Plan", "日本語", "a&b.c", "😀 x", "&&", "~!@#"}) {
    EXPECT_EQ(name_from_folder(folder_from_name(name)), name);
  }
  EXPECT_EQ(name_from_folder(".&broken"), "&broken");
  EXPECT_EQ(name_from_folder(".&!!!-x"), "&!!!-x");
}

TEST(MaildirNames, UniqueNamesDiffer) { EXPECT_NE(unique_maildir_name(), unique_maildir_name()); }

TEST(MaildirFiles, ADeliveredMessageStandsInNewWithItsPrefix) {
  TempDir dir;
  Maildir maildir(dir.path() + "/m");
  Source source = memory("Subject: x\r\n\r\nbody\r\n");
  source.prefix = "Return-Path: <a@x.org>\r\n";
  ASSERT_TRUE(maildir.deliver("", source));
  auto list = maildir.list("");
  ASSERT_EQ(list->size(), 1U);
  EXPECT_TRUE(list->front().is_new);
  EXPECT_EQ(*base::read_file(maildir.file_path("", list->front())),
            "Return-Path: <a@x.org>\r\nSubject: x\r\n\r\nbody\r\n");
  EXPECT_TRUE(std::filesystem::is_empty(dir.path() + "/m/tmp"));
}

TEST(MaildirFiles, APieceOfAFileIsDelivered) {
  TempDir dir;
  ASSERT_TRUE(base::write_file_durable(dir.path() + "/spool", "headMESSAGEtail"));
  base::UniqueFd fd(::open((dir.path() + "/spool").c_str(), O_RDONLY));
  Maildir maildir(dir.path() + "/m");
  Source source;
  source.fd = fd.get();
  source.offset = 4;
  source.length = 7;
  ASSERT_TRUE(maildir.deliver("", source));
  EXPECT_EQ(*base::read_file(maildir.file_path("", maildir.list("")->front())), "MESSAGE");
  source.length = 100;
  EXPECT_EQ(maildir.deliver("", source).error(), Errc::corrupt);
  EXPECT_EQ(maildir.list("")->size(), 1U);
  EXPECT_TRUE(std::filesystem::is_empty(dir.path() + "/m/tmp"));
}

TEST(MaildirFiles, FlagsMovesAndLinksKeepTheBaseName) {
  TempDir dir;
  Maildir maildir(dir.path());
  ASSERT_TRUE(maildir.create(".Sent"));
  ASSERT_TRUE(maildir.deliver("", memory("x")));
  auto entry = maildir.set_flags("", maildir.list("")->front(), "SF");
  ASSERT_TRUE(entry);
  EXPECT_EQ(entry->flags, "FS");
  EXPECT_FALSE(entry->is_new);
  auto linked = maildir.link("", *entry, ".Sent");
  ASSERT_TRUE(linked);
  EXPECT_EQ(linked->base, entry->base);
  ASSERT_TRUE(maildir.remove("", *entry));
  EXPECT_EQ(*base::read_file(maildir.file_path(".Sent", *linked)), "x");
  EXPECT_EQ(maildir.set_flags("", *entry, "").error(), Errc::not_found);
}

TEST(LocalDelivery, GoesToTheUsersMaildirAndKnowsNobodyElse) {
  TempDir dir;
  auto users = Users::open(dir.path(), {64, 1});
  ASSERT_TRUE((*users)->add("a@x.org", "", "pw"));
  Delivery delivery(**users, dir.path());
  std::string heard;
  delivery.on_delivered([&](const User& user) { heard = user.address; });
  ASSERT_TRUE(delivery.deliver("A+tag@x.org", memory("hello")));
  EXPECT_EQ(heard, "a@x.org");
  EXPECT_EQ(Maildir(dir.path() + "/mail/x.org/a").list("")->size(), 1U);
  EXPECT_EQ(delivery.deliver("b@x.org", memory("hello")).error(), Errc::not_found);
}

TEST(LocalDelivery, AMaildirThatCannotBeWrittenIsAnError) {
  TempDir dir;
  auto users = Users::open(dir.path(), {64, 1});
  ASSERT_TRUE((*users)->add("a@x.org", "", "pw"));
  std::filesystem::create_directories(dir.path() + "/mail/x.org");
  ASSERT_TRUE(base::write_file_durable(dir.path() + "/mail/x.org/a", "a file where a folder should be"));
  Delivery delivery(**users, dir.path());
  auto r = delivery.deliver("a@x.org", memory("hello"));
  ASSERT_FALSE(r);
  EXPECT_NE(r.error(), Errc::not_found);
}

}  // namespace
}  // namespace genkan::webmail
