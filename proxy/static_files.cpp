#include "proxy/static_files.hpp"

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>

#include "base/crypto.hpp"
#include "base/fd.hpp"
#include "base/text.hpp"
#include "http/lookup.hpp"
#include "proxy/byte_ranges.hpp"
#include "proxy/file_body.hpp"
#include "proxy/layer.hpp"

namespace genkan::proxy {
namespace {

using http::FieldId;

constexpr std::size_t kPiece = FileBody::kPiece;

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

bool has_tag(const http::Fields& fields, FieldId id, std::string_view etag, bool weakly) {
  bool match = false;
  fields.each_element(id, [&](std::string_view tag) {
    if (weakly && tag.starts_with("W/")) tag.remove_prefix(2);
    match |= tag == "*" || tag == etag;
  });
  return match;
}

// RFC 9110 13.2.2, in its order: 412, 304 or 200.
int judge_conditions(const http::Fields& fields, std::string_view etag, WallTime modified) {
  const auto date = [&](FieldId id) { return base::parse_http_date(fields.get(id).value_or("")); };
  if (fields.has(FieldId::if_match)) {
    if (!has_tag(fields, FieldId::if_match, etag, false)) return 412;
  } else if (const auto since = date(FieldId::if_unmodified_since); since && modified > *since) {
    return 412;
  }
  if (fields.has(FieldId::if_none_match)) return has_tag(fields, FieldId::if_none_match, etag, true) ? 304 : 200;
  const auto since = date(FieldId::if_modified_since);
  return since && modified <= *since ? 304 : 200;
}

// RFC 9110 13.1.5: is the part that the client has from the file as it is now? A date must be the very one, and tells
// two versions of one second apart only when that second is over.
bool range_holds(const http::Fields& fields, std::string_view etag, WallTime modified, WallTime now) {
  const auto field = fields.get(FieldId::if_range);
  if (!field || *field == etag) return true;
  const auto date = base::parse_http_date(*field);
  return date && *date == modified && modified + std::chrono::seconds(1) < now;
}

std::string content_range(const ByteRange& range, std::uint64_t size) {
  return "bytes " + std::to_string(range.first) + "-" + std::to_string(range.last) + "/" + std::to_string(size);
}

// What goes out around the parts of a multipart/byteranges (RFC 9110 14.6).
struct Multipart {
  std::string boundary = base::random_token();
  std::vector<FilePiece> pieces;
  std::string after = "\r\n--" + boundary + "--\r\n";

  Multipart(const std::vector<ByteRange>& ranges, std::string_view type, std::uint64_t size) {
    for (const auto& range : ranges) {
      std::string before = (pieces.empty() ? "--" : "\r\n--") + boundary;
      before.append("\r\nContent-Type: ").append(type);
      before.append("\r\nContent-Range: ").append(content_range(range, size)).append("\r\n\r\n");
      pieces.push_back({std::move(before), range.first, range.size()});
    }
  }
};

// Of a file that was read whole.
http::BodyPtr text_body(std::string file, const std::vector<FilePiece>& pieces, std::string_view after) {
  std::string text;
  const bool whole = after.empty() && pieces[0].size == file.size();
  if (whole) {
    text = std::move(file);
  } else {
    for (const auto& piece : pieces) {
      text += piece.before;
      text.append(file, static_cast<std::size_t>(piece.first), static_cast<std::size_t>(piece.size));
    }
    text += after;
  }
  net::HeldBytes held(text.capacity());
  http::BodyPtr inner(new http::TextBody(std::move(text)));
  return http::BodyPtr(new HoldingBody<net::HeldBytes>(std::move(inner), std::move(held)));
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
  http::Response response = answer(r, file);
  co_return response;
}

http::Response StaticFiles::answer(http::Request& r, Opened& file) const {
  const WallTime modified = WallClock::from_time_t(file.info.st_mtime);
  const auto size = static_cast<std::uint64_t>(file.info.st_size);
  const std::string etag = "\"" + std::to_string(file.info.st_mtim.tv_sec) + "-" +
                           std::to_string(file.info.st_mtim.tv_nsec) + "-" + std::to_string(size) + "\"";
  int status = judge_conditions(r.fields, etag, modified);
  if (status == 412) return http::error_page(r, 412, "The file is another one by now.");
  ByteRanges ranges;
  if (status == 200 && r.method == http::Method::get && r.fields.count(FieldId::range) == 1 &&
      range_holds(r.fields, etag, modified, WallClock::now())) {
    ranges = parse_ranges(*r.fields.get(FieldId::range), size);
  }
  if (ranges.kind == ByteRanges::Kind::none) {
    http::Response out_of_range = http::error_page(r, 416, "The file is shorter than that.");
    out_of_range.head->fields.add(FieldId::content_range, "bytes */" + std::to_string(size));
    return out_of_range;
  }
  if (ranges.kind == ByteRanges::Kind::some) status = 206;
  http::Response response = r.reply(status);
  http::Fields& fields = response.head->fields;
  fields.add(FieldId::etag, etag);
  fields.add(FieldId::last_modified, base::http_date(modified));
  if (status == 304) return response;
  const std::string_view type = content_type_of(file.name);
  std::vector<FilePiece> pieces;
  std::string after;
  if (ranges.parts.size() > 1) {
    Multipart parts(ranges.parts, type, size);
    fields.add(FieldId::content_type, "multipart/byteranges; boundary=" + parts.boundary);
    pieces = std::move(parts.pieces);
    after = std::move(parts.after);
  } else {
    fields.add(FieldId::content_type, type);
    pieces.push_back({{}, 0, size});
    if (status == 206) {
      pieces[0].first = ranges.parts[0].first;
      pieces[0].size = ranges.parts[0].size();
      fields.add(FieldId::content_range, content_range(ranges.parts[0], size));
    }
  }
  fields.add("Accept-Ranges", "bytes");
  fields.add("X-Content-Type-Options", "nosniff");
  if (r.method == http::Method::head) fields.add(FieldId::content_length, std::to_string(size));
  if (file.fd) {
    response.body.reset(new FileBody(std::move(*file.fd), std::move(pieces), std::move(after), pool_, r.loop));
  } else {
    response.body = text_body(std::move(file.small), pieces, after);
  }
  return response;
}

}  // namespace genkan::proxy
