#include "webmail/assets.hpp"

#include <algorithm>
#include <array>
#include <filesystem>
#include <span>

#include "base/crypto.hpp"
#include "base/embedded.hpp"
#include "base/file.hpp"
#include "base/text.hpp"

namespace genkan::webmail {

std::span<const base::EmbeddedFile> ui_files();  // generated from webmail/ui/dist

namespace {

struct Type {
  std::string_view extension, type;
};
constexpr std::array kTypes = {Type{".html", "text/html; charset=utf-8"},
                               Type{".js", "text/javascript; charset=utf-8"},
                               Type{".css", "text/css; charset=utf-8"},
                               Type{".json", "application/json"},
                               Type{".webmanifest", "application/manifest+json"},
                               Type{".svg", "image/svg+xml"},
                               Type{".png", "image/png"},
                               Type{".ico", "image/x-icon"},
                               Type{".woff2", "font/woff2"},
                               Type{".map", "application/json"}};

std::string type_of(std::string_view name) {
  for (const auto& t : kTypes) {
    if (name.ends_with(t.extension)) return std::string(t.type);
  }
  return "application/octet-stream";
}

// "app-3F2A9C01.js": eight letters or digits after the last dash.
bool has_hash(std::string_view name) {
  const auto dash = name.rfind('-');
  const auto dot = dash == name.npos ? dash : name.find('.', dash);
  if (dot == name.npos || dot - dash != 9) return false;
  const auto hash = name.substr(dash + 1, 8);
  return std::all_of(hash.begin(), hash.end(), [](char c) { return (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9'); });
}

constexpr std::string_view kPolicy =
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; font-src 'self'; "
    "connect-src 'self'; frame-src 'self'; manifest-src 'self'; form-action 'self'; base-uri 'none'; "
    "frame-ancestors 'none'";

}  // namespace

void Assets::add(std::string name, std::string data) {
  File file;
  const auto digest = base::sha256(data);
  file.etag = "\"" + base::base64url({reinterpret_cast<const char*>(digest.data()), 16}) + "\"";
  file.type = type_of(name);
  file.immutable = has_hash(name);
  file.data = std::move(data);
  files_[std::move(name)] = std::move(file);
}

Assets Assets::built_in() {
  Assets out;
  for (const auto& file : ui_files()) out.add(std::string(file.name), std::string(file.data));
  return out;
}

Result<Assets> Assets::from_folder(const std::string& folder) {
  Assets out;
  std::error_code error;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(folder, error)) {
    if (!entry.is_regular_file(error)) continue;
    auto data = base::read_file(entry.path().string());
    if (!data) return data.error();
    out.add(std::filesystem::relative(entry.path(), folder).generic_string(), std::move(*data));
  }
  if (error) return Error(error.value(), boost::system::system_category());
  return out;
}

Answer Assets::get(std::string_view name, std::string_view if_none_match) const {
  auto found = files_.find(name);
  const bool is_file_name = name.substr(name.rfind('/') + 1).find('.') != name.npos;
  if (found == files_.end() && !is_file_name) found = files_.find("index.html");
  if (found == files_.end()) {
    return problem(404, files_.empty() ? "this genkan was built without the webmail's pages" : "there is no such file");
  }
  const File& file = found->second;
  Answer answer{200, file.type, {}, {}};
  answer.fields = {{"ETag", file.etag},
                   {"Cache-Control", file.immutable ? "public, max-age=31536000, immutable" : "no-cache"},
                   {"Content-Security-Policy", std::string(kPolicy)},
                   {"Cross-Origin-Opener-Policy", "same-origin"}};
  for (const auto tag : base::split(if_none_match, ',')) {
    auto one = base::trim(tag);
    if (one.starts_with("W/")) one.remove_prefix(2);
    if (one == file.etag || one == "*") {
      answer.status = 304;
      answer.type.clear();
      return answer;
    }
  }
  answer.body = file.data;
  return answer;
}

}  // namespace genkan::webmail
