// The HTML of a mail made safe to show, first of three layers (the others: the answer's Content-Security-Policy, and a
// frame without scripts). An allow-list: the output is written anew from tokens, so it has only elements and attributes
// that are named here, each properly quoted and closed. Linear in the input.
//
// Gone: scripts, frames, forms, objects, meta, base, link, SVG, MathML, event handlers, addresses that aren't http,
// https, mailto or tel. Images of the same mail (cid:) become data:; images elsewhere are kept aside in
// data-genkan-src.
#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <string_view>

namespace genkan::webmail::html {

struct Options {
  std::size_t max_bytes = 2u << 20;  // of input
  std::size_t max_depth = 256;       // open elements; deeper ones lose their tags
  bool remote_images = false;        // the reader asked for them
  // The data: address of a part, or empty.
  std::function<std::string(std::string_view cid)> inline_image;
};

struct Filtered {
  std::string html;         // the content of a body element
  std::size_t blocked = 0;  // remote addresses that were taken away
  bool truncated = false;
};

Filtered filter(std::string_view html, const Options& options);

// CSS of a style attribute or element: no address, no import, no escape survives. Adds to `blocked`.
std::string filter_css(std::string_view css, const Options& options, std::size_t& blocked);

// Plain text as HTML: escaped, addresses of pages become links.
std::string from_text(std::string_view text);

// Scheme of an address after what browsers ignore (blanks, controls) is taken out; lower case, empty for relative ones.
std::string scheme_of(std::string_view address);

}  // namespace genkan::webmail::html
