// Maildir++ quota: what maildirsize says, and when it is made anew.
#include "webmail/maildir/quota.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include "base/file.hpp"
#include "tests/unit/temp_dir.hpp"
#include "webmail/maildir/maildir.hpp"

namespace genkan::webmail {
namespace {

using genkan::test::TempDir;

TEST(MaildirSizeText, IsSummedUp) {
  const auto known = parse_maildirsize("1000S,10C\n300 2\n-100  -1\n    50 1\n");
  ASSERT_TRUE(known);
  EXPECT_EQ(known->quota, 1000u);
  EXPECT_EQ(known->usage.octets, 250);
  EXPECT_EQ(known->usage.messages, 2);
  EXPECT_EQ(known->lines, 3u);
}

TEST(MaildirSizeText, IsNothingWhenItCannotBeReliedOn) {
  for (const auto& text : {std::string(), std::string("1000S\n"), std::string("1000S\n5 1"),
                           std::string("1000S\nx 1\n"), std::string("1000S\n5\n"), std::string("1000S\n-5 -1\n"),
                           std::string("1000S\n99999999999999999999 1\n"), "1000S\n5 1\n" + std::string(6000, '\n')})
    EXPECT_FALSE(parse_maildirsize(text)) << text.substr(0, 30);
}

struct Box {
  TempDir dir;
  Maildir maildir{dir.path() + "/m"};
  std::string file = dir.path() + "/m/maildirsize";
  bool fits(std::uint64_t size, std::uint64_t quota = 1000) { return *maildir_has_room(maildir.path(), quota, size); }
  void add(std::size_t size, const std::string& folder = "") {
    const std::string text(size, 'x');
    Source source;
    source.memory = text;
    ASSERT_TRUE(maildir.deliver(folder, source));
  }
  MaildirUsage usage() { return parse_maildirsize(*base::read_file(file))->usage; }
};

TEST(MaildirQuota, CountsAllFoldersButTheTrashAndFollowsEveryChange) {
  Box box;
  EXPECT_TRUE(box.fits(1000)) << "a mailbox that does not exist yet";
  EXPECT_FALSE(box.fits(1001));
  box.add(100);
  EXPECT_FALSE(base::read_file(box.file)) << "nobody asked about a quota";
  ASSERT_TRUE(box.maildir.create_all({".Work", ".Trash"}));
  box.add(200, ".Work");
  box.add(400, ".Trash");
  EXPECT_TRUE(box.fits(700));
  EXPECT_FALSE(box.fits(701));
  box.add(50);
  EXPECT_EQ(box.usage().octets, 350);
  auto work = *box.maildir.list(".Work");
  auto moved = box.maildir.move(".Work", work[0], "");
  ASSERT_TRUE(moved);
  EXPECT_EQ(box.usage().octets, 350) << "from one folder to another";
  moved = box.maildir.move("", *moved, ".Trash");
  ASSERT_TRUE(moved);
  EXPECT_EQ(box.usage().octets, 150);
  EXPECT_EQ(box.usage().messages, 2);
  ASSERT_TRUE(box.maildir.link(".Trash", *moved, ""));
  EXPECT_EQ(box.usage().octets, 350);
  for (const auto& entry : *box.maildir.list("")) ASSERT_TRUE(box.maildir.remove("", entry));
  EXPECT_EQ(box.usage().octets, 0);
  EXPECT_EQ(box.usage().messages, 0);
  ASSERT_TRUE(box.maildir.remove_folder(".Work"));
  EXPECT_FALSE(base::read_file(box.file)) << "made anew when it is needed";
}

TEST(MaildirQuota, IsMadeAnewWhenItIsWrongOldOrForAnotherQuota) {
  Box box;
  box.add(600);
  EXPECT_TRUE(box.fits(400));
  ASSERT_TRUE(base::write_file_durable(box.file, "1000S\n300 1\n300 1\n300 1\n"));
  EXPECT_TRUE(box.fits(400)) << "full by a sum of changes: it is looked at once more";
  ASSERT_TRUE(base::write_file_durable(box.file, "1000S\n900 1\n"));
  EXPECT_FALSE(box.fits(400)) << "full by a fresh count: that is believed";
  EXPECT_TRUE(box.fits(1400, 2000)) << "another quota";
  EXPECT_FALSE(box.fits(1401, 2000));
  ASSERT_TRUE(base::write_file_durable(box.file, "rubbish"));
  EXPECT_TRUE(box.fits(400));
  std::string long_one = "1000S\n600 1\n";
  while (long_one.size() < kMaxMaildirSize) long_one += "0 0\n";
  ASSERT_TRUE(base::write_file_durable(box.file, long_one));
  EXPECT_TRUE(box.fits(400));
  EXPECT_EQ(*base::read_file(box.file), "1000S\n600 1\n");
}

}  // namespace
}  // namespace genkan::webmail
