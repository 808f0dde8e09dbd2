// room: smtp
// Any octets as what a client says: split into lines, parsed, put through the session machine. Whatever comes in, every
// reply is well-formed, content is stored only after a recipient was taken, and the cut into segments changes nothing.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>

#include "smtp/line.hpp"
#include "smtp/session.hpp"

using namespace genkan::smtp;

namespace {

void require(bool condition) {
  if (!condition) std::abort();
}

void check_replies(std::string_view out) {
  while (!out.empty()) {
    const auto end = out.find("\r\n");
    require(end != std::string_view::npos && end >= 4);
    const auto line = out.substr(0, end);
    require(line[0] >= '2' && line[0] <= '5' && (line[3] == ' ' || line[3] == '-'));
    require(line.find_first_of(std::string_view("\r\n\0", 3)) == std::string_view::npos);
    out.remove_prefix(end + 2);
  }
}

// The whole conversation as text, with every message taken as soon as content is asked for.
std::string converse(std::string_view in, std::size_t piece) {
  SessionOptions options;
  options.hostname = "mx.example";
  options.max_errors = 50;
  options.tls = true;
  Session session(options);
  LineSplitter splitter;
  std::string out, buffer;
  session.greet(out);
  Want want = Want::command;
  while (want != Want::close && (!in.empty() || !buffer.empty())) {
    const auto found = splitter.next(buffer);
    if (found.kind == LineResult::Kind::need_more) {
      buffer.erase(0, found.used);
      if (in.empty()) break;
      const auto part = in.substr(0, piece);
      buffer += part;
      in.remove_prefix(part.size());
      continue;
    }
    if (found.kind == LineResult::Kind::bad) {
      want = session.bad_line(found.fault, out);
    } else {
      want = session.line(found.line, Moment(), out);
      if (want == Want::recipient) {
        require(!session.asked().is_null());
        require(session.asked().text.find_first_of("\r\n<>") == std::string_view::npos ||
                session.asked().local[0] == '"');
        want = session.recipient_judged(Verdict::accept, out);
      }
    }
    buffer.erase(0, found.used);
    if (want == Want::chunk && session.chunk_size() > 1000) break;
    if (want == Want::content || (want == Want::chunk && session.chunk_wanted())) {
      require(!session.envelope().recipients.empty());
      const bool content = want == Want::content;
      want = content ? session.content_ended(ContentFacts(), 0, out) : session.chunk_ended(ContentFacts(), 0, out);
      if (want == Want::store) want = session.stored(true, false, "id", out);
    }
    if (want == Want::start_tls) session.tls_started();
  }
  check_replies(out);
  return out;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view in(reinterpret_cast<const char*>(data), size);
  const auto whole = converse(in, size + 1);
  require(whole == converse(in, 1));
  require(whole == converse(in, 7));
  return 0;
}
