// Several files: include, merge, secrets in files.
#include <sys/stat.h>

#include "tests/unit/conf/reading.hpp"

namespace genkan::conf {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

std::vector<std::string> problems_of(const std::string& path) { return texts(read_file(path)); }

TEST(Include, a_pattern_gives_its_files_in_order_and_before_the_including_one) {
  TempDir dir;
  dir.write("conf.d/20-b.toml", "[[route]]\nname = \"b\"\npath = \"/b\"\nstatus = 204\n");
  dir.write("conf.d/10-a.toml", "[[route]]\nname = \"a\"\npath = \"/a\"\nstatus = 204\n[node]\nworkers = 2\n");
  dir.write("conf.d/ignored.txt", "not TOML");
  const auto path = dir.write(
      "main.toml", "include = [\"conf.d/*.toml\"]\n[[route]]\nname = \"rest\"\nstatus = 404\n[node]\nname = \"n\"\n");
  const auto result = read_file(path);
  ASSERT_THAT(texts(result), IsEmpty());
  ASSERT_EQ(result.conf->routes.size(), 3u);
  EXPECT_EQ(result.conf->routes[0].name, "a");
  EXPECT_EQ(result.conf->routes[1].name, "b");
  EXPECT_EQ(result.conf->routes[2].name, "rest") << "the route for everything else stays last";
  EXPECT_EQ(result.conf->node.workers, 2u);
  EXPECT_EQ(result.conf->node.name, "n");
  EXPECT_THAT(result.conf->files, ElementsAre(path, dir / "conf.d/10-a.toml", dir / "conf.d/20-b.toml"));
  EXPECT_EQ(result.conf->routes[1].where, dir / "conf.d/20-b.toml:1");
}

TEST(Include, a_pattern_may_match_nothing_but_a_name_must_exist) {
  TempDir dir;
  EXPECT_THAT(problems_of(dir.write("a.toml", "include = [\"conf.d/*.toml\"]")), IsEmpty());
  EXPECT_THAT(
      problems_of(dir.write("b.toml", "include = [\"x.toml\"]")),
      ElementsAre(dir / "b.toml:1:12: error: `" + (dir / "x.toml") + "` can't be read: No such file or directory"));
  EXPECT_THAT(problems_of(dir.write("c.toml", "include = 1")), ElementsAre(HasSubstr("must be a list of file names")));
  EXPECT_THAT(problems_of(dir.write("d.toml", "include = [1]")), ElementsAre(HasSubstr("must hold file names")));
}

TEST(Include, a_folder_whose_name_looks_like_a_pattern_is_no_pattern) {
  TempDir dir;
  dir.write("[ab]*/conf.d/x.toml", "[node]\nname = \"found\"");
  const auto result = read_file(dir.write("[ab]*/main.toml", "include = [\"conf.d/*.toml\"]"));
  ASSERT_THAT(texts(result), IsEmpty());
  EXPECT_EQ(result.conf->node.name, "found");
}

TEST(Include, cycles_and_second_inclusions_are_errors) {
  TempDir dir;
  dir.write("b.toml", "include = [\"a.toml\"]");
  EXPECT_THAT(
      problems_of(dir.write("a.toml", "include = [\"b.toml\"]")),
      ElementsAre(dir / "b.toml:1:12: error: `" + (dir / "a.toml") + "` includes itself, directly or by another file"));
  EXPECT_THAT(problems_of(dir.write("self.toml", "include = [\"./self.toml\"]")),
              ElementsAre(HasSubstr("includes itself")));
  dir.write("leaf.toml", "");
  EXPECT_THAT(
      problems_of(dir.write("twice.toml", "include = [\"leaf.toml\", \"../" +
                                              std::filesystem::path(dir / "").parent_path().filename().string() +
                                              "/leaf.toml\"]")),
      ElementsAre(HasSubstr("is included twice")));
}

TEST(Include, includes_are_not_followed_without_end) {
  TempDir dir;
  for (int i = 0; i < 40; ++i) {
    dir.write(std::to_string(i) + ".toml", "include = [\"" + std::to_string(i + 1) + ".toml\"]");
  }
  EXPECT_THAT(problems_of(dir / "0.toml"), ElementsAre(HasSubstr("more than 16 deep")));
}

TEST(Include, one_value_in_two_files_names_both_places) {
  TempDir dir;
  dir.write("extra.toml", "\n[node]\nname = \"x\"\n");
  EXPECT_THAT(
      problems_of(dir.write("main.toml", "include = [\"extra.toml\"]\n[node]\nname = \"y\"\n")),
      ElementsAre(dir / "main.toml:3:1: error: `node.name` is set twice: here and at " + (dir / "extra.toml:3:1")));
}

TEST(Include, an_error_in_an_included_file_has_its_place_and_hides_no_other) {
  TempDir dir;
  dir.write("bad.toml", "[[pool]\n");
  const auto found =
      problems_of(dir.write("main.toml", "include = [\"bad.toml\"]\n[[route]]\npool = \"there\"\n[node]\nnme = 1\n"));
  EXPECT_THAT(found, ElementsAre(HasSubstr("main.toml:5:1: error: unknown directive `nme`"), HasSubstr("bad.toml:1:")))
      << "but no complaint about the pool, which may be in the file that could not be read";
}

TEST(Files, what_can_not_be_read_is_named) {
  TempDir dir;
  EXPECT_THAT(problems_of(dir / "none.toml"), ElementsAre((dir / "none.toml") + ": error: `" + (dir / "none.toml") +
                                                          "` can't be read: No such file or directory"));
  EXPECT_THAT(problems_of(dir / ""), ElementsAre(HasSubstr("it is a folder")));
  ASSERT_EQ(::mkfifo((dir / "fifo").c_str(), 0600), 0);
  EXPECT_THAT(problems_of(dir / "fifo"), ElementsAre(HasSubstr("not a regular file")))
      << "and the reader does not hang";
  EXPECT_THAT(problems_of(dir.write("large.toml", std::string(5u << 20, '\n'))),
              ElementsAre(HasSubstr("larger than 4096 KiB")));
}

TEST(Files, paths_start_at_the_folder_of_their_file) {
  TempDir dir;
  dir.write("sub/x.toml", "[[route]]\nroot = \"www\"\n[[certificate]]\ncert = \"/etc/x.crt\"\nkey = \"x.key\"\n");
  const auto result = read_file(dir.write(
      "main.toml", "include = [\"sub/x.toml\"]\n[node]\nstate_dir = \"state\"\n[access_log]\npath = \"-\"\n"));
  ASSERT_THAT(texts(result), IsEmpty());
  EXPECT_EQ(result.conf->node.state_dir, dir / "state");
  EXPECT_EQ(result.conf->access_log.path, "-");
  EXPECT_EQ(result.conf->routes[0].root, dir / "sub/www");
  EXPECT_EQ(result.conf->certificates[0].cert, "/etc/x.crt");
  EXPECT_EQ(result.conf->certificates[0].key, dir / "sub/x.key");
}

TEST(Secrets, come_from_a_file_without_its_last_newline) {
  TempDir dir;
  dir.write("cluster.key", "0123456789abcdef\n");
  dir.write("admin.token", " with blanks \r\n");
  const auto result = read_file(dir.write(
      "main.toml", "[cluster]\nkey = \"file:cluster.key\"\n[admin]\ntoken = \"file:" + (dir / "admin.token") + "\"\n"));
  ASSERT_THAT(texts(result), IsEmpty());
  EXPECT_EQ(result.conf->cluster.key, "0123456789abcdef");
  EXPECT_EQ(result.conf->admin.token, " with blanks ");
}

TEST(Secrets, that_can_not_be_read_are_one_error) {
  TempDir dir;
  EXPECT_THAT(
      problems_of(dir.write(
          "a.toml",
          "[cluster]\nenabled = true\nkey = \"file:none\"\n[admin]\nlisten = \"0.0.0.0:1\"\ntoken = \"file:none\"")),
      ElementsAre(HasSubstr("a.toml:3:7: error: `key` can't be read from `" + (dir / "none") + "`: No such file"),
                  HasSubstr("a.toml:6:9: error: `token` can't be read")));
  dir.write("empty", "\n");
  EXPECT_THAT(problems_of(dir.write("b.toml", "[cluster]\nkey = \"file:empty\"")), ElementsAre(HasSubstr("empty")));
}

TEST(Secrets, never_appear_in_a_message) {
  const std::vector<std::string> wrong = {
      "[cluster]\nenabled = true\nkey = \"hunter2\"", "[cluster]\nkey = [\"hunter2\"]",
      "[admin]\ntoken = { hunter2 = \"hunter2\" }", "[admin]\ntoken = \"hunter2\\u0000\""};
  for (const auto& text : wrong) {
    const auto found = complaints(text);
    ASSERT_FALSE(found.empty()) << text;
    for (const auto& line : found) EXPECT_THAT(line, testing::Not(HasSubstr("hunter2")));
  }
}

}  // namespace
}  // namespace genkan::conf
