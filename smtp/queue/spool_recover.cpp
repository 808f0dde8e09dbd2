// Reading the log back at the start. Sealed segments were durable before the next was begun, so that only their heads
// and metadata are read; in the last one the power may have gone in the middle, so that every octet is checked, what
// was torn is cut off, and a message whose body is damaged is dropped: nobody was told 250 for it.
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>

#include "smtp/queue/raw_record.hpp"
#include "smtp/queue/spool.hpp"

namespace genkan::smtp {
namespace {

namespace fs = std::filesystem;

Result<void> make_directory(const std::string& path, std::string& why) {
  if (::mkdir(path.c_str(), 0700) == 0 || errno == EEXIST) return {};
  const Error error(errno, boost::system::system_category());
  why = path + ": " + error.message();
  return error;
}

// The next offset after `from` where a good record stands; the size of the segment when there is none.
std::uint64_t find_record(const Segment& segment, std::uint64_t from) {
  constexpr std::size_t kWindow = 64 * 1024;
  constexpr std::string_view kMagic = "GKQR";
  std::string window;
  while (from + kRecordHead <= segment.size()) {
    window.resize(std::min<std::uint64_t>(kWindow, segment.size() - from));
    if (!segment.read(from, window.data(), window.size())) return segment.size();
    for (auto at = window.find(kMagic); at != std::string::npos; at = window.find(kMagic, at + 1)) {
      if (read_record(segment, from + at, false)) return from + at;
    }
    from += window.size() - (kMagic.size() - 1);
    if (window.size() < kWindow) break;
  }
  return segment.size();
}

}  // namespace

Result<void> Spool::recover(std::string& why) {
  std::error_code listed;
  fs::create_directories(options_.dir, listed);
  if (auto made = make_directory(options_.dir, why); !made) return made.error();
  if (auto made = make_directory(large_dir(), why); !made) return made.error();
  std::vector<std::uint32_t> numbers;
  for (const auto& entry : fs::directory_iterator(options_.dir, listed)) {
    std::uint32_t number = 0;
    if (Segment::parse_file_name(entry.path().filename().string(), number)) numbers.push_back(number);
  }
  if (listed) {
    why = options_.dir + ": " + listed.message();
    return Error(listed.value(), boost::system::system_category());
  }
  std::sort(numbers.begin(), numbers.end());
  for (const auto number : numbers) {
    auto segment = Segment::open(options_.dir, number);
    if (!segment) {
      why = options_.dir + "/" + Segment::file_name(number) + ": " + segment.error().message();
      return segment.error();
    }
    const bool last = number == numbers.back();
    if (last && (*segment)->size() < Segment::kHeader.size()) {  // it was just being made
      (*segment)->remove(options_.dir);
      break;
    }
    segments_.emplace(number, *segment);
    if (auto scanned = scan(*segment, last); !scanned) {
      why = options_.dir + "/" + Segment::file_name(number) + ": " + scanned.error().message();
      return scanned.error();
    }
    if (last) active_ = *segment;
  }
  const auto wall = std::chrono::duration_cast<std::chrono::microseconds>(WallClock::now().time_since_epoch()).count();
  next_id_ = std::max(next_id_.load(), static_cast<std::uint64_t>(wall));
  drop_orphans();
  if (!index_.empty())
    telemetry_.log.info("mail spool read", {{"items", index_.size()}, {"segments", segments_.size()}});
  return {};
}

Result<void> Spool::scan(const std::shared_ptr<Segment>& segment, bool last) {
  std::string header(Segment::kHeader.size(), '\0');
  if (auto got = segment->read(0, header.data(), header.size()); !got) return got.error();
  if (header != Segment::kHeader) return Errc::corrupt;
  auto offset = std::uint64_t{Segment::kHeader.size()};
  while (offset < segment->size()) {
    bool damaged = false;
    const auto record = read_record(*segment, offset, last, &damaged);
    if (!record) {
      const auto next = find_record(*segment, offset + 1);
      const auto lost = next - offset;
      if (next == segment->size() && last) {
        telemetry_.log.notice("the mail spool ends in a record that was never finished; it is cut off",
                              {{"segment", segment->number()}, {"octets", lost}});
        return segment->cut(offset);
      }
      telemetry_.log.error("the mail spool is damaged",
                           {{"segment", segment->number()}, {"offset", offset}, {"octets", lost}});
      offset = next;
      continue;
    }
    next_id_ = std::max(next_id_.load(), record->head.id + 1);
    if (damaged) {
      telemetry_.log.error("a message in the mail spool is damaged and dropped",
                           {{"id", id_text(record->head.id)}, {"segment", segment->number()}});
      auto meta = decode_message(record->meta());
      if (meta) {
        for (const auto& item : meta->items) finish(item.id);
      }
    } else if (!replay(record->head, record->meta(), segment->number(), offset)) {
      telemetry_.log.error("a record in the mail spool makes no sense",
                           {{"segment", segment->number()}, {"offset", offset}});
    }
    offset += record->head.size();
  }
  return {};
}

bool Spool::replay(const RecordHead& head, std::string_view meta, std::uint32_t segment, std::uint64_t offset) {
  const auto place = static_cast<std::uint32_t>(offset);
  switch (head.type) {
    case RecordType::message: {
      const auto message = decode_message(meta);
      if (!message) return false;
      for (const auto& item : message->items) next_id_ = std::max(next_id_.load(), item.id + 1);
      enter_message(*message, segment, place, static_cast<std::uint32_t>(head.size()));
      return true;
    }
    case RecordType::state: {
      auto state = decode_state(meta);
      if (!state) return false;
      state->id = head.id;
      enter_state(*state, segment, place);
      note_state(*state);
      return true;
    }
    case RecordType::finished:
      remove_item(head.id);
      return true;
  }
  return false;
}

// Content whose message never became durable, or was finished just before the end.
void Spool::drop_orphans() {
  std::error_code listed;
  for (const auto& entry : fs::directory_iterator(large_dir(), listed)) {
    const auto id = parse_id(entry.path().filename().string());
    if (id) {
      const auto item = index_.lower_bound(*id);
      if (item != index_.end() && item->second.large && item->first - item->second.position == *id) continue;
    }
    ::unlink(entry.path().c_str());
  }
}

}  // namespace genkan::smtp
