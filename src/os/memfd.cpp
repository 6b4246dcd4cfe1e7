#include "os/memfd.hpp"

#include "os/error.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>

namespace cohort::os {

namespace {
constexpr int size_seals = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL;
}

Descriptor memory_file(char const* name, std::size_t size) {
  // Beyond RLIMIT_FSIZE ftruncate does not just fail: it raises SIGXFSZ, which kills.
  rlimit limit{};
  if (::getrlimit(RLIMIT_FSIZE, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY && limit.rlim_cur < size)
    fail(EFBIG, "a memory file of {} bytes is over the file size limit of {} (ulimit -f)", size,
         limit.rlim_cur);
  Descriptor file(::memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING));
  if (!file) fail(errno, "cannot make a memory file");
  if (retry([&] { return ::ftruncate(file.get(), static_cast<off_t>(size)); }) != 0)
    fail(errno, "cannot give a memory file {} bytes", size);
  if (::fcntl(file.get(), F_ADD_SEALS, size_seals) != 0) fail(errno, "cannot seal a memory file");
  return file;
}

std::size_t file_size(int descriptor) {
  struct stat status {};
  if (::fstat(descriptor, &status) != 0) fail(errno, "cannot tell the size of descriptor {}", descriptor);
  return static_cast<std::size_t>(status.st_size);
}

bool is_sealed(int descriptor) {
  int const seals = ::fcntl(descriptor, F_GET_SEALS);
  return seals != -1 && (seals & size_seals) == size_seals;
}

}  // namespace cohort::os
