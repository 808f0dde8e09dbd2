#include "smtp/delivery/mapped_file.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include <cerrno>
#include <cstdint>

#include "base/fd.hpp"
#include "smtp/queue/crc32c.hpp"

namespace genkan::smtp {

MappedFile::~MappedFile() {
  if (data_) ::munmap(data_, size_);
}

Result<MappedFile> MappedFile::open(const std::string& path, std::size_t size, std::uint32_t crc) {
  const base::UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  struct ::stat facts {};
  if (!fd || ::fstat(fd.get(), &facts) != 0) return Error(errno, boost::system::system_category());
  if (size == 0 || static_cast<std::size_t>(facts.st_size) != size) return Errc::corrupt;
  void* data = ::mmap(nullptr, size, PROT_READ, MAP_SHARED | MAP_POPULATE, fd.get(), 0);
  if (data == MAP_FAILED) return Error(errno, boost::system::system_category());
  MappedFile file;
  file.data_ = data;
  file.size_ = size;
  if (crc32c(0, file.text()) != crc) return Errc::corrupt;
  return file;
}

}  // namespace genkan::smtp
