// RFC 8621 4.1.4: the algorithm that chooses textBody, htmlBody and attachments.
#include "webmail/mime/parser.hpp"

namespace genkan::webmail::mime {

namespace {

bool is_inline_media(const std::string& type) {
  return type.starts_with("image/") || type.starts_with("audio/") || type.starts_with("video/");
}

struct Chooser {
  Bodies out;

  // Null lists: this branch is not shown in that form.
  void walk(const std::vector<Part>& parts, std::string_view multipart, bool in_alternative,
            std::vector<const Part*>* html, std::vector<const Part*>* text) {
    const std::size_t text_before = text ? text->size() : 0, html_before = html ? html->size() : 0;
    for (std::size_t i = 0; i < parts.size(); ++i) visit(parts[i], i, multipart, in_alternative, html, text);
    if (multipart != "alternative" || !text || !html) return;
    // Found only one of the two: the other view shows the same.
    if (text_before == text->size() && html_before != html->size()) {
      for (auto i = html_before; i < html->size(); ++i) text->push_back((*html)[i]);
    } else if (html_before == html->size() && text_before != text->size()) {
      for (auto i = text_before; i < text->size(); ++i) html->push_back((*text)[i]);
    }
  }

  // A plain part below an alternative ends the html list for its later siblings too, and the other way round.
  void visit(const Part& part, std::size_t index, std::string_view multipart, bool in_alternative,
             std::vector<const Part*>*& html, std::vector<const Part*>*& text) {
    if (part.is_multipart()) {
      const auto sub = std::string_view(part.type).substr(10);
      walk(part.children, sub, in_alternative || sub == "alternative", html, text);
      return;
    }
    const bool readable = part.type == "text/plain" || part.type == "text/html" || is_inline_media(part.type);
    const bool shown = part.disposition != "attachment" && readable &&
                       (index == 0 || (multipart != "related" && (is_inline_media(part.type) || part.name.empty())));
    if (!shown) {
      out.attachments.push_back(&part);
      return;
    }
    if (multipart == "alternative") {
      if (part.type == "text/plain" && text) {
        text->push_back(&part);
      } else if (part.type == "text/html" && html) {
        html->push_back(&part);
      } else if (part.type != "text/plain" && part.type != "text/html") {
        out.attachments.push_back(&part);
      }
      return;
    }
    if (in_alternative) {
      if (part.type == "text/plain") html = nullptr;
      if (part.type == "text/html") text = nullptr;
    }
    if (text) text->push_back(&part);
    if (html) html->push_back(&part);
    if ((!text || !html) && is_inline_media(part.type)) out.attachments.push_back(&part);
  }
};

}  // namespace

Bodies bodies(const Message& message) {
  Chooser chooser;
  if (message.root.is_multipart()) {
    const auto sub = std::string_view(message.root.type).substr(10);
    chooser.walk(message.root.children, sub, sub == "alternative", &chooser.out.html, &chooser.out.text);
  } else {
    auto *html = &chooser.out.html, *text = &chooser.out.text;
    chooser.visit(message.root, 0, "mixed", false, html, text);
  }
  return std::move(chooser.out);
}

}  // namespace genkan::webmail::mime
