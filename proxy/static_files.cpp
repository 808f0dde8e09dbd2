#include "proxy/static_files.hpp"

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>

#include "base/fd.hpp"
#include "base/text.hpp"
#include "http/lookup.hpp"

namespace genkan::proxy {
namespace {

using http::FieldId;

constexpr std::size_t kPiece = 64 * 1024;

// RESOLVE_BENEATH: neither ".." nor a link leads out of the folder.
int open_beneath(int folder, const char* path) {
  ::open_how how{};
  how.flags = O_RDONLY | O_CLOEXEC | O_NONBLOCK;
  how.resolve = RESOLVE_BENEATH;
  return static_cast<int>(::syscall(SYS_openat2, folder, path, &how, sizeof how));
}

bool hidden(std::string_view path) noexcept {
  return path.starts_with(".") || path.find("/.") != std::string_view::npos;
}

// Reads a file piece by piece on the pool.
class FileBody final : public http::Body {
 public:
  FileBody(base::UniqueFd fd, std::uint64_t first, std::uint64_t length, net::Offload& pool, net::Loop& loop)
      : fd_(std::move(fd)), at_(first), left_(length), length_(length), pool_(pool), loop_(loop) {}
  bool poll(Result<http::Chunk>& out) override {
    if (left_ > 0) return false;
    out = http::Chunk{{}, true};
    return true;
  }
  net::Task<Result<http::Chunk>> fetch() override {
    buffer_.resize(static_cast<std::size_t>(std::min<std::uint64_t>(left_, kPiece)));
    auto job = [this] { return ::pread(fd_.get(), buffer_.data(), buffer_.size(), static_cast<::off_t>(at_)); };
    const auto n = co_await pool_.run(loop_, job);
    if (!n) co_return n.error();
    if (*n <= 0) co_return Errc::end_of_stream;  // became shorter: never end cleanly
    at_ += static_cast<std::uint64_t>(*n);
    left_ -= static_cast<std::uint64_t>(*n);
    co_return http::Chunk{std::string_view(buffer_).substr(0, static_cast<std::size_t>(*n)), left_ == 0};
  }
  std::optional<std::uint64_t> length() const override { return length_; }
  bool as_file(http::FilePart& out) override {
    out = {fd_.get(), at_, left_};
    return true;
  }
  net::Task<Result<void>> warm(http::FilePart piece) override {
    // Read and thrown away: readahead(2) alone would not wait for the pages.
    auto job = [fd = fd_.get(), piece] {
      std::array<char, kPiece> sink;
      std::uint64_t done = 0;
      while (done < piece.size) {
        const auto n = ::pread(fd, sink.data(), std::min<std::uint64_t>(sink.size(), piece.size - done),
                               static_cast<::off_t>(piece.at + done));
        if (n <= 0) break;  // became shorter, or broke: sendfile says so
        done += static_cast<std::uint64_t>(n);
      }
      return done;
    };
    const auto done = co_await pool_.run(loop_, job);
    if (!done) co_return done.error();
    co_return Result<void>();
  }

 private:
  base::UniqueFd fd_;
  std::uint64_t at_, left_, length_;
  net::Offload& pool_;
  net::Loop& loop_;
  std::string buffer_;
};

}  // namespace

struct StaticFiles::Opened {
  std::shared_ptr<base::UniqueFd> fd;
  struct ::stat info {};
  std::string name;     // for the type
  std::string small;    // content up to kPiece, read at once
  bool folder = false;  // a folder asked for without its slash
  bool found = false;
};

StaticFiles::StaticFiles(Options options, net::Offload& pool)
    : options_(std::make_shared<const Options>(std::move(options))), pool_(pool) {}

// On the pool.
StaticFiles::Opened StaticFiles::open_below(const std::string& root, const std::string& path,
                                            const std::vector<std::string>& index) {
  Opened out;
  if (path.find('\0') != std::string::npos || hidden(path)) return out;
  const bool slash = path.empty() || path.ends_with("/");
  const base::UniqueFd folder(::open(root.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!folder) return out;
  base::UniqueFd fd;
  out.name = path;
  for (std::size_t i = 0; i < (slash ? index.size() : 1) && !fd; ++i) {
    out.name = slash ? path + index[i] : path;
    fd = base::UniqueFd(open_beneath(folder.get(), out.name.c_str()));
  }
  if (!fd || ::fstat(fd.get(), &out.info) != 0) return out;
  if (S_ISDIR(out.info.st_mode)) {
    out.folder = !slash;
    return out;
  }
  if (!S_ISREG(out.info.st_mode)) return out;
  out.found = true;
  if (static_cast<std::size_t>(out.info.st_size) <= kPiece) {
    out.small.resize(static_cast<std::size_t>(out.info.st_size));
    const auto n = ::pread(fd.get(), out.small.data(), out.small.size(), 0);
    out.small.resize(n > 0 ? static_cast<std::size_t>(n) : 0);
    out.info.st_size = static_cast<::off_t>(out.small.size());
  } else {
    out.fd = std::make_shared<base::UniqueFd>(std::move(fd));
  }
  return out;
}

StaticFiles::Opened StaticFiles::open_first(const Options& options, const std::vector<Wanted>& wanted) {
  Opened out;
  for (const Wanted& one : wanted) {
    out = open_below(options.root, one.path, options.index);
    if (out.found || (out.folder && !one.or_next)) return out;
  }
  return out;
}

std::string StaticFiles::below(std::string_view path) const {
  if (!options_->prefix.empty() && path.starts_with(options_->prefix)) path.remove_prefix(options_->prefix.size());
  while (path.starts_with("/")) path.remove_prefix(1);
  return http::percent_decoded(path);
}

std::vector<StaticFiles::Wanted> StaticFiles::wanted(http::Request& r) const {
  if (options_->try_files.empty()) return {{below(r.path), false}};
  std::vector<Wanted> out;
  for (const Text& text : options_->try_files) out.push_back({below(text.fill(r)), true});
  return out;
}

bool parse_range(std::string_view field, std::uint64_t size, ByteRange& out) {
  out = {0, size ? size - 1 : 0, true};
  if (!field.starts_with("bytes=")) return true;
  field.remove_prefix(6);
  if (field.find(',') != std::string_view::npos) return true;  // many ranges: the whole (RFC 9110 14.2 allows it)
  const std::size_t dash = field.find('-');
  if (dash == std::string_view::npos) return true;
  const auto first = base::parse_uint(base::trim(field.substr(0, dash)));
  const auto last_text = base::trim(field.substr(dash + 1));
  const auto last = base::parse_uint(last_text);
  if (!first && !last) return true;
  if (!first) {  // the last n bytes
    if (dash != 0) return true;
    if (*last == 0 || size == 0) return false;
    out = {*last >= size ? 0 : size - *last, size - 1, false};
    return true;
  }
  if (!last && !last_text.empty()) return true;
  if (last && *last < *first) return true;
  if (*first >= size) return false;
  out = {*first, last ? std::min(*last, size - 1) : size - 1, false};
  return true;
}

std::string_view content_type_of(std::string_view name) noexcept {
  struct Row {
    std::string_view extension, type;
  };
  static constexpr std::array kRows{Row{"html", "text/html; charset=utf-8"},
                                    Row{"htm", "text/html; charset=utf-8"},
                                    Row{"css", "text/css; charset=utf-8"},
                                    Row{"js", "text/javascript; charset=utf-8"},
                                    Row{"mjs", "text/javascript; charset=utf-8"},
                                    Row{"json", "application/json"},
                                    Row{"txt", "text/plain; charset=utf-8"},
                                    Row{"md", "text/markdown; charset=utf-8"},
                                    Row{"xml", "application/xml"},
                                    Row{"svg", "image/svg+xml"},
                                    Row{"png", "image/png"},
                                    Row{"jpg", "image/jpeg"},
                                    Row{"jpeg", "image/jpeg"},
                                    Row{"gif", "image/gif"},
                                    Row{"webp", "image/webp"},
                                    Row{"avif", "image/avif"},
                                    Row{"ico", "image/x-icon"},
                                    Row{"woff", "font/woff"},
                                    Row{"woff2", "font/woff2"},
                                    Row{"pdf", "application/pdf"},
                                    Row{"zip", "application/zip"},
                                    Row{"gz", "application/gzip"},
                                    Row{"mp4", "video/mp4"},
                                    Row{"webm", "video/webm"},
                                    Row{"mp3", "audio/mpeg"},
                                    Row{"wasm", "application/wasm"},
                                    Row{"csv", "text/csv; charset=utf-8"},
                                    Row{"map", "application/json"},
                                    Row{"webmanifest", "application/manifest+json"}};
  const std::size_t dot = name.rfind('.');
  if (dot == std::string_view::npos) return "application/octet-stream";
  const auto extension = name.substr(dot + 1);
  const auto row =
      std::find_if(kRows.begin(), kRows.end(), [&](const Row& r) { return base::iequals(r.extension, extension); });
  return row == kRows.end() ? "application/octet-stream" : row->type;
}

namespace {

// RFC 9110 13.1.1 and 13.1.4: what the client wants to go on with is not there any more.
bool precondition_failed(const http::Fields& fields, std::string_view etag, WallTime modified) {
  if (fields.has(FieldId::if_match)) {
    bool match = false;
    fields.each_element(FieldId::if_match, [&](std::string_view tag) { match |= tag == "*" || tag == etag; });
    return !match;
  }
  const auto since = base::parse_http_date(fields.get(FieldId::if_unmodified_since).value_or(""));
  return since && modified > *since;
}

// RFC 9110 13.1, the two that apply to GET and HEAD of a file, in their order.
bool not_modified(const http::Fields& fields, std::string_view etag, WallTime modified) {
  if (fields.has(FieldId::if_none_match)) {
    bool match = false;
    fields.each_element(FieldId::if_none_match, [&](std::string_view tag) {
      if (tag.starts_with("W/")) tag.remove_prefix(2);
      match |= tag == "*" || tag == etag;
    });
    return match;
  }
  const auto since = base::parse_http_date(fields.get(FieldId::if_modified_since).value_or(""));
  return since && modified <= *since;
}

}  // namespace

net::Task<Result<http::Response>> StaticFiles::handle(http::Request& r) {
  if (r.method != http::Method::get && r.method != http::Method::head) {
    http::Response refused = http::error_page(r, 405, "Only GET and HEAD are possible here.");
    refused.head->fields.add("Allow", "GET, HEAD");
    co_return refused;
  }
  auto job = [options = options_, wanted = wanted(r)] { return open_first(*options, wanted); };
  auto done = co_await pool_.run(r.loop, job);
  if (!done) {
    http::Response busy = http::error_page(r, 503, "Too many files are being read at the moment.");
    co_return busy;
  }
  Opened& file = *done;
  if (file.folder) {
    http::Response moved = r.reply(301);
    moved.head->fields.add(FieldId::location, std::string(r.path) + "/");
    co_return moved;
  }
  if (!file.found) {
    http::Response none = http::error_page(r, 404, "There is no such page.");
    co_return none;
  }
  const WallTime modified = WallClock::from_time_t(file.info.st_mtime);
  const auto size = static_cast<std::uint64_t>(file.info.st_size);
  const std::string etag = "\"" + std::to_string(file.info.st_mtim.tv_sec) + "-" +
                           std::to_string(file.info.st_mtim.tv_nsec) + "-" + std::to_string(size) + "\"";
  if (precondition_failed(r.fields, etag, modified)) {
    http::Response failed = http::error_page(r, 412, "The file has changed since.");
    co_return failed;
  }
  ByteRange range{0, size ? size - 1 : 0, true};
  int status = not_modified(r.fields, etag, modified) ? 304 : 200;
  const auto if_range = r.fields.get(FieldId::if_range);
  if (status == 200 && r.method == http::Method::get && r.fields.has(FieldId::range) &&
      (!if_range || *if_range == etag)) {
    if (!parse_range(*r.fields.get(FieldId::range), size, range)) {
      http::Response out_of_range = http::error_page(r, 416, "The file is shorter than that.");
      out_of_range.head->fields.add(FieldId::content_range, "bytes */" + std::to_string(size));
      co_return out_of_range;
    }
    if (!range.whole) status = 206;
  }
  http::Response response = r.reply(status);
  http::Fields& fields = response.head->fields;
  fields.add(FieldId::etag, etag);
  fields.add(FieldId::last_modified, base::http_date(modified));
  if (status == 304) co_return response;
  fields.add(FieldId::content_type, content_type_of(file.name));
  fields.add("Accept-Ranges", "bytes");
  fields.add("X-Content-Type-Options", "nosniff");
  const std::uint64_t length = size == 0 ? 0 : range.last - range.first + 1;
  if (status == 206) {
    fields.add(FieldId::content_range,
               "bytes " + std::to_string(range.first) + "-" + std::to_string(range.last) + "/" + std::to_string(size));
  }
  if (r.method == http::Method::head) fields.add(FieldId::content_length, std::to_string(length));
  if (file.fd) {
    response.body.reset(new FileBody(std::move(*file.fd), range.first, length, pool_, r.loop));
  } else {
    response.body.reset(
        new http::TextBody(file.small.substr(static_cast<std::size_t>(range.first), static_cast<std::size_t>(length))));
  }
  co_return response;
}

}  // namespace genkan::proxy
