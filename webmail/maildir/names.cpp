// Names of files and folders in a Maildir: pure text.
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>

#include "base/crypto.hpp"
#include "base/text.hpp"
#include "webmail/maildir/maildir.hpp"

namespace genkan::webmail {

namespace {

// Modified base64 of RFC 3501 5.1.3: ',' for '/', no padding.
std::string encode_run(const std::u16string& run) {
  std::string bytes;
  for (const char16_t unit : run) {
    bytes += static_cast<char>(unit >> 8);
    bytes += static_cast<char>(unit & 0xFF);
  }
  auto text = base::base64(bytes);
  std::erase(text, '=');
  std::replace(text.begin(), text.end(), '/', ',');
  return "&" + text + "-";
}

void put_unit(std::u16string& out, std::uint32_t c) {
  if (c < 0x10000) {
    out += static_cast<char16_t>(c);
  } else {
    out += static_cast<char16_t>(0xD7C0 + (c >> 10));
    out += static_cast<char16_t>(0xDC00 + (c & 0x3FF));
  }
}

// Valid UTF-8 only; the caller checked it.
std::uint32_t next_character(std::string_view s, std::size_t& i) {
  const auto c = static_cast<unsigned char>(s[i++]);
  if (c < 0x80) return c;
  const int more = c >= 0xF0 ? 3 : c >= 0xE0 ? 2 : 1;
  std::uint32_t value = c & (0x3FU >> more);
  for (int k = 0; k < more && i < s.size(); ++k) value = value << 6 | (static_cast<unsigned char>(s[i++]) & 0x3F);
  return value;
}

void put_utf8(std::string& out, std::uint32_t c) {
  if (c < 0x80) {
    out += static_cast<char>(c);
    return;
  }
  const int more = c >= 0x10000 ? 3 : c >= 0x800 ? 2 : 1;
  constexpr std::array<unsigned, 4> lead = {0, 0xC0, 0xE0, 0xF0};
  out += static_cast<char>(lead[static_cast<std::size_t>(more)] | c >> (6 * more));
  for (int k = more - 1; k >= 0; --k) out += static_cast<char>(0x80 | (c >> (6 * k) & 0x3F));
}

// The text between '&' and '-'. False when it is no modified base64 of UTF-16.
bool decode_run(std::string_view text, std::string& out) {
  std::string plain(text);
  std::replace(plain.begin(), plain.end(), ',', '/');
  const auto bytes = base::base64_decode(plain);
  if (!bytes || bytes->size() % 2 != 0) return false;
  std::uint32_t high = 0;
  for (std::size_t i = 0; i < bytes->size(); i += 2) {
    const auto unit = static_cast<std::uint32_t>(static_cast<unsigned char>((*bytes)[i])) << 8 |
                      static_cast<unsigned char>((*bytes)[i + 1]);
    if (unit >= 0xD800 && unit < 0xDC00) {
      high = unit;
    } else if (unit >= 0xDC00 && unit < 0xE000) {
      if (high == 0) return false;
      put_utf8(out, 0x10000 + ((high - 0xD800) << 10) + (unit - 0xDC00));
      high = 0;
    } else {
      put_utf8(out, unit);
    }
  }
  return high == 0;
}

}  // namespace

std::string maildir_name(std::string_view base, std::string_view flags) {
  return std::string(base) + ":2," + std::string(flags);
}

MaildirEntry maildir_entry(std::string_view filename, bool is_new) {
  MaildirEntry entry;
  entry.filename = filename;
  entry.is_new = is_new;
  const auto colon = filename.find(":2,");
  entry.base = filename.substr(0, colon);
  if (colon != filename.npos) {
    entry.flags = filename.substr(colon + 3);
    std::sort(entry.flags.begin(), entry.flags.end());
    entry.flags.erase(std::unique(entry.flags.begin(), entry.flags.end()), entry.flags.end());
  }
  return entry;
}

std::string folder_from_name(std::string_view name) {
  std::string out = ".";
  std::u16string run;
  const auto flush = [&] {
    if (!run.empty()) out += encode_run(run);
    run.clear();
  };
  for (std::size_t i = 0; i < name.size();) {
    const auto c = next_character(name, i);
    if (c == '/') {
      flush();
      out += '.';
    } else if (c >= 0x20 && c < 0x7F && c != '.' && c != '&') {
      flush();
      out += static_cast<char>(c);
    } else if (c == '&') {
      flush();
      out += "&-";
    } else {
      put_unit(run, c);
    }
  }
  flush();
  return out;
}

std::string name_from_folder(std::string_view folder) {
  std::string out;
  if (folder.starts_with('.')) folder.remove_prefix(1);
  for (std::size_t i = 0; i < folder.size(); ++i) {
    const char c = folder[i];
    if (c == '.') {
      out += '/';
      continue;
    }
    const auto dash = c == '&' ? folder.find('-', i) : folder.npos;
    if (dash == folder.npos) {
      out += c;
      continue;
    }
    std::string decoded;
    if (dash == i + 1) {
      out += '&';
    } else if (decode_run(folder.substr(i + 1, dash - i - 1), decoded)) {
      out += decoded;
    } else {
      out += folder.substr(i, dash - i + 1);  // no UTF-7: another program's name, shown as it is
    }
    i = dash;
  }
  return out;
}

std::string unique_maildir_name() {
  static std::atomic<std::uint64_t> count{0};
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  const auto micros = std::chrono::duration_cast<std::chrono::microseconds>(now).count();
  std::array<char, 256> host{};
  if (::gethostname(host.data(), host.size() - 1) != 0) host[0] = '\0';
  std::string name = host.data();
  std::replace_if(
      name.begin(), name.end(), [](char c) { return c == '/' || c == ':' || c == ','; }, '_');
  return std::to_string(micros / 1'000'000) + ".M" + std::to_string(micros % 1'000'000) + "P" +
         std::to_string(::getpid()) + "Q" + std::to_string(++count) + "_" +
         std::to_string(base::random_u64() % 1'000'000'000) + "." + (name.empty() ? "localhost" : name.substr(0, 64));
}

}  // namespace genkan::webmail
