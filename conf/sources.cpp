#include "conf/sources.hpp"

#include <fcntl.h>
#include <glob.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <memory>
#include <system_error>
#include <utility>

#include "conf/parse.hpp"

namespace genkan::conf {
namespace {

constexpr std::size_t kMaxFile = 4u << 20;
constexpr std::size_t kMaxFiles = 1000;
constexpr std::size_t kMaxNesting = 16;

std::string canonical(const std::string& path) {
  std::error_code error;
  auto found = std::filesystem::weakly_canonical(path, error);
  return error ? path : found.string();
}

// The files that a glob pattern names, in byte order (conf.d/10-a.toml before conf.d/20-b.toml in every locale).
std::vector<std::string> expand_glob(const std::string& pattern) {
  ::glob_t found{};
  std::vector<std::string> paths;
  if (::glob(pattern.c_str(), GLOB_NOSORT, nullptr, &found) == 0) {
    paths.assign(found.gl_pathv, found.gl_pathv + found.gl_pathc);
  }
  ::globfree(&found);
  std::sort(paths.begin(), paths.end());
  return paths;
}

// The folder of the including file is no pattern, even if its name looks like one.
std::string glob_quote(const std::string& text) {
  std::string out;
  for (const char c : text) {
    if (c == '*' || c == '?' || c == '[' || c == '\\') out += '\\';
    out += c;
  }
  return out;
}

bool is_glob(const std::string& path) { return path.find_first_of("*?[") != std::string::npos; }

}  // namespace

bool slurp(const std::string& path, std::size_t max, std::string& out, std::string& why) {
  // Non-blocking, so that a FIFO can't hang the start; it is refused below.
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (fd < 0) {
    why = std::strerror(errno);
    return false;
  }
  struct ::stat info {};
  bool ok = false;
  if (::fstat(fd, &info) != 0) {
    why = std::strerror(errno);
  } else if (!S_ISREG(info.st_mode)) {
    why = S_ISDIR(info.st_mode) ? "it is a folder" : "it is not a regular file";
  } else {
    out.clear();
    char buffer[16 * 1024];
    ssize_t n = 0;
    while (out.size() <= max && (n = ::read(fd, buffer, sizeof buffer)) > 0) {
      out.append(buffer, static_cast<std::size_t>(n));
    }
    ok = n >= 0 && out.size() <= max;
    if (!ok) why = n < 0 ? std::strerror(errno) : "it is larger than " + std::to_string(max >> 10) + " KiB";
  }
  ::close(fd);
  return ok;
}

std::string beside(const std::string& file, const std::string& path) {
  const auto slash = file.rfind('/');
  if (path.empty() || path.front() == '/' || slash == std::string::npos) return path;
  return file.substr(0, slash + 1) + path;
}

SourceReader::SourceReader(const Environment& environment, std::vector<Problem>& problems)
    : environment_(environment), problems_(problems) {}

Sources SourceReader::read_file(const std::string& path) {
  Value root = load_file(path, nullptr, nullptr);
  return {std::move(root), std::move(files_), broken_};
}

Sources SourceReader::read_text(std::string_view text, const std::string& name) {
  files_.push_back(name);
  const Stack self{canonical(name), nullptr};
  Value root = load_text(text, 0, &self);
  return {std::move(root), std::move(files_), broken_};
}

void SourceReader::problem(const Place& place, std::string what, std::string hint) {
  problems_.push_back({files_[place.file], place.line, place.column, std::move(what), std::move(hint), false});
}

Value SourceReader::load_file(const std::string& path, const Place* from, const Stack* outer) {
  const auto fail = [&](const std::string& what) {
    broken_ = true;
    if (from != nullptr) {
      problem(*from, what);
    } else {
      problems_.push_back({path, 0, 0, what, {}, false});
    }
    return Value{};
  };
  const Stack self{canonical(path), outer};
  std::size_t depth = 0;
  for (const Stack* s = outer; s != nullptr; s = s->outer, ++depth) {
    if (s->identity == self.identity) return fail("`" + path + "` includes itself, directly or by another file");
  }
  for (const auto& [identity, name] : read_) {
    if (identity == self.identity) return fail("`" + path + "` is included twice");
  }
  if (depth >= kMaxNesting) return fail("files are included more than " + std::to_string(kMaxNesting) + " deep");
  if (files_.size() >= kMaxFiles) return fail("more than " + std::to_string(kMaxFiles) + " files are included");
  std::string text, why;
  if (!slurp(path, kMaxFile, text, why)) {
    if (from == nullptr) files_.push_back(path);
    return fail("`" + path + "` can't be read: " + why);
  }
  read_.emplace_back(self.identity, path);
  files_.push_back(path);
  return load_text(text, static_cast<std::uint32_t>(files_.size() - 1), &self);
}

Value SourceReader::load_text(std::string_view text, std::uint32_t file, const Stack* self) {
  SyntaxError error;
  auto parsed = parse_toml(text, file, error);
  if (!parsed) {
    broken_ = true;
    problem(error.place, error.what);
    return {};
  }
  expand_all(*parsed);
  Value root;
  root.place = {file, 0, 0};
  auto& entries = parsed->entries;
  const auto include = std::find_if(entries.begin(), entries.end(), [](const Entry& e) { return e.name == "include"; });
  if (include != entries.end()) {
    const Value value = std::move(include->value);
    entries.erase(include);
    follow(value, file, self, root);
  }
  merge(root, std::move(*parsed), {});
  return root;
}

void SourceReader::follow(const Value& include, std::uint32_t file, const Stack* self, Value& into) {
  if (include.kind == Value::Kind::text) return follow_one(include, file, self, into);
  if (include.kind != Value::Kind::list) {
    return problem(include.place, "`include` must be a list of file names, not " + std::string(include.kind_name()),
                   "include = [\"conf.d/*.toml\"]");
  }
  for (const auto& item : include.list) follow_one(item, file, self, into);
}

void SourceReader::follow_one(const Value& item, std::uint32_t file, const Stack* self, Value& into) {
  if (item.kind != Value::Kind::text) {
    return problem(item.place, "`include` must hold file names, not " + std::string(item.kind_name()));
  }
  if (item.bad) return;
  const auto paths = is_glob(item.text) ? expand_glob(beside(glob_quote(files_[file]), item.text))
                                        : std::vector<std::string>{beside(files_[file], item.text)};
  for (const auto& found : paths) merge(into, load_file(found, &item.place, self), {});
}

void SourceReader::expand_all(Value& value) {
  for (auto& entry : value.entries) expand_all(entry.value);
  for (auto& item : value.list) expand_all(item);
  if (value.kind != Value::Kind::text || value.text.find("${") == std::string::npos) return;
  std::string out, why;
  value.source = std::move(value.text);
  if (!expand(value.source, environment_, out, why)) {
    problem(value.place, why);
    value.bad = true;
    return;
  }
  value.text = std::move(out);
}

void SourceReader::merge(Value& into, Value&& from, const std::string& path) {
  for (auto& entry : from.entries) {
    const auto same =
        std::find_if(into.entries.begin(), into.entries.end(), [&](const Entry& e) { return e.name == entry.name; });
    if (same == into.entries.end()) {
      into.entries.push_back(std::move(entry));
      continue;
    }
    const std::string name = path.empty() ? entry.name : path + "." + entry.name;
    Value& there = same->value;
    if (there.kind == Value::Kind::table && entry.value.kind == Value::Kind::table) {
      merge(there, std::move(entry.value), name);
    } else if (there.is_table_list() && entry.value.is_table_list()) {
      std::move(entry.value.list.begin(), entry.value.list.end(), std::back_inserter(there.list));
    } else {
      const auto& first = same->place;
      problem(entry.place, "`" + name + "` is set twice: here and at " + files_[first.file] + ":" +
                               std::to_string(first.line) + ":" + std::to_string(first.column));
    }
  }
}

}  // namespace genkan::conf
